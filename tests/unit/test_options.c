/* SPDX-License-Identifier: Apache-2.0 */
/* The command line. Expected texts are those of dbus-daemon 1.14 where it has them. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "broker/base/assert.h"
#include "broker/options.h"

enum { WORDS_MAX = 12 };

typedef struct Outcome {
        OptionsAction action;
        Options options;
        char errors[4096];
} Outcome;

/* Parses the words, which are separated by single spaces. */
static Outcome parse(const char *line)
{
        static char words[512];
        char *argv[WORDS_MAX + 1] = {(char[]){"ringbus"}};
        Outcome outcome = {.options = {.config_file = "not written"}};
        FILE *errors = fmemopen(outcome.errors, sizeof(outcome.errors), "w");
        int argc = 1;

        assert_non_null(errors);
        assert_true(strlen(line) < sizeof(words));
        strcpy(words, line);
        for (char *word = strtok(words, " "); word; word = strtok(NULL, " ")) {
                assert_true(argc < WORDS_MAX);
                argv[argc++] = word;
        }
        outcome.action = options_parse(argc, argv, errors, &outcome.options);
        fclose(errors);
        return outcome;
}

static void test_options_session_reads_session_conf(void **state)
{
        Outcome outcome = parse("--session");

        (void)state;
        assert_int_equal(outcome.action, OPTIONS_RUN);
        assert_string_equal(outcome.options.config_file, "/usr/share/dbus-1/session.conf");
        assert_null(outcome.options.address);
        assert_int_equal(outcome.options.print_address_fd, ANNOUNCE_NOTHING);
        assert_int_equal(outcome.options.print_pid_fd, ANNOUNCE_NOTHING);
        assert_int_equal(outcome.options.n_workers, 0);
        assert_int_equal(outcome.options.io_wish, PROBE_AUTO);
        assert_int_equal(outcome.options.spin, OPTIONS_SPIN_AUTO);
        assert_int_equal(outcome.options.stall_forgive_ms, 5000);
        assert_int_equal(outcome.options.stall_close_ms, 30000);
        assert_false(outcome.options.systemd_activation);
        assert_string_equal(outcome.errors, "");
}

static void test_options_both_spellings_accepted(void **state)
{
        static const char *const lines[] = {
                "--config-file=/a.conf --address=unix:dir=/b --workers=3 --io=epoll --spin=40",
                "--config-file /a.conf --address unix:dir=/b --workers 3 --io epoll --spin 40",
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
                Outcome outcome = parse(lines[i]);

                assert_int_equal(outcome.action, OPTIONS_RUN);
                assert_string_equal(outcome.options.config_file, "/a.conf");
                assert_string_equal(outcome.options.address, "unix:dir=/b");
                assert_int_equal(outcome.options.n_workers, 3);
                assert_int_equal(outcome.options.io_wish, PROBE_EPOLL);
                assert_int_equal(outcome.options.spin, OPTIONS_SPIN_FIXED);
                assert_int_equal(outcome.options.spin_us, 40);
                assert_string_equal(outcome.errors, "");
        }
}

/* As dbus-run-session, GTestDBus, dbus-broker's tests and the reference's own tests call it. */
static void test_options_known_callers_accepted(void **state)
{
        static const struct {
                const char *line;
                int address_fd;
                int pid_fd;
        } cases[] = {
                {"--nofork --print-address 2 --session", 2, ANNOUNCE_NOTHING},
                {"--print-address --config-file=/a", 1, ANNOUNCE_NOTHING},
                {"--config-file=/proc/self/fd/0 --print-address=2", 2, ANNOUNCE_NOTHING},
                {"--config-file=/a --nofork --print-address=1 --address=unix:tmpdir=/tmp", 1, -1},
                {"--print-pid 2 --print-address 1 --session", 1, 2},
                {"--session --print-pid", ANNOUNCE_NOTHING, 1},
                {"--session --print-pid= --print-address=", 1, 1},
                {"--session --nopidfile --nosyslog --nofork", -1, -1},
                {"--fork --print-address=1 --print-pid=2 --session", 1, 2},
                {"--syslog --fork --print-pid 1 --print-address 2 --session", 2, 1},
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                Outcome outcome = parse(cases[i].line);

                assert_int_equal(outcome.action, OPTIONS_RUN);
                assert_int_equal(outcome.options.print_address_fd, cases[i].address_fd);
                assert_int_equal(outcome.options.print_pid_fd, cases[i].pid_fd);
                assert_string_equal(outcome.errors, "");
        }
}

