/* SPDX-License-Identifier: Apache-2.0 */
/* The gate against many strangers: time, slots, shares of uids. */

#include <unistd.h>

#include "broker/base/clock.h"
#include "tests/unit/gate_fixture.h"

static void require_root(void)
{
        if (geteuid() != 0) {
                print_message("only root can become another user\n");
                skip();
        }
}

/* Says empty lines until it is closed; how many answers came while it did. */
static unsigned talk(int fd)
{
        unsigned n_answers = 0;
        char reply[64];

        while (send(fd, "\r\n", 2, MSG_NOSIGNAL) == 2 && recv(fd, reply, sizeof(reply), 0) > 0) {
                n_answers++;
                usleep(5000);
        }
        while (recv(fd, reply, sizeof(reply), 0) > 0)
                continue;
        return n_answers;
}

/* From accept on, and not prolonged by talking. Where the gate is kept from running until their
 * time is over, nobody gets to talk: that is tried again. */
static void test_gate_limits_slow_handshake_timed_out(void **state)
{
        enum { TRIES = 100 };
        Fixture *fixture = *state;
        unsigned n_answers = 0;

        fixture->options.auth_timeout_ms = 300;
        fixture_start(fixture);
        for (unsigned i = 1; i <= TRIES && n_answers < 2; i++) {
                uint64_t begin_ns = clock_now_ns();
                int silent = fixture_connect(fixture);
                int talking = fixture_connect(fixture);
                uint64_t ms;

                send(talking, "\0AUTH EXTERNAL\r\n", 16, MSG_NOSIGNAL);
                n_answers = talk(talking);
                ms = (clock_now_ns() - begin_ns) / CLOCK_NS_PER_MS;
                assert_in_range(ms, 290, FIXTURE_WAIT_MS);
                fixture_expect_closed(silent);
                assert_int_equal(fixture_counters(fixture).timed_out, 2 * i);
                fixture_wait_incomplete(fixture, 0);
                close(silent);
                close(talking);
        }
        assert_true(n_answers >= 2);
}

static void test_gate_limits_deadline_carries_on(void **state)
{
        enum { TIMEOUT_MS = 120000 };
        Fixture *fixture = *state;
        GateConnection *connection;
        uint64_t before_ns;
        uint64_t after_ns;
        int fd;

        fixture->options.auth_timeout_ms = TIMEOUT_MS;
        fixture_start(fixture);
        before_ns = clock_now_ns();
        fd = fixture_connect_half_open(fixture);
        fixture_expect(fd, "DATA\r\n");
        after_ns = clock_now_ns();
        usleep(20000);
        fixture_say(fd, "DATA\r\nBEGIN\r\n");
        connection = fixture_take(fixture);
        assert_in_range(connection->deadline_ns, before_ns + TIMEOUT_MS * CLOCK_NS_PER_MS,
                        after_ns + TIMEOUT_MS * CLOCK_NS_PER_MS);
        fixture_complete(fixture, connection);
        close(fd);
}

static void test_gate_limits_no_timeout_no_deadline(void **state)
{
        Fixture *fixture = *state;
        GateConnection *connection;
        int fd;

        fixture->options.auth_timeout_ms = 0;
        fixture_start(fixture);
        fd = fixture_connect_half_open(fixture);
        fixture_expect(fd, "DATA\r\n");
        fixture_expect_silence(fd, 50);
        fixture_say(fd, "DATA\r\nBEGIN\r\n");
        connection = fixture_take(fixture);
        assert_int_equal(connection->deadline_ns, 0);
        fixture_complete(fixture, connection);
        close(fd);
}

/* At the limit connections wait unanswered; the bus's own uid may fill it alone. */
static void test_gate_limits_half_open_flood_pauses_accept(void **state)
{
        enum { MAX = 8 };
        Fixture *fixture = *state;
        int fds[MAX];
        int late;

        fixture->options.max_incomplete = MAX;
        fixture_start(fixture);
        for (unsigned i = 0; i < MAX; i++) {
                fds[i] = fixture_connect_half_open(fixture);
                fixture_expect(fds[i], "DATA\r\n");
        }
        late = fixture_connect(fixture);
        fixture_say(late, FIXTURE_OPENING);
        fixture_expect_idle(200);
        fixture_expect_silence(late, 0);
        assert_int_equal(fixture_counters(fixture).accepted, MAX);
        /* Those inside go on meanwhile. */
        fixture_say(fds[0], "BOGUS\r\n");
        fixture_expect(fds[0], "ERROR \"Unknown command\"\r\n");
        close(fds[1]);
        fixture_expect(late, FIXTURE_OPENING_REPLIES);
        fixture_complete(fixture, fixture_take(fixture));
        for (unsigned i = 0; i < MAX; i++)
                if (i != 1)
                        close(fds[i]);
        close(late);
        fixture_wait_incomplete(fixture, 0);
}

