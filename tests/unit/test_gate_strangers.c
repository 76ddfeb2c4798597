/* SPDX-License-Identifier: Apache-2.0 */
/* What strangers try on the gate, by one and by the thousand; and what is written of them. */

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "broker/base/clock.h"
#include "broker/gate/refusals.h"
#include "tests/unit/gate_fixture.h"

#define NOT_ASCII "ERROR \"Command contained non-ASCII\"\r\n"

/* A byte now and then does not move the deadline: whoever is that slow is closed in time, and not
 * when nothing more comes. */
static void test_gate_strangers_trickle_does_not_move_the_deadline(void **state)
{
        enum { TIMEOUT_MS = 400, PACE_MS = 70, BYTES_MAX = FIXTURE_WAIT_MS / PACE_MS };
        Fixture *fixture = *state;
        uint64_t begin_ns = clock_now_ns();
        unsigned n = 0;
        int fd;

        fixture->options.auth_timeout_ms = TIMEOUT_MS;
        fixture_start(fixture);
        fd = fixture_connect(fixture);
        /* Its line has no end: however late the gate comes to it, it is not let in. */
        while (n < BYTES_MAX && send(fd, n == 0 ? "" : "x", 1, MSG_NOSIGNAL) == 1) {
                n++;
                usleep(PACE_MS * 1000);
        }
        assert_true(n < BYTES_MAX);
        assert_true(clock_now_ns() - begin_ns >= TIMEOUT_MS * CLOCK_NS_PER_MS);
        fixture_wait_incomplete(fixture, 0);
        assert_int_equal(fixture_counters(fixture).refusals[GATE_REFUSAL_TIMEOUT], 1);
        fixture_expect_none_delivered(fixture);
        close(fd);
}

/* NUL then vanish, a few thousand times. The teardown counts the fds. */
static void test_gate_strangers_nul_and_vanish_leaves_nothing(void **state)
{
        Fixture *fixture = *state;
        int fd;

        fixture_start(fixture);
        for (unsigned i = 0; i < 3000; i++) {
                fd = fixture_connect(fixture);
                fixture_say(fd, "\0");
                close(fd);
        }
        fixture_wait_refused(fixture, 3000);
        fixture_wait_incomplete(fixture, 0);
        assert_int_equal(fixture_counters(fixture).accepted, 3000);
        assert_int_equal(fixture_counters(fixture).refusals[GATE_REFUSAL_LEFT], 3000);
        fd = fixture_connect(fixture);
        fixture_say(fd, FIXTURE_OPENING);
        fixture_expect(fd, FIXTURE_OPENING_REPLIES);
        fixture_complete(fixture, fixture_take(fixture));
        close(fd);
}

/* Thousands of half-open connections in waves that fill all places; then everything is as before.
 */
static void test_gate_strangers_half_open_waves_leave_room(void **state)
{
        Fixture *fixture = *state;
        enum { WAVES = 40, PLACES = 64 };
        int fds[PLACES];
        int fd;

        fixture->options.max_incomplete = PLACES;
        fixture_start(fixture);
        for (unsigned wave = 0; wave < WAVES; wave++) {
                for (unsigned i = 0; i < PLACES; i++)
                        fds[i] = fixture_connect_half_open(fixture);
                fixture_wait_incomplete(fixture, PLACES);
                for (unsigned i = 0; i < PLACES; i++)
                        close(fds[i]);
                fixture_wait_incomplete(fixture, 0);
        }
        fixture_wait_refused(fixture, WAVES * PLACES);
        fd = fixture_connect(fixture);
        fixture_say(fd, FIXTURE_OPENING);
        fixture_expect(fd, FIXTURE_OPENING_REPLIES);
        fixture_complete(fixture, fixture_take(fixture));
        close(fd);
}

