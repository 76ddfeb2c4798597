/* SPDX-License-Identifier: Apache-2.0 */
/* The system's log, with a socket of this test's in the place of /dev/log. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>
#include <regex.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "broker/base/log.h"

static char folder[64];
static char path[80]; /* of the logger's socket */
static int logger = -1;
static int ends[2]; /* a pipe as standard error */
static int stderr_before;

static void open_logger(void)
{
        struct sockaddr_un name = {.sun_family = AF_UNIX};

        strcpy(name.sun_path, path);
        logger = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        assert_int_equal(bind(logger, (const struct sockaddr *)&name, sizeof(name)), 0);
}

static void close_logger(void)
{
        close(logger);
        unlink(path);
}

static int set_up(void **state)
{
        (void)state;
        strcpy(folder, "/tmp/test-systemlog-XXXXXX");
        if (!mkdtemp(folder) || pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
                return -1;
        snprintf(path, sizeof(path), "%s/log", folder);
        open_logger();
        stderr_before = dup(STDERR_FILENO);
        alarm(120); /* a log that waits would wait for ever */
        return dup2(ends[1], STDERR_FILENO) < 0 ? -1 : 0;
}

static int tear_down(void **state)
{
        (void)state;
        alarm(0);
        dup2(stderr_before, STDERR_FILENO);
        close(stderr_before);
        close(ends[0]);
        close(ends[1]);
        close_logger();
        log_set_target(LOG_TARGET_STDERR, NULL);
        log_set_prefix("");
        return rmdir(folder);
}

/* What the logger received next, or "". */
static const char *receive(void)
{
        static char text[4096];
        ssize_t n = recv(logger, text, sizeof(text) - 1, 0);

        text[n < 0 ? 0 : n] = '\0';
        return text;
}

/* What was written to standard error, or "". */
static const char *read_stderr(void)
{
        static char text[65536];
        ssize_t n = read(ends[0], text, sizeof(text) - 1);

        text[n < 0 ? 0 : n] = '\0';
        return text;
}

static void assert_matches(const char *text, const char *pattern)
{
        regex_t regex;

        assert_int_equal(regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB), 0);
        if (regexec(&regex, text, 0, NULL, 0) != 0)
                fail_msg("\"%s\" does not match \"%s\"", text, pattern);
        regfree(&regex);
}

/* RFC 3164, sections 4.1.1 to 4.1.3: facility 3 (daemon) times 8 plus the severity; the date. */
static void test_systemlog_lines_are_those_of_syslog(void **state)
{
        char pattern[256];

        (void)state;
        log_set_prefix("[system] ");
        log_set_target(LOG_TARGET_SYSLOG, path);
        log_error("one %d", 1);
        log_warning("two");
        log_notice("three");
        snprintf(pattern, sizeof(pattern),
                 "^<27>[A-Z][a-z]{2} [ 1-3][0-9] [0-2][0-9]:[0-5][0-9]:[0-6][0-9] "
                 "dbus-daemon\\[%d\\]: \\[system\\] error: one 1$",
                 (int)getpid());
        assert_matches(receive(), pattern);
        assert_matches(receive(), "^<28>.*: \\[system\\] warning: two$");
        assert_matches(receive(), "^<29>.*: \\[system\\] three$");
        assert_string_equal(receive(), "");
        assert_string_equal(read_stderr(), "");
}

static void test_systemlog_both_get_every_line(void **state)
{
        (void)state;
        log_set_target(LOG_TARGET_BOTH, path);
        log_notice("hello");
        assert_matches(receive(), "dbus-daemon\\[[0-9]+\\]: hello$");
        assert_string_equal(read_stderr(), "ringbus: hello\n");
}

static void test_systemlog_restarted_logger_is_found(void **state)
{
        (void)state;
        log_set_target(LOG_TARGET_SYSLOG, path);
        log_notice("before");
        assert_matches(receive(), "before$");
        close_logger();
        open_logger();
        log_notice("after");
        assert_matches(receive(), "after$");
        assert_string_equal(read_stderr(), "");
}

/* Also if it is the only log: a reason not to start must be found somewhere. */
static void test_systemlog_without_logger_standard_error_is_used(void **state)
{
        char long_path[256];

        (void)state;
        close_logger();
        log_set_target(LOG_TARGET_SYSLOG, path);
        log_error("lost?");
        assert_string_equal(read_stderr(), "ringbus: error: lost?\n");
        memset(long_path, 'a', sizeof(long_path));
        long_path[sizeof(long_path) - 1] = '\0';
        log_set_target(LOG_TARGET_SYSLOG, long_path);
        log_error("lost?");
        assert_string_equal(read_stderr(), "ringbus: error: lost?\n");
        open_logger();
}

/* Without an end, syslog(3) would wait here for a logger that does not read. */
static void test_systemlog_full_queue_never_waits(void **state)
{
        unsigned n = 0;

        (void)state;
        log_set_target(LOG_TARGET_BOTH, path);
        for (unsigned i = 0; i < 2000; i++)
                log_notice("line %u", i);
        while (receive()[0])
                n++;
        assert_true(n > 0 && n < 2000);
        log_notice("there is room again");
        assert_matches(receive(), "there is room again$");
}

#define SYSTEMLOG_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
        const struct CMUnitTest tests[] = {
                SYSTEMLOG_TEST(test_systemlog_lines_are_those_of_syslog),
                SYSTEMLOG_TEST(test_systemlog_both_get_every_line),
                SYSTEMLOG_TEST(test_systemlog_restarted_logger_is_found),
                SYSTEMLOG_TEST(test_systemlog_without_logger_standard_error_is_used),
                SYSTEMLOG_TEST(test_systemlog_full_queue_never_waits),
        };

        return cmocka_run_group_tests_name("systemlog", tests, NULL, NULL);
}