/* Delivered connections count until they are complete; completing wakes the gate. */
static void test_gate_limits_delivered_count_until_complete(void **state)
{
        enum { MAX = 4 };
        Fixture *fixture = *state;
        GateConnection *connections[MAX];
        int fds[MAX];
        int late;

        fixture->options.max_incomplete = MAX;
        fixture_start(fixture);
        for (unsigned i = 0; i < MAX; i++) {
                fds[i] = fixture_connect(fixture);
                fixture_say(fds[i], FIXTURE_OPENING);
                connections[i] = fixture_take(fixture);
        }
        late = fixture_connect(fixture);
        fixture_say(late, FIXTURE_OPENING);
        fixture_expect_silence(late, 200);
        assert_int_equal(fixture_counters(fixture).incomplete, MAX);
        gate_complete(fixture->gate, connections[0]->ticket);
        fixture_expect(late, FIXTURE_OPENING_REPLIES);
        fixture_complete(fixture, fixture_take(fixture));
        for (unsigned i = 0; i < MAX; i++) {
                if (i > 0)
                        gate_complete(fixture->gate, connections[i]->ticket);
                gate_connection_free(connections[i]);
                close(fds[i]);
        }
        close(late);
}

/* In a process of another uid: `n` are let in, the next one is closed, and a freed slot serves. */
static void fill_share(Fixture *fixture, unsigned n)
{
        int fds[16];
        int fd;

        for (unsigned i = 0; i < n; i++) {
                fds[i] = fixture_connect_half_open(fixture);
                fixture_expect(fds[i], "DATA\r\n");
        }
        for (int i = 0; i < 3; i++) {
                fd = fixture_connect(fixture);
                fixture_expect_closed(fd);
                close(fd);
        }
        fixture_say(fds[0], "BEGIN\r\n");
        fixture_expect_closed(fds[0]); /* its slot is free before the client sees the end */
        fd = fixture_connect_half_open(fixture);
        fixture_expect(fd, "DATA\r\n");
}

static void fill_share_of_three(Fixture *fixture)
{
        fill_share(fixture, 3);
}

static void fill_share_of_four(Fixture *fixture)
{
        fill_share(fixture, 4);
}

static void test_gate_limits_uid_held_to_its_share(void **state)
{
        Fixture *fixture = *state;
        int fds[4];

        require_root();
        fixture->options.max_incomplete = 64;
        fixture->options.max_incomplete_per_uid = 3;
        fixture->options.bus_uid = FIXTURE_NOBODY - 1;
        fixture_start(fixture);
        /* Root has no share, although it is not the bus's uid here. */
        for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
                fds[i] = fixture_connect_half_open(fixture);
                fixture_expect(fds[i], "DATA\r\n");
        }
        fixture_run_as(FIXTURE_NOBODY, fill_share_of_three, fixture);
        /* All of its slots come back. */
        fixture_wait_incomplete(fixture, ARRAY_SIZE(fds));
        fixture_run_as(FIXTURE_NOBODY, fill_share_of_three, fixture);
        for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
                close(fds[i]);
}

static void be_closed_at_once(Fixture *fixture)
{
        int fd = fixture_connect(fixture);

        fixture_expect_closed(fd);
        close(fd);
}

/* Delivered connections that have not said Hello are in the share as well, until they complete. */
static void authenticate_past_the_share(Fixture *fixture)
{
        int fds[3];
        int fd;

        for (unsigned i = 0; i < 3; i++) {
                fds[i] = fixture_connect(fixture);
                fixture_say(fds[i], FIXTURE_OPENING);
                fixture_expect(fds[i], FIXTURE_OPENING_REPLIES);
        }
        fd = fixture_connect(fixture);
        fixture_expect_closed(fd);
        close(fd);
}

static bool admit_everybody(void *context, const Credentials *credentials)
{
        (void)context;
        (void)credentials;
        return true;
}

