/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Handshakes that wait for somebody else: the gate goes on with others, and what ends meanwhile
 * leaves nothing behind. The clerk here is the test itself: it runs the posted jobs when it likes.
 */

#include <unistd.h>

#include "broker/base/clock.h"
#include "tests/unit/gate_fixture.h"

#define REJECTED "REJECTED EXTERNAL DBUS_COOKIE_SHA1 ANONYMOUS\r\n"
#define CHALLENGE "00112233445566778899aabbccddeeff"
#define ASK "AUTH DBUS_COOKIE_SHA1 626f62\r\n" /* "bob" */
/* "org_freedesktop_general 7 00112233445566778899aabbccddeeff" */
#define DATA                                                                                       \
        "DATA 6f72675f667265656465736b746f705f67656e6572616c203720"                                \
        "3030313132323333343435353636373738383939616162626363646465656666\r\n"

/* The jobs that the gate has posted and nobody has run. */
typedef struct Clerk {
        pthread_mutex_t mutex;
        pthread_cond_t posted;
        Job *first;
        unsigned n_posted;
        bool grants;
        char asked[SASL_USER_MAX + 1];
} Clerk;

static Clerk clerk = {.mutex = PTHREAD_MUTEX_INITIALIZER, .posted = PTHREAD_COND_INITIALIZER};

static void post_job(void *context, Job *job)
{
        Job **end = &clerk.first;

        (void)context;
        pthread_mutex_lock(&clerk.mutex);
        while (*end)
                end = &(*end)->next;
        job->next = NULL;
        *end = job;
        clerk.n_posted++;
        pthread_cond_signal(&clerk.posted);
        pthread_mutex_unlock(&clerk.mutex);
}

static void answer(void *context, const SaslQuestion *question, SaslAnswer *ret_answer)
{
        (void)context;
        memcpy(clerk.asked, question->user, sizeof(clerk.asked));
        *ret_answer = (SaslAnswer){.available = true,
                                   .granted = clerk.grants,
                                   .cookie_id = 7,
                                   .cookie = "abcd",
                                   .challenge = CHALLENGE};
}

/* Waits until so many have been posted in all. */
static void wait_posted(unsigned n)
{
        const struct timespec end = fixture_end_of_wait();
        int error = 0;

        pthread_mutex_lock(&clerk.mutex);
        while (clerk.n_posted < n && !error)
                error = pthread_cond_timedwait(&clerk.posted, &clerk.mutex, &end);
        pthread_mutex_unlock(&clerk.mutex);
        assert_int_equal(error, 0);
}

/* Waits for a job; it is the caller's to run. */
static Job *take_job(void)
{
        const struct timespec end = fixture_end_of_wait();
        Job *job;

        pthread_mutex_lock(&clerk.mutex);
        while (!clerk.first && pthread_cond_timedwait(&clerk.posted, &clerk.mutex, &end) == 0)
                continue;
        job = clerk.first;
        if (job)
                clerk.first = job->next;
        pthread_mutex_unlock(&clerk.mutex);
        assert_non_null(job);
        return job;
}

static bool has_job(void)
{
        bool has;

        pthread_mutex_lock(&clerk.mutex);
        has = clerk.first != NULL;
        pthread_mutex_unlock(&clerk.mutex);
        return has;
}

static void run_job(void)
{
        Job *job = take_job();

        job->run(job);
}

static int setup(void **state)
{
        Fixture *fixture;

        fixture_setup(state);
        fixture = *state;
        fixture->options.mechanisms = 0;
        fixture->options.post_job = post_job;
        fixture->options.answer = answer;
        clerk.grants = true;
        clerk.first = NULL;
        clerk.n_posted = 0;
        return 0;
}

/* The right response to DATA with the cookie abcd: sha1sum of CHALLENGE:c:abcd. */
static void respond(int fd)
{
        static const char text[] = "c 364be2eb61d921fde4fbeb201befb6cb626f29b7";
        char line[256];
        size_t n = (size_t)sprintf(line, "DATA ");

        for (const char *p = text; *p; p++)
                n += (size_t)sprintf(line + n, "%02x", (unsigned char)*p);
        n += (size_t)sprintf(line + n, "\r\n");
        fixture_send(fd, line, n);
}

static void test_gate_cookies_answer_goes_on_with_the_handshake(void **state)
{
        Fixture *fixture = *state;
        GateConnection *connection;
        int fd;

        fixture_start(fixture);
        fd = fixture_connect(fixture);
        fixture_say(fd, "\0" ASK);
        run_job();
        assert_string_equal(clerk.asked, "bob");
        fixture_expect(fd, DATA);
        respond(fd);
        fixture_expect(fd, FIXTURE_OK);
        fixture_say(fd, "BEGIN\r\nx");
        connection = fixture_take(fixture);
        /* The same user as the socket's: all that the kernel says of it stays. */
        assert_int_equal(connection->credentials.uid, geteuid());
        assert_true(connection->credentials.n_groups > 0);
        assert_int_equal(connection->n_bytes, 1);
        fixture_complete(fixture, connection);
        close(fd);
}

