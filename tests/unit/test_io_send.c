/* SPDX-License-Identifier: Apache-2.0 */
/* Sends: full sockets, dead peers, fds; on both backends. */
#include "tests/unit/io_fixture.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "broker/base/assert.h"
#include "broker/base/clock.h"

enum { BIG = 4 * 1000 * 1000 }; /* far more than a socket holds */

static void test_io_send_try_on_an_empty_socket_completes_within_submit(void **state)
{
        Fixture *fixture = *state;
        Link *link = link_new(fixture, 0);
        Outgoing outgoing;
        char text[5];

        outgoing_init(&outgoing, link->socket.fd, IO_SEND_TRY, "hello", 5);
        io_send(fixture->io, &outgoing.send);
        assert_true(outgoing.send.queued);
        assert_int_equal(fixture->n_results, 0);
        io_submit(fixture->io);
        assert_int_equal(fixture->n_results, 1);
        assert_ptr_equal(fixture->results[0].send, &outgoing.send);
        assert_int_equal(fixture->results[0].result, 5);
        assert_false(outgoing.send.queued);
        link_read(link, text, 5);
        assert_memory_equal(text, "hello", 5);
        link_free(fixture, link);
}

static void test_io_send_try_on_a_full_socket_is_short_then_eagain(void **state)
{
        Fixture *fixture = *state;
        Link *link = link_new(fixture, 0);
        uint8_t *data = fixture_new_pattern(BIG);
        uint8_t *back = malloc(BIG);
        Outgoing outgoing;
        size_t sent;
        size_t position = 0;

        assert_non_null(back);
        outgoing_init(&outgoing, link->socket.fd, IO_SEND_TRY, data, BIG);
        io_send(fixture->io, &outgoing.send);
        io_submit(fixture->io);
        assert_int_equal(fixture->n_results, 1);
        sent = (size_t)fixture->results[0].result;
        assert_true(fixture->results[0].result > 0 && sent < BIG);
        outgoing_init(&outgoing, link->socket.fd, IO_SEND_TRY, data + sent, BIG - sent);
        io_send(fixture->io, &outgoing.send);
        io_submit(fixture->io);
        assert_int_equal(fixture->n_results, 2);
        assert_int_equal(fixture->results[1].result, -EAGAIN);
        /* The rest waits for room, and goes on whenever the reader makes some. */
        outgoing_init(&outgoing, link->socket.fd, IO_SEND_ALL, data + sent, BIG - sent);
        io_send(fixture->io, &outgoing.send);
        fixture_idle(fixture, 20);
        assert_int_equal(fixture->n_results, 2);
        assert_true(outgoing.send.queued);
        while (position < BIG) {
                position = link_drain(link, back, position, BIG);
                fixture_turn(fixture, 1);
        }
        FIXTURE_UNTIL(fixture, fixture->n_results == 3);
        assert_int_equal(fixture->results[2].result, BIG - sent);
        assert_memory_equal(back, data, BIG);
        free(data);
        free(back);
        link_free(fixture, link);
}

static void test_io_send_all_of_1024_pieces_resumes_at_the_right_byte(void **state)
{
        enum { PIECE = 1999, SIZE = PIECE * IO_IOVECS_MAX };
        Fixture *fixture = *state;
        Link *link = link_new(fixture, 0);
        uint8_t *data = fixture_new_pattern(SIZE);
        uint8_t *back = malloc(SIZE);
        struct iovec *pieces = calloc(IO_IOVECS_MAX, sizeof(*pieces));
        Outgoing outgoing;
        size_t position = 0;

        assert_true(back && pieces);
        for (unsigned i = 0; i < IO_IOVECS_MAX; i++)
                pieces[i] = (struct iovec){data + (size_t)i * PIECE, PIECE};
        outgoing_init(&outgoing, link->socket.fd, IO_SEND_ALL, NULL, 0);
        outgoing.send.message.msg_iov = pieces;
        outgoing.send.message.msg_iovlen = IO_IOVECS_MAX;
        io_send(fixture->io, &outgoing.send);
        while (position < SIZE) {
                /* A slow reader: a few odd bytes at a time. */
                size_t end = position + 30011 < SIZE ? position + 30011 : SIZE;

                position = link_drain(link, back, position, end);
                fixture_turn(fixture, 0);
        }
        FIXTURE_UNTIL(fixture, fixture->n_results == 1);
        assert_int_equal(fixture->results[0].result, SIZE);
        assert_memory_equal(back, data, SIZE);
        /* The caller's pieces are as they were. */
        for (unsigned i = 0; i < IO_IOVECS_MAX; i++) {
                assert_ptr_equal(pieces[i].iov_base, data + (size_t)i * PIECE);
                assert_int_equal(pieces[i].iov_len, PIECE);
        }
        free(data);
        free(back);
        free(pieces);
        link_free(fixture, link);
}

