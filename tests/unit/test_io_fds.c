/* SPDX-License-Identifier: Apache-2.0 */
/* Received file descriptors, on both backends. The fixture counts the process's fds around each. */
#include "tests/unit/io_fixture.h"

#include <errno.h>
#include <sys/resource.h>
#include <unistd.h>

#include "broker/base/assert.h"

static void test_io_fds_that_fit_arrive_with_their_bytes(void **state)
{
        static const unsigned counts[] = {1, 2, 15, 16};
        Fixture *fixture = *state;
        Link *link = link_new(fixture, 16);

        for (unsigned i = 0; i < ARRAY_SIZE(counts); i++) {
                link->size = 0;
                link_write_fds(link, "with fds", 8, counts[i]);
                FIXTURE_UNTIL(fixture, link->size == 8);
                assert_memory_equal(link->data, "with fds", 8);
                assert_int_equal(link->n_fds, counts[i]);
                assert_false(link->fds_lost);
                link_release(link);
        }
        link_free(fixture, link);
}

static void test_io_fds_253_in_one_receive_arrive(void **state)
{
        Fixture *fixture = *state;
        Link *link = link_new(fixture, IO_FDS_MAX);

        fixture_turn(fixture, 0);
        link_write_fds(link, "x", 1, IO_FDS_MAX);
        FIXTURE_UNTIL(fixture, link->size == 1);
        assert_int_equal(link->n_fds, IO_FDS_MAX);
        assert_false(link->fds_lost);
        link_free(fixture, link);
}

static void test_io_fds_beyond_the_room_are_lost_and_said_to_be(void **state)
{
        static const unsigned rooms[] = {1, 3, 16};
        Fixture *fixture = *state;

        for (unsigned i = 0; i < ARRAY_SIZE(rooms); i++) {
                Link *link = link_new(fixture, rooms[i]);

                link_write_fds(link, "xy", 2, rooms[i] + 1);
                FIXTURE_UNTIL(fixture, link->size == 2);
                assert_int_equal(link->n_fds, rooms[i]);
                assert_true(link->fds_lost);
                link_free(fixture, link);
        }
}

static void test_io_fds_nobody_agreed_to_are_lost_and_said_to_be(void **state)
{
        Fixture *fixture = *state;
        Link *link = link_new(fixture, 0);

        link_write_fds(link, "xy", 2, 1);
        FIXTURE_UNTIL(fixture, link->size == 2);
        assert_int_equal(link->n_fds, 0);
        assert_true(link->fds_lost);
        link_free(fixture, link);
}

static void test_io_fds_of_many_writes_keep_their_order(void **state)
{
        enum { N = 60 };
        Fixture *fixture = *state;
        Link *link = link_new(fixture, 16);
        unsigned n_fds = 0;

        for (unsigned i = 0; i < N; i++) {
                link_write_fds(link, "0123456789", 10, i % 5);
                n_fds += i % 5;
        }
        FIXTURE_UNTIL(fixture, link->size == 10 * N);
        assert_int_equal(link->n_fds, n_fds);
        assert_false(link->fds_lost);
        link_free(fixture, link);
}

static void test_io_fds_with_receive_into_arrive(void **state)
{
        Fixture *fixture = *state;
        Link *link = link_new(fixture, 16);
        uint8_t body[100];

        io_stop(fixture->io, &link->socket);
        FIXTURE_UNTIL(fixture, !link->socket.receiving);
        for (unsigned n_fds = 0; n_fds <= 17; n_fds++) {
                link->size = 0;
                io_receive_into(fixture->io, &link->socket, body, sizeof(body));
                fixture_turn(fixture, 0);
                link_write_fds(link, "body", 4, n_fds);
                FIXTURE_UNTIL(fixture, link->size == 4);
                assert_int_equal(link->n_fds, n_fds < 16 ? n_fds : 16);
                assert_int_equal(link->fds_lost, n_fds > 16);
                link_release(link);
        }
        link_free(fixture, link);
}

static void test_io_fds_when_the_process_has_none_left_are_lost(void **state)
{
        Fixture *fixture = *state;
        Link *link = link_new(fixture, 16);
        struct rlimit limit;
        struct rlimit tight;

        fixture_turn(fixture, 0);
        assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
        link_write_fds(link, "xyz", 3, 8);
        /* Two numbers left: the lowest free one is where dup() would go. */
        tight = limit;
        tight.rlim_cur = (rlim_t)dup(0);
        close((int)tight.rlim_cur);
        tight.rlim_cur += 2;
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &tight), 0);
        FIXTURE_UNTIL(fixture, link->size == 3);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
        assert_true(link->n_fds <= 2);
        assert_true(link->fds_lost);
        link_write(link, "still here", 10);
        FIXTURE_UNTIL(fixture, link->size == 13);
        link_free(fixture, link);
}

/* Who has sent fds once does not get all the fds of a later heap of messages opened at a time. */
static void test_io_fds_that_heap_up_are_opened_a_few_at_a_time(void **state)
{
        enum { N = 40, AT_A_TIME = 8 };
        Fixture *fixture = *state;
        Link *link = link_new(fixture, 16);
        unsigned before;

        link_write_fds(link, "f", 1, 2);
        FIXTURE_UNTIL(fixture, link->n_fds == 2);
        fixture_idle(fixture, 10);
        for (unsigned i = 0; i < N; i++)
                link_write_fds(link, "f", 1, 2);
        before = fixture_count_fds();
        while (!io_wait(fixture->io, 0, false))
                continue;
        for (unsigned i = 0; i < 20; i++)
                io_wait(fixture->io, 0, false);
        assert_true(fixture_count_fds() <= before + AT_A_TIME);
        FIXTURE_UNTIL(fixture, link->n_fds == 2 + 2 * N);
        assert_int_equal(link->size, 1 + N);
        /* Its end is seen as before, and stopping it. */
        io_stop(fixture->io, &link->socket);
        FIXTURE_UNTIL(fixture, link->n_ended == 1);
        assert_int_equal(link->error, 0);
        io_receive(fixture->io, &link->socket);
        fixture_idle(fixture, 10);
        link_write_fds(link, "g", 1, 1);
        close(link->far);
        link->far = -1;
        FIXTURE_UNTIL(fixture, link->n_ended == 2);
        assert_int_equal(link->error, -EPIPE);
        assert_int_equal(link->n_fds, 3 + 2 * N);
        link_free(fixture, link);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                FIXTURE_TEST(test_io_fds_that_fit_arrive_with_their_bytes),
                FIXTURE_TEST(test_io_fds_253_in_one_receive_arrive),
                FIXTURE_TEST(test_io_fds_beyond_the_room_are_lost_and_said_to_be),
                FIXTURE_TEST(test_io_fds_nobody_agreed_to_are_lost_and_said_to_be),
                FIXTURE_TEST(test_io_fds_of_many_writes_keep_their_order),
                FIXTURE_TEST(test_io_fds_with_receive_into_arrive),
                FIXTURE_TEST(test_io_fds_when_the_process_has_none_left_are_lost),
                FIXTURE_TEST(test_io_fds_that_heap_up_are_opened_a_few_at_a_time),
        };

        return fixture_run("io_fds", tests, ARRAY_SIZE(tests));
}
