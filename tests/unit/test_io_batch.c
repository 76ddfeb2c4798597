/* SPDX-License-Identifier: Apache-2.0 */
/* Many sends at once, and what the handler may do; on both backends. */
#include "tests/unit/io_fixture.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "broker/base/assert.h"
#include "broker/base/clock.h"

static void send_again(Fixture *fixture, IoSend *send, ssize_t result)
{
        unsigned *n_left = fixture->context;

        assert_int_equal(result, 1);
        if (*n_left > 0) {
                (*n_left)--;
                io_send(fixture->io, send);
        }
}

static void test_io_send_queued_by_the_handler_completes_in_the_same_call(void **state)
{
        Fixture *fixture = *state;
        Link *link = link_new(fixture, 0);
        unsigned n_left = 99;
        Outgoing outgoing;
        char text[200];

        fixture->on_sent = send_again;
        fixture->context = &n_left;
        outgoing_init(&outgoing, link->socket.fd, IO_SEND_TRY, "y", 1);
        io_send(fixture->io, &outgoing.send);
        io_submit(fixture->io);
        assert_int_equal(fixture->n_results, 100);
        assert_int_equal(recv(link->far, text, sizeof(text), MSG_DONTWAIT), 100);
        n_left = 99;
        io_send(fixture->io, &outgoing.send);
        /* Also in a wait that might sleep: it must not, or the handler's news would rest. */
        io_wait(fixture->io, UINT64_MAX, true);
        assert_int_equal(fixture->n_results, 200);
        link_free(fixture, link);
}

static void test_io_send_1000_at_once_overflows_no_queue(void **state)
{
        enum { N = 1000 };
        Fixture *fixture = *state;
        Link *link = link_new(fixture, 0);
        Outgoing *outgoing = calloc(N, sizeof(*outgoing));
        uint64_t entries = io_counters(fixture->io)->kernel_entries;
        char text[N + 1];

        assert_non_null(outgoing);
        for (unsigned i = 0; i < N; i++) {
                outgoing_init(&outgoing[i], link->socket.fd, IO_SEND_TRY, "z", 1);
                io_send(fixture->io, &outgoing[i].send);
        }
        io_submit(fixture->io);
        entries = io_counters(fixture->io)->kernel_entries - entries;
        print_message("          %d sends: %u kernel entries\n", N, (unsigned)entries);
        if (io_backend(fixture->io) == IO_BACKEND_URING)
                assert_true(entries <= 5);
        assert_int_equal(fixture->n_results, N);
        assert_int_equal(io_counters(fixture->io)->sends, N);
        /* Each byte is an skb of its own: some may not have fitted. */
        for (unsigned i = 0; i < N; i++)
                assert_true(fixture->results[i].result == 1 ||
                            fixture->results[i].result == -EAGAIN);
        assert_true(recv(link->far, text, sizeof(text), MSG_DONTWAIT) > 100);
        free(outgoing);
        link_free(fixture, link);
}

static void test_io_send_to_many_full_sockets_all_complete(void **state)
{
        enum { N = 300, SIZE = 600 * 1000 };
        Fixture *fixture = *state;
        Link *links[N];
        Outgoing *outgoing = calloc(N, sizeof(*outgoing));
        uint8_t *data = fixture_new_pattern(SIZE);
        uint8_t *back = malloc(SIZE);
        size_t positions[N] = {0};
        unsigned n_done = 0;

        assert_true(outgoing && back);
        for (unsigned i = 0; i < N; i++) {
                links[i] = link_new(fixture, 0);
                outgoing_init(&outgoing[i], links[i]->socket.fd, IO_SEND_ALL, data, SIZE);
                io_send(fixture->io, &outgoing[i].send);
        }
        fixture_idle(fixture, 1);
        assert_int_equal(fixture->n_results, 0);
        while (n_done < N) {
                n_done = 0;
                for (unsigned i = 0; i < N; i++) {
                        size_t before = positions[i];

                        positions[i] = link_drain(links[i], back, before, SIZE);
                        assert_memory_equal(back + before, data + before, positions[i] - before);
                        n_done += positions[i] == SIZE;
                }
                fixture_turn(fixture, 1);
        }
        FIXTURE_UNTIL(fixture, fixture->n_results == N);
        for (unsigned i = 0; i < N; i++) {
                assert_int_equal(fixture->results[i].result, SIZE);
                link_free(fixture, links[i]);
        }
        free(outgoing);
        free(data);
        free(back);
}