static void test_io_send_all_when_the_peer_dies_half_way_is_short_then_epipe(void **state)
{
        Fixture *fixture = *state;
        Link *link = link_new(fixture, 0);
        uint8_t *data = fixture_new_pattern(BIG);
        Outgoing outgoing;

        outgoing_init(&outgoing, link->socket.fd, IO_SEND_ALL, data, BIG);
        io_send(fixture->io, &outgoing.send);
        fixture_idle(fixture, 5);
        assert_int_equal(fixture->n_results, 0);
        close(link->far);
        link->far = -1;
        FIXTURE_UNTIL(fixture, fixture->n_results == 1);
        assert_true(fixture->results[0].result > 0 && fixture->results[0].result < BIG);
        outgoing_init(&outgoing, link->socket.fd, IO_SEND_ALL, data, BIG);
        io_send(fixture->io, &outgoing.send);
        FIXTURE_UNTIL(fixture, fixture->n_results == 2);
        /* The first error on an AF_UNIX socket may be the reset (unread data were thrown away). */
        assert_true(fixture->results[1].result == -EPIPE ||
                    fixture->results[1].result == -ECONNRESET);
        free(data);
        link_free(fixture, link);
}

static void test_io_send_all_on_own_shutdown_ends(void **state)
{
        Fixture *fixture = *state;
        Link *link = link_new(fixture, 0);
        uint8_t *data = fixture_new_pattern(BIG);
        Outgoing outgoing;

        outgoing_init(&outgoing, link->socket.fd, IO_SEND_ALL, data, BIG);
        io_send(fixture->io, &outgoing.send);
        fixture_idle(fixture, 5);
        assert_int_equal(fixture->n_results, 0);
        assert_int_equal(shutdown(link->socket.fd, SHUT_RDWR), 0);
        FIXTURE_UNTIL(fixture, fixture->n_results == 1);
        assert_true(fixture->results[0].result < BIG);
        free(data);
        link_free(fixture, link);
}

static void test_io_send_to_a_dead_peer_or_bad_descriptor_is_an_error(void **state)
{
        Fixture *fixture = *state;
        Link *link = link_new(fixture, 0);
        Outgoing outgoing[3];

        close(link->far);
        link->far = -1;
        outgoing_init(&outgoing[0], link->socket.fd, IO_SEND_TRY, "x", 1);
        outgoing_init(&outgoing[1], 1 << 20, IO_SEND_TRY, "x", 1);
        outgoing_init(&outgoing[2], 1 << 20, IO_SEND_ALL, "x", 1);
        for (unsigned i = 0; i < 3; i++)
                io_send(fixture->io, &outgoing[i].send);
        FIXTURE_UNTIL(fixture, fixture->n_results == 3);
        for (unsigned i = 0; i < 3; i++) {
                bool first = fixture->results[i].send == &outgoing[0].send;

                assert_int_equal(fixture->results[i].result, first ? -EPIPE : -EBADF);
        }
        link_free(fixture, link);
}

static void test_io_send_all_hands_fds_over_exactly_once(void **state)
{
        enum { SIZE = 2 * 1000 * 1000 };
        Fixture *fixture = *state;
        Link *link = link_new(fixture, 0);
        Link *reader = calloc(1, sizeof(*reader));
        uint8_t *data = fixture_new_pattern(SIZE);
        Outgoing outgoing;
        int fds[3] = {link->far, link->far, link->far};

        /* The far end becomes a socket of the Io as well: it reads what the near end sends. */
        assert_non_null(reader);
        reader->socket = (IoSocket){.fd = dup(link->far), .with_fds = true, .n_fds_max = 16};
        reader->far = -1;
        assert_int_equal(io_add(fixture->io, &reader->socket), 0);
        outgoing_init(&outgoing, link->socket.fd, IO_SEND_ALL, data, SIZE);
        outgoing_attach(&outgoing, fds, 3);
        io_send(fixture->io, &outgoing.send);
        fixture_idle(fixture, 5);
        assert_int_equal(fixture->n_results, 0);
        io_receive(fixture->io, &reader->socket);
        FIXTURE_UNTIL(fixture, reader->size == SIZE && fixture->n_results == 1);
        assert_int_equal(fixture->results[0].result, SIZE);
        assert_memory_equal(reader->data, data, SIZE);
        assert_int_equal(reader->n_fds, 3);
        assert_false(reader->fds_lost);
        free(data);
        link_free(fixture, reader);
        link_free(fixture, link);
}