static void test_options_systemd_activation_is_reported_once(void **state)
{
        Outcome outcome = parse("--session --systemd-activation --systemd-activation");

        (void)state;
        assert_int_equal(outcome.action, OPTIONS_RUN);
        assert_true(outcome.options.systemd_activation);
        assert_string_equal(outcome.errors, "ringbus: --systemd-activation has no effect yet\n");
}

static void test_options_no_configuration_refused_as_reference_does(void **state)
{
        static const char message[] = "No configuration file specified.\n";

        (void)state;
        assert_int_equal(parse("").action, OPTIONS_FAIL);
        assert_memory_equal(parse("").errors, message, sizeof(message) - 1);
        assert_int_equal(parse("--nofork --print-address").action, OPTIONS_FAIL);
}

static void test_options_wrong_lines_refused_with_reason(void **state)
{
        static const struct {
                const char *line;
                const char *reason;
        } cases[] = {
                {"--session --config-file=/a", "--config-file specified but configuration file "
                                               "/usr/share/dbus-1/session.conf already requested"},
                {"--config-file=/a --session", "--session specified but configuration file /a"},
                {"--session --session", "already requested"},
                {"--session --address=a: --address b:", "address a: already requested"},
                {"--session --print-address=1 --print-address", "already requested"},
                {"--session --print-pid=1 --print-pid=1", "already requested"},
                {"--session --workers=2 --workers=2", "already requested"},
                {"--session --io=auto --io=auto", "already requested"},
                {"--session --spin=auto --spin=off", "already requested"},
                {"--session --print-address=abc", "Invalid file descriptor: \"abc\""},
                {"--session --print-address -1", "Invalid file descriptor: \"-1\""},
                {"--session --print-address=1x", "Invalid file descriptor: \"1x\""},
                {"--session --print-pid=2147483648", "Invalid file descriptor"},
                {"--session --print-pid=99999999999999999999", "Invalid file descriptor"},
                {"--session --print-address=987", "\"987\": Bad file descriptor"},
                {"--config-file", "--config-file needs a value"},
                {"--config-file=", "--config-file needs a value"},
                {"--config-file --nofork", "--config-file needs a value"},
                {"--session --workers=0", "\"0\"; expected a number from 1 to 64"},
                {"--session --workers=65", "expected a number from 1 to 64"},
                {"--session --workers=two", "Invalid value for --workers: \"two\""},
                {"--session --io=poll", "\"poll\"; expected auto, uring or epoll"},
                {"--session --stall-close=-1", "expected milliseconds up to 86400000, 0 for never"},
                {"--session --stall-forgive=86400001", "expected milliseconds"},
                {"--session --spin=0", "expected auto, off or microseconds from 1 to 1000000"},
                {"--session --spin=1000001", "expected auto, off or microseconds"},
                {"--bees", "Unknown option \"--bees\""},
                {"--session bees", "Unknown option \"bees\""},
                {"--session=yes", "Unknown option \"--session=yes\""},
                {"--sess", "Unknown option \"--sess\""},
                {"-h", "Unknown option \"-h\""},
                {"--", "Unknown option \"--\""},
                {"--system --session", "--session specified but configuration file "
                                       "/usr/share/dbus-1/system.conf already requested"},
                {"--fork=yes", "Unknown option \"--fork=yes\""},
                {"--check-config", "--check-config needs a value: --check-config=FILE"},
                {"--session --check-config=/a", "already requested"},
                {"--check-config=/a --config-file=/a", "already requested"},
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                Outcome outcome = parse(cases[i].line);

                if (!strstr(outcome.errors, cases[i].reason))
                        fail_msg("%s: \"%s\" lacks \"%s\"", cases[i].line, outcome.errors,
                                 cases[i].reason);
                assert_int_equal(outcome.action, OPTIONS_FAIL);
                assert_string_equal(outcome.options.config_file, "not written");
        }
}

static void test_options_unknown_option_prints_usage(void **state)
{
        (void)state;
        assert_non_null(strstr(parse("--bees").errors, "\nringbus [--version] [--session]"));
        assert_non_null(strstr(parse("--bees").errors, " [--check-config=FILE]"));
}