/* Behind the first byte a NUL is as wrong as any byte that is not ASCII: an error, nothing more. */
static void test_gate_strangers_nul_and_eight_bits_are_errors(void **state)
{
        Fixture *fixture = *state;
        int fd;

        fixture_start(fixture);
        fd = fixture_connect(fixture);
        fixture_say(fd, "\0\0\r\n");
        fixture_expect(fd, NOT_ASCII);
        fixture_say(fd, "AUTH EXTERNAL\0\r\n\xc3\xa9\r\nAUTH\xff\r\n\0BEGIN\r\n");
        fixture_expect(fd, NOT_ASCII NOT_ASCII NOT_ASCII NOT_ASCII);
        fixture_say(fd, "AUTH EXTERNAL\r\nDATA \x80\r\nDATA\r\nBEGIN\x80\r\n");
        fixture_expect(fd, "DATA\r\n" NOT_ASCII FIXTURE_OK NOT_ASCII);
        fixture_say(fd, "BEGIN\r\n\0\xff");
        fixture_complete(fixture, fixture_take(fixture));
        close(fd);
}

/* Runs with the log in a pipe; the text is the caller's to free. */
typedef struct Log {
        int pipe[2];
        int stderr_copy;
} Log;

static Log catch_log(void)
{
        Log log;

        assert_int_equal(pipe2(log.pipe, O_CLOEXEC), 0);
        assert_int_equal(fcntl(log.pipe[1], F_SETPIPE_SZ, 1024 * 1024), 1024 * 1024);
        log.stderr_copy = dup(STDERR_FILENO);
        assert_true(dup2(log.pipe[1], STDERR_FILENO) >= 0);
        return log;
}

static void end_log(Log *log, char *ret_text, size_t size)
{
        size_t n = 0;
        ssize_t r;

        assert_true(dup2(log->stderr_copy, STDERR_FILENO) >= 0);
        close(log->stderr_copy);
        close(log->pipe[1]);
        while (n < size - 1 && (r = read(log->pipe[0], ret_text + n, size - 1 - n)) > 0)
                n += (size_t)r;
        ret_text[n] = '\0';
        close(log->pipe[0]);
}

static unsigned count_lines(const char *text)
{
        unsigned n = 0;

        for (; *text; text++)
                n += *text == '\n';
        return n;
}

/* However many are refused, the log gets one line of each kind in ten seconds. */
static void test_gate_strangers_refusals_are_logged_sparingly(void **state)
{
        Fixture *fixture = *state;
        Log log = catch_log();
        uint64_t begin_ns = clock_now_ns();
        unsigned n_lines_max = 2;
        char text[16384];
        char expected[128];

        fixture_start(fixture);
        for (unsigned i = 0; i < 500; i++) {
                int fd = fixture_connect(fixture);

                if (i % 2)
                        fixture_say(fd, "x");
                else
                        fixture_say(fd, "\0BEGIN\r\n");
                fixture_expect_closed(fd);
                close(fd);
        }
        fixture_wait_refused(fixture, 500);
        gate_stop(fixture->gate);
        end_log(&log, text, sizeof(text));
        print_message("%s", text);
        n_lines_max += 2 * (unsigned)((clock_now_ns() - begin_ns) / THROTTLE_NS);
        assert_in_range(count_lines(text), 2, n_lines_max);
        snprintf(expected, sizeof(expected), "Refused a connection of uid %u, pid %d (/",
                 (unsigned)geteuid(), (int)getpid());
        assert_non_null(strstr(text, expected));
        assert_non_null(strstr(text, "test_gate_strangers): it did not begin with a nul byte\n"));
        assert_non_null(strstr(text, "): it said BEGIN before it was authenticated\n"));
        assert_int_equal(fixture_counters(fixture).refusals[GATE_REFUSAL_FIRST_BYTE], 250);
        assert_int_equal(fixture_counters(fixture).refusals[GATE_REFUSAL_BEGIN], 250);
}

/* The clerk that never comes: what was posted to it. */
static unsigned n_posted;

static void post_nowhere(void *context, Job *job)
{
        (void)context;
        (void)job;
        n_posted++;
}