static void remove_link(Fixture *fixture, IoSend *send, ssize_t result)
{
        Link *link = fixture->context;

        (void)send;
        (void)result;
        io_remove(fixture->io, &link->socket);
}

static void test_io_remove_from_within_the_handler_is_allowed(void **state)
{
        Fixture *fixture = *state;
        Link *link = link_new(fixture, 16);
        Outgoing outgoing;

        fixture_turn(fixture, 0);
        fixture->on_sent = remove_link;
        fixture->context = link;
        link_write_fds(link, "to nobody", 9, 2);
        outgoing_init(&outgoing, link->socket.fd, IO_SEND_TRY, "bye", 3);
        io_send(fixture->io, &outgoing.send);
        fixture_idle(fixture, 10);
        assert_false(link->socket.added);
        assert_int_equal(fixture->n_results, 1);
        link_free(fixture, link);
}

/* Fills the socket whenever there is room, until told to stop. */
typedef struct Flood {
        Link *link;
        atomic_bool stop;
        size_t n_written;
} Flood;

static void *flood_run(void *context)
{
        Flood *flood = context;
        struct pollfd room = {.fd = flood->link->far, .events = POLLOUT};

        while (!atomic_load(&flood->stop)) {
                flood->n_written = link_pour(flood->link, flood->n_written, SIZE_MAX);
                poll(&room, 1, 10);
        }
        return NULL;
}

/* Whoever writes faster than it is handed out gets no more than its share of the buffers, keeps
 * nobody waiting behind it, and loses nothing. */
static void test_io_receive_flooder_gets_its_share_only(void **state)
{
        /* Where others want the processor, each yield may last: 300 rounds would take minutes. */
        enum { SHARE = 80, AHEAD = 40, N_ROUNDS = 300, N_ROUNDS_MIN = 20, ENOUGH_S = 10 };
        Fixture *fixture = *state;
        Flood flood = {.link = link_new(fixture, 0)};
        Link *other = link_new(fixture, 0);
        const uint64_t enough_ns = clock_now_ns() + ENOUGH_S * CLOCK_NS_PER_S;
        IoReceived received;
        pthread_t thread;

        fixture_turn(fixture, 0);
        assert_int_equal(pthread_create(&thread, NULL, flood_run, &flood), 0);
        while (io_buffers_free(fixture->io) == io_buffers_total(fixture->io))
                io_wait(fixture->io, 0, false);
        for (unsigned round = 0;
             round < N_ROUNDS && (round < N_ROUNDS_MIN || clock_now_ns() < enough_ns); round++) {
                unsigned n_ahead = 0;

                /* Nothing is handed out for a while. */
                for (unsigned i = 0; i < 20; i++) {
                        io_wait(fixture->io, 0, false);
                        sched_yield();
                }
                assert_true(io_buffers_total(fixture->io) - io_buffers_free(fixture->io) < SHARE);
                link_write(other, "x", 1);
                for (;;) {
                        io_wait(fixture->io, 0, false);
                        if (!io_next(fixture->io, &received))
                                continue;
                        link_collect(&received);
                        if (received.socket == &other->socket)
                                break;
                        assert_true(++n_ahead < AHEAD);
                }
        }
        atomic_store(&flood.stop, true);
        pthread_join(thread, NULL);
        FIXTURE_UNTIL(fixture, flood.link->size == flood.n_written);
        assert_pattern(flood.link->data, flood.link->size, 0);
        link_free(fixture, other);
        link_free(fixture, flood.link);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                FIXTURE_TEST(test_io_send_queued_by_the_handler_completes_in_the_same_call),
                FIXTURE_TEST(test_io_send_1000_at_once_overflows_no_queue),
                FIXTURE_TEST(test_io_send_to_many_full_sockets_all_complete),
                FIXTURE_TEST(test_io_receive_flooder_gets_its_share_only),
                FIXTURE_TEST(test_io_remove_from_within_the_handler_is_allowed),
        };

        return fixture_run("io_batch", tests, ARRAY_SIZE(tests));
}
