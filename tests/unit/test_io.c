/* SPDX-License-Identifier: Apache-2.0 */
/* Receives: data, ends, many sockets, TCP; on both backends. */
#include "tests/unit/io_fixture.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <unistd.h>

#include "broker/base/assert.h"

static void test_io_receive_one_write_delivers_its_bytes(void **state)
{
        Fixture *fixture = *state;
        Link *link = link_new(fixture, 0);

        fixture_turn(fixture, 0);
        link_write(link, "hello", 5);
        FIXTURE_UNTIL(fixture, link->size == 5);
        assert_memory_equal(link->data, "hello", 5);
        assert_int_equal(link->n_records, 1);
        assert_int_equal(link->n_ended, 0);
        assert_false(link->fds_lost);
        link_free(fixture, link);
}

static void test_io_receive_long_stream_keeps_order(void **state)
{
        enum { SIZE = 5 * 1000 * 1000 + 17 };
        Fixture *fixture = *state;
        Link *plain = link_new(fixture, 0);
        Link *with_fds = link_new(fixture, 16);
        size_t position[2] = {0, 0};

        while (plain->size < SIZE || with_fds->size < SIZE) {
                position[0] = link_pour(plain, position[0], SIZE);
                position[1] = link_pour(with_fds, position[1], SIZE);
                fixture_turn(fixture, 100);
        }
        assert_pattern(plain->data, SIZE, 0);
        assert_pattern(with_fds->data, SIZE, 0);
        assert_int_equal(plain->n_ended + with_fds->n_ended, 0);
        link_free(fixture, plain);
        link_free(fixture, with_fds);
}

/*
 * Data and the end, both there before anyone looks. Some kernels' multishot receive takes the data
 * and then waits for ever for an event that has passed; so this is tried in every order.
 */
static void expect_data_then_end(Fixture *fixture, Link *link)
{
        FIXTURE_UNTIL(fixture, link->n_ended > 0);
        assert_int_equal(link->size, 10);
        assert_memory_equal(link->data, "last words", 10);
        assert_int_equal(link->error, -EPIPE);
        fixture_idle(fixture, 10);
        assert_int_equal(link->n_ended, 1);
        link_free(fixture, link);
}

static void test_io_receive_data_and_close_before_arming_delivers_both(void **state)
{
        Fixture *fixture = *state;
        Link *link = link_new(fixture, 16);

        link_write(link, "last words", 10);
        close(link->far);
        link->far = -1;
        expect_data_then_end(fixture, link);
}

static void test_io_receive_data_and_close_after_arming_delivers_both(void **state)
{
        Fixture *fixture = *state;
        Link *link = link_new(fixture, 16);

        fixture_turn(fixture, 0);
        link_write(link, "last words", 10);
        close(link->far);
        link->far = -1;
        expect_data_then_end(fixture, link);
}

static void test_io_receive_data_and_shutdown_while_stopped_delivers_both(void **state)
{
        Fixture *fixture = *state;
        Link *link = link_new(fixture, 0);

        fixture_turn(fixture, 0);
        io_stop(fixture->io, &link->socket);
        FIXTURE_UNTIL(fixture, !link->socket.receiving);
        link->n_ended = 0;
        link_write(link, "last words", 10);
        assert_int_equal(shutdown(link->far, SHUT_WR), 0);
        fixture_idle(fixture, 5);
        assert_int_equal(link->size, 0);
        io_receive(fixture->io, &link->socket);
        expect_data_then_end(fixture, link);
}

static void test_io_receive_reset_by_peer_reports_econnreset(void **state)
{
        Fixture *fixture = *state;
        Link *link = link_new(fixture, 0);

        fixture_turn(fixture, 0);
        /* An AF_UNIX socket closed with unread data resets the other side. */
        assert_int_equal(send(link->socket.fd, "unread", 6, 0), 6);
        close(link->far);
        link->far = -1;
        FIXTURE_UNTIL(fixture, link->n_ended > 0);
        assert_int_equal(link->error, -ECONNRESET);
        link_free(fixture, link);
}

static void test_io_receive_shutdown_of_own_end_reports_epipe(void **state)
{
        Fixture *fixture = *state;
        Link *link = link_new(fixture, 0);

        fixture_turn(fixture, 0);
        assert_int_equal(shutdown(link->socket.fd, SHUT_RDWR), 0);
        FIXTURE_UNTIL(fixture, link->n_ended > 0);
        assert_int_equal(link->error, -EPIPE);
        link_free(fixture, link);
}

static void test_io_receive_bad_descriptor_reports_ebadf(void **state)
{
        Fixture *fixture = *state;
        IoSocket socket = {.fd = 1 << 20};
        IoReceived received;

        assert_int_equal(io_add(fixture->io, &socket), 0);
        io_receive(fixture->io, &socket);
        while (!io_wait(fixture->io, 0, false))
                ;
        assert_true(io_next(fixture->io, &received));
        assert_ptr_equal(received.socket, &socket);
        assert_int_equal(received.error, -EBADF);
        assert_true(received.ended);
        assert_null(received.buffer);
        assert_false(socket.receiving);
        assert_false(io_next(fixture->io, &received));
        io_remove(fixture->io, &socket);
}