/* A kind's line does not wait for another kind's, and the next one counts those in between. */
static void test_gate_strangers_refusals_of_one_kind_are_summed_up(void **state)
{
        static const RefusalPeer peer = {.uid = 7, .pid = 0};
        GateOptions options = {.post_job = post_nowhere};
        Refusals refusals;
        char text[4096];
        Log log;

        (void)state;
        refusals_init(&refusals, &options);
        refusals_note(&refusals, GATE_REFUSAL_LINE, &peer, 1, "a");
        refusals_note(&refusals, GATE_REFUSAL_LINE, &peer, 1 + THROTTLE_NS, "b");
        refusals_note(&refusals, GATE_REFUSAL_BEGIN, &peer, 1, "c");
        refusals_note(&refusals, GATE_REFUSAL_LEFT, &peer, 1, "d");
        assert_int_equal(n_posted, 2); /* a and c: b's line is still with the clerk */
        options.post_job = NULL;
        refusals_init(&refusals, &options);
        log = catch_log();
        for (unsigned i = 0; i < 4; i++)
                refusals_note(&refusals, GATE_REFUSAL_LINE, &peer, 1 + i, "it is %s", "slow");
        refusals_note(&refusals, GATE_REFUSAL_LINE, &peer, 1 + THROTTLE_NS, "it is late");
        end_log(&log, text, sizeof(text));
        assert_string_equal(text,
                            "ringbus: warning: Refused a connection of uid 7, pid 0 (gone): it is "
                            "slow\n"
                            "ringbus: warning: Refused a connection of uid 7, pid 0 (gone): it is "
                            "late (and 3 more since the last such line)\n");
        assert_int_equal(tally_read(&refusals.counts[GATE_REFUSAL_LINE]), 5);
}

/* A program may be called what its owner likes: nothing in the name makes a line of its own. */
static void test_gate_strangers_names_cannot_forge_log_lines(void **state)
{
        char name[128];
        Fixture *fixture = *state;
        int executed[2];
        char command[256];
        char text[4096];
        Log log;
        pid_t pid;
        int fd;

        assert_int_equal(pipe2(executed, O_CLOEXEC), 0);
        snprintf(name, sizeof(name), "/tmp/evil-%d\nringbus: [system] all is well", (int)getpid());
        snprintf(command, sizeof(command), "cp /bin/sleep '%s'", name);
        assert_int_equal(system(command), 0);
        log = catch_log();
        pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
                fd = socket(AF_UNIX, SOCK_STREAM, 0);
                if (connect(fd, (const struct sockaddr *)&fixture->listeners[0].address,
                            fixture->listeners[0].address_size) == 0)
                        execl(name, "sleep", "120", NULL); /* busybox goes by that */
                _exit(1);
        }
        /* The executable is looked up when the connection is refused: it is another one by then. */
        close(executed[1]);
        assert_int_equal(read(executed[0], &(char){0}, 1), 0);
        close(executed[0]);
        fixture->options.auth_timeout_ms = 100;
        fixture_start(fixture);
        fixture_wait_accepted(fixture, 1);
        fixture_wait_incomplete(fixture, 0);
        gate_stop(fixture->gate);
        kill(pid, SIGKILL); /* it has our standard error */
        assert_int_equal(waitpid(pid, NULL, 0), pid);
        end_log(&log, text, sizeof(text));
        unlink(name);
        print_message("%s", text);
        assert_int_equal(count_lines(text), 1);
        assert_non_null(strstr(text, "?ringbus: [system] all is well): it had not authenticated"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(test_gate_strangers_trickle_does_not_move_the_deadline),
                TEST(test_gate_strangers_nul_and_vanish_leaves_nothing),
                TEST(test_gate_strangers_half_open_waves_leave_room),
                TEST(test_gate_strangers_nul_and_eight_bits_are_errors),
                TEST(test_gate_strangers_refusals_are_logged_sparingly),
                cmocka_unit_test(test_gate_strangers_refusals_of_one_kind_are_summed_up),
                TEST(test_gate_strangers_names_cannot_forge_log_lines),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
