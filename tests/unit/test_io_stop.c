/* SPDX-License-Identifier: Apache-2.0 */
/* Stopping, receiving into given memory, removal; on both backends. */
#include "tests/unit/io_fixture.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "broker/base/assert.h"

static void test_io_stop_idle_socket_ends_without_data(void **state)
{
        Fixture *fixture = *state;
        Link *link = link_new(fixture, 0);

        fixture_turn(fixture, 0);
        io_stop(fixture->io, &link->socket);
        io_stop(fixture->io, &link->socket);
        assert_true(link->socket.stopping);
        FIXTURE_UNTIL(fixture, link->n_ended > 0);
        assert_int_equal(link->error, 0);
        assert_int_equal(link->size, 0);
        assert_false(link->socket.receiving);
        assert_false(link->socket.stopping);
        /* Stopped means stopped: data stay in the socket. */
        link_write(link, "later", 5);
        fixture_idle(fixture, 20);
        assert_int_equal(link->n_records, 1);
        io_receive(fixture->io, &link->socket);
        FIXTURE_UNTIL(fixture, link->size == 5);
        link_free(fixture, link);
}

/* Nothing is received, and still the end is noticed, with data before it or not; once. */
static void test_io_stop_then_hang_up_is_reported(void **state)
{
        Fixture *fixture = *state;

        for (unsigned round = 0; round < 4; round++) {
                const bool with_data = round & 1, half = round & 2;
                Link *link = link_new(fixture, 0);

                fixture_turn(fixture, 0);
                io_stop(fixture->io, &link->socket);
                FIXTURE_UNTIL(fixture, link->n_ended == 1);
                if (with_data) {
                        link_write(link, "later", 5);
                        fixture_idle(fixture, 10);
                }
                assert_int_equal(link->n_hung_up, 0);
                if (half) {
                        shutdown(link->far, SHUT_WR);
                } else {
                        close(link->far);
                        link->far = -1;
                }
                FIXTURE_UNTIL(fixture, link->n_hung_up > 0);
                assert_int_equal(link->n_records, 1);
                io_receive(fixture->io, &link->socket);
                FIXTURE_UNTIL(fixture, link->n_ended == 2);
                assert_int_equal(link->error, -EPIPE);
                assert_int_equal(link->size, with_data ? 5 : 0);
                fixture_idle(fixture, 10);
                assert_int_equal(link->n_hung_up, 1);
                link_free(fixture, link);
        }
}

/* Messages with fds take a buffer each. A receive that has run out of buffers goes on when there
 * are some again; if it then waits for an event, that of the end is past. */
static void test_io_stop_then_the_end_behind_more_than_the_buffers_hold(void **state)
{
        enum { N = 100, BUFFERS_MAX = 40 };
        Fixture *fixture = *state;

        for (unsigned n = 1; n <= N; n++) {
                fixture_resize(fixture, 1 + n % BUFFERS_MAX);
                Link *link = link_new(fixture, 1);

                fixture_turn(fixture, 0);
                io_stop(fixture->io, &link->socket);
                FIXTURE_UNTIL(fixture, link->n_ended == 1);
                for (unsigned i = 0; i < n; i++)
                        link_write_fds(link, "x", 1, 1);
                close(link->far);
                link->far = -1;
                FIXTURE_UNTIL(fixture, link->n_hung_up > 0);
                io_receive(fixture->io, &link->socket);
                FIXTURE_UNTIL(fixture, link->n_ended == 2);
                assert_int_equal(link->error, -EPIPE);
                assert_int_equal(link->size, n);
                link_free(fixture, link);
        }
}

static void test_io_stop_before_the_first_wait_ends(void **state)
{
        Fixture *fixture = *state;
        Link *link = link_new(fixture, 0);

        io_stop(fixture->io, &link->socket);
        FIXTURE_UNTIL(fixture, link->n_ended == 1);
        fixture_idle(fixture, 10);
        assert_int_equal(link->n_ended, 1);
        link_free(fixture, link);
}

static void test_io_stop_after_the_end_gives_one_end_only(void **state)
{
        Fixture *fixture = *state;
        Link *link = link_new(fixture, 0);

        close(link->far);
        link->far = -1;
        /* The end is received, not yet delivered. */
        while (!io_wait(fixture->io, 0, false))
                ;
        io_stop(fixture->io, &link->socket);
        FIXTURE_UNTIL(fixture, link->n_ended > 0);
        assert_int_equal(link->error, -EPIPE);
        fixture_idle(fixture, 10);
        assert_int_equal(link->n_ended, 1);
        link_free(fixture, link);
}

static void test_io_stop_and_restart_in_a_stream_loses_no_byte(void **state)
{
        enum { SIZE = 3 * 1000 * 1000 };
        Fixture *fixture = *state;
        Link *link = link_new(fixture, 16);
        size_t position = 0;
        unsigned n_stops = 0;

        while (link->size < SIZE) {
                position = link_pour(link, position, SIZE);
                fixture_turn(fixture, 100);
                if (link->socket.receiving && !link->socket.stopping) {
                        io_stop(fixture->io, &link->socket);
                        n_stops++;
                }
                if (!link->socket.receiving)
                        io_receive(fixture->io, &link->socket);
        }
        assert_pattern(link->data, SIZE, 0);
        assert_true(n_stops > 5);
        link_free(fixture, link);
}