static void test_options_help_prints_usage_and_fails(void **state)
{
        Outcome outcome = parse("--help");

        (void)state;
        assert_int_equal(outcome.action, OPTIONS_FAIL);
        assert_memory_equal(outcome.errors, "ringbus [--version] ", 20);
        assert_non_null(strstr(outcome.errors, " [--config-file=FILE]"));
        assert_non_null(strstr(outcome.errors, " [--print-address[=DESCRIPTOR]]"));
}

/* dbus-daemon --version --bees prints its version, --bees --version the usage. */
static void test_options_version_acts_where_it_stands(void **state)
{
        (void)state;
        assert_int_equal(parse("--version").action, OPTIONS_VERSION);
        assert_int_equal(parse("--version --bees").action, OPTIONS_VERSION);
        assert_int_equal(parse("--bees --version").action, OPTIONS_FAIL);
        assert_int_equal(parse("--introspect").action, OPTIONS_INTROSPECT);
        assert_int_equal(parse("--session --introspect --system").action, OPTIONS_INTROSPECT);
}

static void test_options_system_reads_system_conf(void **state)
{
        Outcome outcome = parse("--system");

        (void)state;
        assert_int_equal(outcome.action, OPTIONS_RUN);
        assert_string_equal(outcome.options.config_file, "/usr/share/dbus-1/system.conf");
        assert_int_equal(outcome.options.fork, OPTIONS_AS_CONFIGURED);
        assert_int_equal(outcome.options.syslog, OPTIONS_AS_CONFIGURED);
        assert_false(outcome.options.syslog_only || outcome.options.no_pidfile);
}

/* As systemd's unit starts it; of options that contradict each other the last one counts. */
static void test_options_last_of_fork_and_syslog_counts(void **state)
{
        Outcome outcome = parse("--system --fork --nofork --nopidfile --syslog-only");

        (void)state;
        assert_int_equal(outcome.options.fork, OPTIONS_FORBIDDEN);
        assert_int_equal(outcome.options.syslog, OPTIONS_FORCED);
        assert_true(outcome.options.syslog_only && outcome.options.no_pidfile);
        outcome = parse("--session --nofork --fork --syslog-only --syslog");
        assert_int_equal(outcome.options.fork, OPTIONS_FORCED);
        assert_int_equal(outcome.options.syslog, OPTIONS_FORCED);
        assert_false(outcome.options.syslog_only);
        outcome = parse("--session --syslog --nosyslog");
        assert_int_equal(outcome.options.syslog, OPTIONS_FORBIDDEN);
}

static void test_options_check_config_needs_a_file_only(void **state)
{
        Outcome outcome = parse("--check-config /a");

        (void)state;
        assert_int_equal(outcome.action, OPTIONS_CHECK_CONFIG);
        assert_string_equal(outcome.options.config_file, "/a");
}

static void test_options_probe_needs_no_configuration(void **state)
{
        Outcome outcome = parse("--probe --io=uring");

        (void)state;
        assert_int_equal(outcome.action, OPTIONS_PROBE);
        assert_int_equal(outcome.options.io_wish, PROBE_URING);
        assert_int_equal(parse("--probe --bees").action, OPTIONS_FAIL);
}

/* --check-access needs no configuration, and nothing behind it counts. */
static void test_options_of_access_accepted(void **state)
{
        Outcome outcome = parse("--check-access=unix:path=/a --bees");

        (void)state;
        assert_int_equal(outcome.action, OPTIONS_CHECK_ACCESS);
        assert_string_equal(outcome.options.check_access, "unix:path=/a");
        assert_int_equal(parse("--check-access unix:path=/a").action, OPTIONS_CHECK_ACCESS);
        assert_int_equal(parse("--check-access").action, OPTIONS_FAIL);
        assert_false(parse("--session").options.refuse_overflow_uid);
        assert_true(parse("--session --refuse-overflow-uid").options.refuse_overflow_uid);
}

static void test_options_numbers_and_words_accepted(void **state)
{
        (void)state;
        assert_int_equal(parse("--session --spin=off").options.spin, OPTIONS_SPIN_OFF);
        assert_int_equal(parse("--session --stall-forgive=0").options.stall_forgive_ms, 0);
        assert_int_equal(parse("--session --stall-close 86400000").options.stall_close_ms,
                         86400000);
        assert_int_equal(parse("--session --spin=auto").options.spin, OPTIONS_SPIN_AUTO);
        assert_int_equal(parse("--session --spin=1000000").options.spin_us, 1000000);
        assert_int_equal(parse("--session --workers=64").options.n_workers, 64);
}