static void test_gate_cookies_others_go_on_meanwhile(void **state)
{
        Fixture *fixture = *state;
        int waiting, other;

        fixture_start(fixture);
        waiting = fixture_connect(fixture);
        fixture_say(waiting, "\0" ASK);
        for (unsigned i = 0; i < 20; i++) {
                other = fixture_connect(fixture);
                fixture_say(other, FIXTURE_OPENING);
                fixture_expect(other, FIXTURE_OPENING_REPLIES);
                fixture_complete(fixture, fixture_take(fixture));
                close(other);
        }
        fixture_expect_silence(waiting, 1);
        run_job();
        fixture_expect(waiting, DATA);
        close(waiting);
}

/* What is pipelined behind the question is handled after the answer, and costs no CPU till then. */
static void test_gate_cookies_pipelined_lines_wait(void **state)
{
        Fixture *fixture = *state;
        int fd;

        fixture_start(fixture);
        fd = fixture_connect(fixture);
        fixture_say(fd, "\0" ASK "CANCEL\r\nAUTH EXTERNAL\r\n");
        fixture_expect_silence(fd, 50);
        fixture_say(fd, "DATA\r\n");
        fixture_expect_idle(200);
        run_job();
        fixture_expect(fd, DATA REJECTED "DATA\r\n" FIXTURE_OK);
        close(fd);
}

static void test_gate_cookies_refusal_is_a_rejection(void **state)
{
        Fixture *fixture = *state;
        int fd;

        clerk.grants = false;
        fixture_start(fixture);
        fd = fixture_connect(fixture);
        fixture_say(fd, "\0");
        for (unsigned i = 0; i < 6; i++) {
                fixture_say(fd, ASK);
                run_job();
                fixture_expect(fd, REJECTED);
        }
        fixture_expect_closed(fd);
        close(fd);
        assert_int_equal(fixture_counters(fixture).refusals[GATE_REFUSAL_ATTEMPTS], 1);
}

/* Six questions in one write: each waits for its own answer. */
static void test_gate_cookies_questions_of_one_client_come_one_by_one(void **state)
{
        Fixture *fixture = *state;
        int fd;

        clerk.grants = false;
        fixture_start(fixture);
        fd = fixture_connect(fixture);
        fixture_say(fd, "\0" ASK ASK ASK ASK ASK ASK);
        for (unsigned i = 0; i < 6; i++) {
                run_job();
                fixture_expect(fd, REJECTED);
        }
        fixture_expect_closed(fd);
        close(fd);
}

static void test_gate_cookies_timeout_does_not_wait_for_the_answer(void **state)
{
        Fixture *fixture = *state;
        Job *job;
        int fd;

        fixture->options.auth_timeout_ms = 200;
        fd = fixture_connect(fixture);
        fixture_say(fd, "\0" ASK); /* asked as soon as it is accepted, before its time is over */
        fixture_start(fixture);
        job = take_job();
        fixture_expect_closed(fd);
        close(fd);
        fixture_wait_incomplete(fixture, 0);
        assert_int_equal(fixture_counters(fixture).timed_out, 1);
        assert_int_equal(fixture_counters(fixture).refusals[GATE_REFUSAL_TIMEOUT], 1);
        run_job();     /* the log line of the timeout */
        job->run(job); /* an answer to nobody */
        gate_set_limits(fixture->gate, fixture->options.max_incomplete, 0, 16);
        fd = fixture_connect(fixture);
        fixture_say(fd, "\0AUTH\r\n");
        fixture_expect(fd, REJECTED);
        close(fd);
}

/* A client that left is only noticed with the answer; nothing of it stays. */
static void test_gate_cookies_client_leaves_while_it_waits(void **state)
{
        Fixture *fixture = *state;
        int fd;

        fixture_start(fixture);
        fd = fixture_connect(fixture);
        fixture_say(fd, "\0" ASK);
        close(fd);
        run_job();
        fixture_wait_refused(fixture, 1);
        fixture_wait_incomplete(fixture, 0);
        assert_int_equal(fixture_counters(fixture).refusals[GATE_REFUSAL_LEFT], 1);
}