static void test_gate_limits_share_lasts_until_complete(void **state)
{
        Fixture *fixture = *state;
        GateConnection *connections[3];

        require_root();
        fixture->options.max_incomplete = 64;
        fixture->options.max_incomplete_per_uid = 3;
        fixture->options.admits = admit_everybody;
        fixture_start(fixture);
        for (unsigned round = 0; round < 2; round++) {
                fixture_run_as(FIXTURE_NOBODY, authenticate_past_the_share, fixture);
                for (unsigned i = 0; i < 3; i++)
                        connections[i] = fixture_take(fixture);
                fixture_run_as(FIXTURE_NOBODY, be_closed_at_once, fixture);
                for (unsigned i = 0; i < 3; i++)
                        fixture_complete(fixture, connections[i]);
                fixture_wait_incomplete(fixture, 0);
        }
}

static void test_gate_limits_default_share_is_a_half(void **state)
{
        Fixture *fixture = *state;

        require_root();
        fixture->options.max_incomplete = 9;
        fixture->options.max_incomplete_per_uid = 0;
        fixture_start(fixture);
        fixture_run_as(FIXTURE_NOBODY, fill_share_of_four, fixture);
}

static void open_and_be_closed(Fixture *fixture)
{
        int fd = fixture_connect(fixture);

        fixture_say(fd, "\0AUTH EXTERNAL 3635353334\r\n"); /* 65534 */
        fixture_expect(fd, FIXTURE_OK);
        fixture_say(fd, "BEGIN\r\n");
        fixture_expect_closed(fd);

        fd = fixture_connect(fixture);
        fixture_say(fd, "\0AUTH EXTERNAL 30\r\n"); /* nobody but root is root */
        fixture_expect(fd, "REJECTED EXTERNAL\r\n");
}

/* It authenticates, as with the reference, and is closed behind BEGIN. */
static void test_gate_limits_foreign_uid_refused(void **state)
{
        Fixture *fixture = *state;

        require_root();
        fixture_start(fixture);
        fixture_run_as(FIXTURE_NOBODY, open_and_be_closed, fixture);
        fixture_wait_refused(fixture, 2);
        fixture_expect_none_delivered(fixture);
}

static void open_as_foreigner(Fixture *fixture)
{
        int fd = fixture_connect(fixture);

        fixture_say(fd, FIXTURE_OPENING);
        fixture_expect(fd, FIXTURE_OPENING_REPLIES);
}

static void test_gate_limits_every_uid_admitted_if_asked(void **state)
{
        const gid_t groups[] = {FIXTURE_NOBODY, FIXTURE_NOBODY + 1, FIXTURE_NOBODY + 2};
        Fixture *fixture = *state;
        GateConnection *connection;

        require_root();
        fixture->options.admits = admit_everybody;
        fixture_start(fixture);
        fixture_run_as(FIXTURE_NOBODY, open_as_foreigner, fixture);
        connection = fixture_take(fixture);
        assert_int_equal(connection->credentials.uid, FIXTURE_NOBODY);
        assert_int_equal(connection->credentials.gid, FIXTURE_NOBODY);
        assert_int_equal(connection->credentials.n_groups, 3);
        assert_memory_equal(connection->credentials.groups, groups, sizeof(groups));
        fixture_complete(fixture, connection);
}

static void fail_to_open(Fixture *fixture)
{
        int fd = fixture_connect(fixture);

        fixture_expect_closed(fd);
}

/* At accept, before a word; whoever has another uid gets in. */
static void test_gate_limits_overflow_uid_refused_if_asked(void **state)
{
        Fixture *fixture = *state;

        require_root();
        fixture->options.admits = admit_everybody;
        fixture->options.refuses_overflow_uid = true;
        fixture->options.overflow_uid = FIXTURE_NOBODY;
        fixture_start(fixture);
        fixture_run_as(FIXTURE_NOBODY, fail_to_open, fixture);
        fixture_wait_refused(fixture, 1);
        assert_int_equal(fixture_counters(fixture).incomplete, 0);
        fixture_run_as(FIXTURE_NOBODY - 1, open_as_foreigner, fixture);
        fixture_complete(fixture, fixture_take(fixture));
        assert_int_equal(fixture_counters(fixture).refused, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(test_gate_limits_slow_handshake_timed_out),
                TEST(test_gate_limits_deadline_carries_on),
                TEST(test_gate_limits_no_timeout_no_deadline),
                TEST(test_gate_limits_half_open_flood_pauses_accept),
                TEST(test_gate_limits_delivered_count_until_complete),
                TEST(test_gate_limits_uid_held_to_its_share),
                TEST(test_gate_limits_share_lasts_until_complete),
                TEST(test_gate_limits_default_share_is_a_half),
                TEST(test_gate_limits_foreign_uid_refused),
                TEST(test_gate_limits_every_uid_admitted_if_asked),
                TEST(test_gate_limits_overflow_uid_refused_if_asked),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