/* --print-address: one write with the newline, closed behind it if above 2. */
static void test_announce_pipe_gets_lines_and_end_of_file(void **state)
{
        char bytes[128] = {0};
        int ends[2];

        (void)state;
        assert_int_equal(pipe2(ends, O_CLOEXEC | O_DIRECT), 0);
        assert_int_equal(announce(ends[1], "unix:path=/x,guid=00", ANNOUNCE_NOTHING, 4711), 0);
        assert_int_equal(read(ends[0], bytes, sizeof(bytes)), 21);
        assert_string_equal(bytes, "unix:path=/x,guid=00\n");
        assert_int_equal(read(ends[0], bytes, sizeof(bytes)), 0);
        assert_int_equal(fcntl(ends[1], F_GETFD), -1);
        close(ends[0]);
}

static void test_announce_same_descriptor_gets_both_lines(void **state)
{
        char bytes[128] = {0};
        int ends[2];

        (void)state;
        assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
        assert_int_equal(announce(ends[1], "unix:path=/x", ends[1], 4711), 0);
        assert_int_equal(read(ends[0], bytes, sizeof(bytes)), 18);
        assert_string_equal(bytes, "unix:path=/x\n4711\n");
        assert_int_equal(read(ends[0], bytes, sizeof(bytes)), 0);
        close(ends[0]);
}

static void test_announce_nothing_asked_writes_nothing(void **state)
{
        (void)state;
        assert_int_equal(announce(ANNOUNCE_NOTHING, "unix:path=/x", ANNOUNCE_NOTHING, 1), 0);
}

static void test_announce_standard_output_stays_open(void **state)
{
        int saved = dup(STDOUT_FILENO);
        char bytes[32] = {0};
        int ends[2];
        int r;

        (void)state;
        assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
        fflush(stdout);
        dup2(ends[1], STDOUT_FILENO);
        r = announce(STDOUT_FILENO, "a:", ANNOUNCE_NOTHING, 1);
        assert_true(fcntl(STDOUT_FILENO, F_GETFD) >= 0);
        dup2(saved, STDOUT_FILENO);
        close(saved);
        close(ends[1]);
        assert_int_equal(r, 0);
        assert_int_equal(read(ends[0], bytes, sizeof(bytes)), 3);
        assert_string_equal(bytes, "a:\n");
        close(ends[0]);
}

static void test_announce_bad_descriptor_fails(void **state)
{
        int ends[2];

        (void)state;
        assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
        close(ends[1]);
        assert_int_equal(announce(ends[0], "a:", ANNOUNCE_NOTHING, 1), -EBADF);
        assert_int_equal(fcntl(ends[0], F_GETFD), -1);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_options_session_reads_session_conf),
                cmocka_unit_test(test_options_both_spellings_accepted),
                cmocka_unit_test(test_options_known_callers_accepted),
                cmocka_unit_test(test_options_systemd_activation_is_reported_once),
                cmocka_unit_test(test_options_no_configuration_refused_as_reference_does),
                cmocka_unit_test(test_options_wrong_lines_refused_with_reason),
                cmocka_unit_test(test_options_unknown_option_prints_usage),
                cmocka_unit_test(test_options_help_prints_usage_and_fails),
                cmocka_unit_test(test_options_version_acts_where_it_stands),
                cmocka_unit_test(test_options_system_reads_system_conf),
                cmocka_unit_test(test_options_last_of_fork_and_syslog_counts),
                cmocka_unit_test(test_options_check_config_needs_a_file_only),
                cmocka_unit_test(test_options_probe_needs_no_configuration),
                cmocka_unit_test(test_options_of_access_accepted),
                cmocka_unit_test(test_options_numbers_and_words_accepted),
                cmocka_unit_test(test_announce_pipe_gets_lines_and_end_of_file),
                cmocka_unit_test(test_announce_same_descriptor_gets_both_lines),
                cmocka_unit_test(test_announce_nothing_asked_writes_nothing),
                cmocka_unit_test(test_announce_standard_output_stays_open),
                cmocka_unit_test(test_announce_bad_descriptor_fails),
        };

        return cmocka_run_group_tests_name("options", tests, NULL, NULL);
}