/* The fixture's teardown looks for what was left open. */
static void test_gate_cookies_bus_ends_while_they_wait(void **state)
{
        Fixture *fixture = *state;
        int fds[8];
        Job *late;

        fixture_start(fixture);
        for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
                fds[i] = fixture_connect(fixture);
                fixture_say(fds[i], "\0" ASK);
        }
        for (size_t i = 0; i < ARRAY_SIZE(fds) / 2; i++)
                run_job();
        late = take_job();
        gate_stop(fixture->gate);
        late->run(late); /* the clerk is stopped behind the gate; others never run */
        fixture->gate = gate_free(fixture->gate);
        for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
                close(fds[i]);
}

/* The keyring cannot be used: EXTERNAL goes on, and nobody is asked. */
static void test_gate_cookies_are_not_offered_without_a_keyring(void **state)
{
        Fixture *fixture = *state;
        int fd;

        fixture_start(fixture);
        gate_offer_cookies(fixture->gate, false);
        fd = fixture_connect(fixture);
        fixture_say(fd, "\0" ASK);
        fixture_expect(fd, "REJECTED EXTERNAL ANONYMOUS\r\n");
        close(fd);
        gate_offer_cookies(fixture->gate, true);
        fd = fixture_connect(fixture);
        fixture_say(fd, "\0AUTH\r\n");
        fixture_expect(fd, REJECTED);
        close(fd);
        assert_false(has_job());
}

static void test_gate_cookies_anonymous_closed_behind_begin(void **state)
{
        Fixture *fixture = *state;
        int fd;

        fixture_start(fixture);
        fd = fixture_connect(fixture);
        fixture_say(fd, "\0AUTH ANONYMOUS\r\n");
        fixture_expect(fd, FIXTURE_OK);
        fixture_say(fd, "BEGIN\r\n");
        fixture_expect_closed(fd);
        close(fd);
        run_job(); /* the log line */
        fixture_expect_none_delivered(fixture);
        assert_int_equal(fixture_counters(fixture).refusals[GATE_REFUSAL_ANONYMOUS], 1);
}

/* Of the kernel's credentials only the process stays: it has not proved to be that user. */
static void test_gate_cookies_anonymous_admitted_without_a_user(void **state)
{
        Fixture *fixture = *state;
        GateConnection *connection;
        int fd;

        fixture->options.allow_anonymous = true;
        fixture_start(fixture);
        fd = fixture_connect(fixture);
        fixture_say(fd, "\0AUTH ANONYMOUS 6d65\r\n");
        fixture_expect(fd, FIXTURE_OK);
        fixture_say(fd, "BEGIN\r\n");
        connection = fixture_take(fixture);
        assert_true(connection->credentials.uid == SASL_NO_UID);
        assert_true(connection->credentials.gid == (gid_t)-1);
        assert_null(connection->credentials.groups);
        assert_null(connection->credentials.security_label);
        assert_int_equal(connection->credentials.pid, getpid());
        fixture_complete(fixture, connection);
        close(fd);
}

/* More unanswered questions than the gate keeps: the rest is rejected, nobody waits for memory. */
static void test_gate_cookies_questions_are_limited(void **state)
{
        Fixture *fixture = *state;
        int fds[300];

        fixture->options.max_incomplete = 400;
        fixture_start(fixture);
        for (unsigned i = 0; i < ARRAY_SIZE(fds); i++) {
                fds[i] = fixture_connect(fixture);
                fixture_say(fds[i], "\0" ASK);
                if (i < 256) /* the gate may come to the next one first otherwise */
                        wait_posted(i + 1);
        }
        for (size_t i = 256; i < ARRAY_SIZE(fds); i++)
                fixture_expect(fds[i], REJECTED);
        for (unsigned i = 0; i < 256; i++)
                run_job();
        assert_false(has_job());
        for (size_t i = 0; i < 256; i++)
                fixture_expect(fds[i], DATA);
        for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
                close(fds[i]);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(test_gate_cookies_answer_goes_on_with_the_handshake),
                TEST(test_gate_cookies_others_go_on_meanwhile),
                TEST(test_gate_cookies_pipelined_lines_wait),
                TEST(test_gate_cookies_refusal_is_a_rejection),
                TEST(test_gate_cookies_questions_of_one_client_come_one_by_one),
                TEST(test_gate_cookies_timeout_does_not_wait_for_the_answer),
                TEST(test_gate_cookies_client_leaves_while_it_waits),
                TEST(test_gate_cookies_bus_ends_while_they_wait),
                TEST(test_gate_cookies_are_not_offered_without_a_keyring),
                TEST(test_gate_cookies_anonymous_closed_behind_begin),
                TEST(test_gate_cookies_anonymous_admitted_without_a_user),
                TEST(test_gate_cookies_questions_are_limited),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