static void test_io_send_both_ways_on_one_full_socket_goes_on(void **state)
{
        Fixture *fixture = *state;
        Link *link = link_new(fixture, 0);
        uint8_t *data = fixture_new_pattern(BIG);
        uint8_t *back = malloc(BIG);
        Outgoing outgoing;
        size_t position = 0;

        assert_non_null(back);
        outgoing_init(&outgoing, link->socket.fd, IO_SEND_ALL, data, BIG);
        io_send(fixture->io, &outgoing.send);
        while (position < BIG || link->size < 100 * 1000) {
                /* Something to receive in every turn, while the send waits for room. */
                if (link->size < 100 * 1000)
                        link_write(link, data + link->size, 1000);
                position = link_drain(link, back, position,
                                      position + 5000 < BIG ? position + 5000 : BIG);
                fixture_turn(fixture, 0);
        }
        FIXTURE_UNTIL(fixture, fixture->n_results == 1);
        assert_memory_equal(back, data, BIG);
        assert_memory_equal(link->data, data, 100 * 1000);
        free(data);
        free(back);
        link_free(fixture, link);
}

static void test_io_wait_that_found_a_completed_send_does_not_sleep(void **state)
{
        Fixture *fixture = *state;
        Link *link = link_new(fixture, 0);
        uint8_t *data = fixture_new_pattern(BIG);
        uint8_t *back = malloc(BIG);
        Outgoing outgoing;
        uint64_t start;
        size_t position = 0;

        assert_non_null(back);
        outgoing_init(&outgoing, link->socket.fd, IO_SEND_ALL, data, BIG);
        io_send(fixture->io, &outgoing.send);
        /* More than a socket holds is left; from here on the kernel is entered by io_poll() only.
         */
        while (position < BIG - 600 * 1000) {
                fixture_turn(fixture, 1);
                position = link_drain(link, back, position, position + 30 * 1000);
        }
        assert_int_equal(fixture->n_results, 0);
        for (uint64_t deadline = fixture_deadline(); !io_poll(fixture->io);) {
                position = link_drain(link, back, position, BIG);
                assert_true(fixture_before(deadline));
        }
        start = clock_now_ns();
        while (fixture->n_results == 0)
                io_wait(fixture->io, FIXTURE_TOO_LONG_S * CLOCK_NS_PER_S, true);
        assert_true(clock_now_ns() - start < FIXTURE_PATIENCE_S * CLOCK_NS_PER_S);
        assert_int_equal(fixture->results[0].result, BIG);
        free(data);
        free(back);
        link_free(fixture, link);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                FIXTURE_TEST(test_io_send_try_on_an_empty_socket_completes_within_submit),
                FIXTURE_TEST(test_io_send_try_on_a_full_socket_is_short_then_eagain),
                FIXTURE_TEST(test_io_send_all_of_1024_pieces_resumes_at_the_right_byte),
                FIXTURE_TEST(test_io_send_all_when_the_peer_dies_half_way_is_short_then_epipe),
                FIXTURE_TEST(test_io_send_all_on_own_shutdown_ends),
                FIXTURE_TEST(test_io_send_to_a_dead_peer_or_bad_descriptor_is_an_error),
                FIXTURE_TEST(test_io_send_all_hands_fds_over_exactly_once),
                FIXTURE_TEST(test_io_send_both_ways_on_one_full_socket_goes_on),
                FIXTURE_TEST(test_io_wait_that_found_a_completed_send_does_not_sleep),
        };

        return fixture_run("io_send", tests, ARRAY_SIZE(tests));
}