static void test_io_receive_300_sockets_at_once_all_are_served(void **state)
{
        enum { N = 300 };
        Fixture *fixture = *state;
        Link *links[N];
        uint64_t entries;
        unsigned n_done;

        for (unsigned i = 0; i < N; i++)
                links[i] = link_new(fixture, i % 2 ? 16 : 0);
        fixture_turn(fixture, 0);
        entries = io_counters(fixture->io)->kernel_entries;
        for (unsigned i = 0; i < N; i++)
                link_write(links[i], &i, sizeof(i));
        do {
                fixture_turn(fixture, 100);
                n_done = 0;
                for (unsigned i = 0; i < N; i++)
                        n_done += links[i]->size == sizeof(i);
        } while (n_done < N);
        entries = io_counters(fixture->io)->kernel_entries - entries;
        print_message("          300 messages from 300 sockets: %u kernel entries\n",
                      (unsigned)entries);
        /* The kernel hands out about 20 at a time; epoll needs a recvmsg for each. */
        if (io_backend(fixture->io) == IO_BACKEND_URING)
                assert_true(entries <= N / 8);
        for (unsigned i = 0; i < N; i++) {
                assert_memory_equal(links[i]->data, &i, sizeof(i));
                link_free(fixture, links[i]);
        }
}

static void test_io_receive_many_messages_costs_few_kernel_entries(void **state)
{
        enum { N = 32, SIZE = 120 };
        Fixture *fixture = *state;
        Link *link = link_new(fixture, 16);
        uint8_t message[SIZE] = {0};
        uint64_t entries;

        fixture_turn(fixture, 0);
        entries = io_counters(fixture->io)->kernel_entries;
        for (unsigned i = 0; i < N; i++)
                link_write(link, message, SIZE);
        FIXTURE_UNTIL(fixture, link->size == N * SIZE);
        entries = io_counters(fixture->io)->kernel_entries - entries;
        print_message("          %d messages of one socket: %u kernel entries, %u receives\n", N,
                      (unsigned)entries, link->n_records);
        assert_true(entries <= 6);
        link_free(fixture, link);
}

static void test_io_poll_tells_of_data_without_a_wait(void **state)
{
        Fixture *fixture = *state;
        Link *link = link_new(fixture, 0);
        uint64_t sleeps;

        fixture_idle(fixture, 5);
        assert_false(io_poll(fixture->io));
        sleeps = io_counters(fixture->io)->sleeps;
        link_write(link, "x", 1);
        for (uint64_t deadline = fixture_deadline(); !io_poll(fixture->io);)
                assert_true(fixture_before(deadline));
        fixture_turn(fixture, 0);
        assert_int_equal(link->size, 1);
        assert_int_equal(io_counters(fixture->io)->sleeps, sleeps);
        link_free(fixture, link);
}

/* A connected TCP pair through a listening socket: near end first. */
static void connect_tcp(int *fds)
{
        struct sockaddr_in address = {.sin_family = AF_INET,
                                      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        socklen_t size = sizeof(address);
        int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        assert_true(listener >= 0);
        assert_int_equal(bind(listener, (struct sockaddr *)&address, size), 0);
        assert_int_equal(listen(listener, 1), 0);
        assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &size), 0);
        fds[1] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(connect(fds[1], (struct sockaddr *)&address, size), 0);
        /* Accepted sockets are non-blocking in the gate; that must not matter here. */
        fds[0] = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        assert_true(fds[0] >= 0);
        close(listener);
}

static void test_io_tcp_connection_carries_data_both_ways(void **state)
{
        enum { SIZE = 4 * 1000 * 1000 };
        Fixture *fixture = *state;
        Link *link = link_new(fixture, 0);
        uint8_t *data = malloc(SIZE);
        uint8_t *back = malloc(SIZE);
        Outgoing outgoing;
        size_t position = 0;
        size_t n_back = 0;
        int fds[2];

        assert_true(data && back);
        io_remove(fixture->io, &link->socket);
        close(link->socket.fd);
        close(link->far);
        connect_tcp(fds);
        link->socket = (IoSocket){.fd = fds[0]};
        link->far = fds[1];
        assert_int_equal(io_add(fixture->io, &link->socket), 0);
        io_receive(fixture->io, &link->socket);
        fixture_pattern(data, SIZE, 77);
        outgoing_init(&outgoing, link->socket.fd, IO_SEND_ALL, data, SIZE);
        io_send(fixture->io, &outgoing.send);
        while (link->size < SIZE || n_back < SIZE || fixture->n_results == 0) {
                ssize_t n;

                position = link_pour(link, position, SIZE);
                n = recv(link->far, back + n_back, SIZE - n_back, MSG_DONTWAIT);
                n_back += n > 0 ? (size_t)n : 0;
                fixture_turn(fixture, 1);
        }
        assert_int_equal(fixture->results[0].result, SIZE);
        assert_pattern(link->data, SIZE, 0);
        assert_memory_equal(back, data, SIZE);
        free(data);
        free(back);
        link_free(fixture, link);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                FIXTURE_TEST(test_io_receive_one_write_delivers_its_bytes),
                FIXTURE_TEST(test_io_receive_long_stream_keeps_order),
                FIXTURE_TEST(test_io_receive_data_and_close_before_arming_delivers_both),
                FIXTURE_TEST(test_io_receive_data_and_close_after_arming_delivers_both),
                FIXTURE_TEST(test_io_receive_data_and_shutdown_while_stopped_delivers_both),
                FIXTURE_TEST(test_io_receive_reset_by_peer_reports_econnreset),
                FIXTURE_TEST(test_io_receive_shutdown_of_own_end_reports_epipe),
                FIXTURE_TEST(test_io_receive_bad_descriptor_reports_ebadf),
                FIXTURE_TEST(test_io_receive_300_sockets_at_once_all_are_served),
                FIXTURE_TEST(test_io_receive_many_messages_costs_few_kernel_entries),
                FIXTURE_TEST(test_io_poll_tells_of_data_without_a_wait),
                FIXTURE_TEST(test_io_tcp_connection_carries_data_both_ways),
        };

        return fixture_run("io", tests, ARRAY_SIZE(tests));
}