static void test_io_receive_into_takes_a_body_of_1_mb_and_not_a_byte_more(void **state)
{
        enum { HEAD = 100, SIZE = 1000 * 1000, REST = 300 };
        Fixture *fixture = *state;
        Link *link = link_new(fixture, 16);
        uint8_t *body = malloc(SIZE);
        size_t position = link_pour(link, 0, HEAD);
        size_t got;

        assert_non_null(body);
        FIXTURE_UNTIL(fixture, link->size == HEAD);
        io_stop(fixture->io, &link->socket);
        FIXTURE_UNTIL(fixture, !link->socket.receiving);
        assert_int_equal(link->size, HEAD);
        for (got = 0; got < SIZE;) {
                IoReceived received;

                io_receive_into(fixture->io, &link->socket, body + got, SIZE - got);
                do {
                        position = link_pour(link, position, HEAD + SIZE + REST);
                } while (!io_wait(fixture->io, 0, false));
                assert_true(io_next(fixture->io, &received));
                assert_true(received.into && received.ended && !received.error);
                assert_true(received.size > 0 && received.size <= SIZE - got);
                assert_null(received.buffer);
                assert_ptr_equal(received.data, body + got);
                got += received.size;
        }
        assert_pattern(body, SIZE, HEAD);
        io_receive(fixture->io, &link->socket);
        FIXTURE_UNTIL(fixture, (position = link_pour(link, position, HEAD + SIZE + REST)) ==
                                               HEAD + SIZE + REST &&
                                       link->size == HEAD + REST);
        assert_pattern(link->data + HEAD, REST, HEAD + SIZE);
        free(body);
        link_free(fixture, link);
}

static void test_io_receive_into_stopped_or_closed_ends(void **state)
{
        Fixture *fixture = *state;
        Link *link = link_new(fixture, 16);
        uint8_t body[64];

        io_stop(fixture->io, &link->socket);
        FIXTURE_UNTIL(fixture, link->n_ended == 1);
        io_receive_into(fixture->io, &link->socket, body, sizeof(body));
        fixture_turn(fixture, 0);
        io_stop(fixture->io, &link->socket);
        FIXTURE_UNTIL(fixture, link->n_ended == 2);
        assert_int_equal(link->error, 0);
        assert_int_equal(link->size, 0);
        io_receive_into(fixture->io, &link->socket, body, sizeof(body));
        fixture_turn(fixture, 0);
        close(link->far);
        link->far = -1;
        FIXTURE_UNTIL(fixture, link->n_ended == 3);
        assert_int_equal(link->error, -EPIPE);
        link_free(fixture, link);
}

static void test_io_remove_with_late_data_and_fds_gives_them_back(void **state)
{
        Fixture *fixture = *state;
        Link *other = link_new(fixture, 16);

        for (int delivered = 0; delivered < 3; delivered++) {
                Link *link = link_new(fixture, 16);

                fixture_turn(fixture, 0);
                link_write_fds(link, "late", 4, 3);
                /* With the completion not looked for, in the kernel, and queued for io_next(). */
                if (delivered == 1)
                        io_submit(fixture->io);
                while (delivered == 2 && !io_wait(fixture->io, 0, false))
                        ;
                io_remove(fixture->io, &link->socket);
                assert_false(link->socket.receiving);
                link_write_fds(link, "later", 5, 3);
                fixture_idle(fixture, 10);
                assert_int_equal(link->n_records, 0);
                link_free(fixture, link);
        }
        link_write(other, "alive", 5);
        FIXTURE_UNTIL(fixture, other->size == 5);
        link_free(fixture, other);
}

static void test_io_remove_and_add_reuses_slots_for_the_new_socket_only(void **state)
{
        Fixture *fixture = *state;
        uint32_t first_slot = 0;
        uint32_t first_generation = 0;
        bool reused = false;

        for (unsigned i = 0; i < 400; i++) {
                Link *link = link_new(fixture, 0);
                uint8_t byte = (uint8_t)i;

                if (i == 0) {
                        first_slot = link->socket.slot;
                        first_generation = link->socket.generation;
                } else if (link->socket.slot == first_slot) {
                        assert_int_not_equal(link->socket.generation, first_generation);
                        reused = true;
                }
                fixture_turn(fixture, 0);
                link_write(link, &byte, 1);
                /* Every other one is removed with its byte under way: nobody else may get it. */
                if (i % 2 == 0) {
                        FIXTURE_UNTIL(fixture, link->size > 0);
                        assert_int_equal(link->data[0], byte);
                        assert_int_equal(link->size, 1);
                }
                io_remove(fixture->io, &link->socket);
                link_free(fixture, link);
        }
        assert_true(reused);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                FIXTURE_TEST(test_io_stop_idle_socket_ends_without_data),
                FIXTURE_TEST(test_io_stop_then_hang_up_is_reported),
                FIXTURE_TEST(test_io_stop_then_the_end_behind_more_than_the_buffers_hold),
                FIXTURE_TEST(test_io_stop_before_the_first_wait_ends),
                FIXTURE_TEST(test_io_stop_after_the_end_gives_one_end_only),
                FIXTURE_TEST(test_io_stop_and_restart_in_a_stream_loses_no_byte),
                FIXTURE_TEST(test_io_receive_into_takes_a_body_of_1_mb_and_not_a_byte_more),
                FIXTURE_TEST(test_io_receive_into_stopped_or_closed_ends),
                FIXTURE_TEST(test_io_remove_with_late_data_and_fds_gives_them_back),
                FIXTURE_TEST(test_io_remove_and_add_reuses_slots_for_the_new_socket_only),
        };

        return fixture_run("io_stop", tests, ARRAY_SIZE(tests));
}
