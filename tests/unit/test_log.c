/* SPDX-License-Identifier: Apache-2.0 */
/* The log, with a pipe as standard error. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "broker/base/log.h"

#define LOST "log lines lost because standard error did not take them: "

enum { N_THREADS = 4, N_LINES = 200 };

typedef struct Fixture {
        int ends[2]; /* of the pipe; only the reading end does not block */
        int stderr_before;
        char text[1 << 16];
} Fixture;

static int set_up(void **state)
{
        Fixture *fixture = calloc(1, sizeof(*fixture));

        *state = fixture;
        fixture->stderr_before = dup(STDERR_FILENO);
        if (pipe2(fixture->ends, O_CLOEXEC) < 0)
                return -1;
        alarm(120); /* a log that waits would wait for ever */
        return fcntl(fixture->ends[0], F_SETFL, O_NONBLOCK) < 0 ||
                               dup2(fixture->ends[1], STDERR_FILENO) < 0
                       ? -1
                       : 0;
}

static int tear_down(void **state)
{
        Fixture *fixture = *state;

        alarm(0);
        dup2(fixture->stderr_before, STDERR_FILENO);
        close(fixture->stderr_before);
        close(fixture->ends[0]);
        close(fixture->ends[1]);
        free(fixture);
        return 0;
}

/* Takes what is in the pipe, as a string; returns its size. */
static size_t read_all(Fixture *fixture)
{
        size_t size = 0;
        ssize_t n;

        while ((n = read(fixture->ends[0], fixture->text + size,
                         sizeof(fixture->text) - 1 - size)) > 0)
                size += (size_t)n;
        fixture->text[size] = '\0';
        return size;
}

/* Until the pipe takes nothing more. */
static void fill(Fixture *fixture)
{
        static const char zeros[4096];

        assert_int_equal(fcntl(fixture->ends[1], F_SETFL, O_NONBLOCK), 0);
        while (write(fixture->ends[1], zeros, sizeof(zeros)) > 0)
                continue;
        assert_int_equal(errno, EAGAIN);
        assert_int_equal(fcntl(fixture->ends[1], F_SETFL, 0), 0);
}

/* Empties the pipe, zeros too; returns how many lines were in it. */
static unsigned drain(Fixture *fixture)
{
        unsigned n = 0;
        size_t size;

        while ((size = read_all(fixture)) > 0)
                for (size_t i = 0; i < size; i++)
                        n += fixture->text[i] == '\n';
        return n;
}

static unsigned count(const char *text, const char *part)
{
        unsigned n = 0;

        for (const char *p = text; (p = strstr(p, part)); p += strlen(part))
                n++;
        return n;
}

static void test_log_line_has_prefix_and_level(void **state)
{
        Fixture *fixture = *state;

        log_set_prefix("[test] ");
        errno = ENOENT;
        log_error("%s %d", "one", 1);
        assert_int_equal(errno, ENOENT);
        log_notice("two");
        log_debug("nobody asked");
        log_set_prefix("");
        read_all(fixture);
        assert_string_equal(fixture->text, "ringbus: [test] error: one 1\nringbus: [test] two\n");
}

static void test_log_long_line_is_cut(void **state)
{
        Fixture *fixture = *state;
        char text[3000];

        memset(text, 'x', sizeof(text));
        text[sizeof(text) - 1] = '\0';
        log_notice("%s", text);
        assert_int_equal(read_all(fixture), 1024);
        assert_int_equal(fixture->text[1023], '\n');
}

static void test_log_full_pipe_drops_lines_and_says_how_many(void **state)
{
        Fixture *fixture = *state;

        fill(fixture);
        errno = ENOENT;
        for (int i = 0; i < 3; i++)
                log_error("lost %d", i);
        assert_int_equal(errno, ENOENT);
        drain(fixture);
        log_error("first");
        log_error("second");
        read_all(fixture);
        assert_string_equal(fixture->text,
                            "ringbus: warning: log lines lost because standard error did not take "
                            "them: 3\nringbus: error: first\nringbus: error: second\n");
}

/* The longest of everything still fits. */
static void test_log_long_line_after_lost_ones_is_whole(void **state)
{
        Fixture *fixture = *state;
        char text[3000];
        size_t size;

        memset(text, 'x', sizeof(text));
        text[sizeof(text) - 1] = '\0';
        log_set_prefix(text);
        fill(fixture);
        log_error("lost");
        drain(fixture);
        log_error("%s", text);
        log_set_prefix("");
        size = read_all(fixture);
        assert_int_equal(fixture->text[size - 1], '\n');
        assert_int_equal(count(fixture->text, "\n"), 2);
        assert_int_equal(strchr(fixture->text, '\n') + 1 + 1024 - fixture->text, size);
}

static void test_log_reader_gone_does_not_end_the_process(void **state)
{
        Fixture *fixture = *state;

        close(fixture->ends[0]);
        for (int i = 0; i < 3; i++)
                log_error("nobody reads %d", i);
        assert_int_equal(pipe2(fixture->ends, O_CLOEXEC | O_NONBLOCK), 0);
        assert_int_equal(dup2(fixture->ends[1], STDERR_FILENO), STDERR_FILENO);
        log_error("somebody does");
        read_all(fixture);
        assert_non_null(strstr(fixture->text, LOST "3\n"));
}

static void *log_many(void *argument)
{
        for (int i = 0; i < N_LINES; i++)
                log_error("line %d of thread %s", i, (const char *)argument);
        return NULL;
}

/* One page of the pipe is free: some lines fit, the others are counted, whoever wrote them. */
static void test_log_threads_never_wait_and_lose_no_count(void **state)
{
        Fixture *fixture = *state;
        static char names[N_THREADS][2] = {"a", "b", "c", "d"};
        pthread_t threads[N_THREADS];
        char page[4096];
        unsigned long n_lost;
        unsigned n_written = 0;
        const char *notice;

        fill(fixture);
        assert_int_equal(read(fixture->ends[0], page, sizeof(page)), sizeof(page));
        for (int i = 0; i < N_THREADS; i++)
                assert_int_equal(pthread_create(&threads[i], NULL, log_many, names[i]), 0);
        for (int i = 0; i < N_THREADS; i++)
                pthread_join(threads[i], NULL);
        n_written = drain(fixture);
        assert_in_range(n_written, 1,
                        sizeof(page) / strlen("ringbus: error: line 0 of thread a\n"));
        log_error("end");
        read_all(fixture);
        notice = strstr(fixture->text, LOST);
        assert_non_null(notice);
        n_lost = strtoul(notice + strlen(LOST), NULL, 10);
        assert_int_equal(n_written + n_lost, N_THREADS * N_LINES);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_log_line_has_prefix_and_level, set_up,
                                                tear_down),
                cmocka_unit_test_setup_teardown(test_log_long_line_is_cut, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_log_full_pipe_drops_lines_and_says_how_many,
                                                set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_log_long_line_after_lost_ones_is_whole, set_up,
                                                tear_down),
                cmocka_unit_test_setup_teardown(test_log_reader_gone_does_not_end_the_process,
                                                set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_log_threads_never_wait_and_lose_no_count,
                                                set_up, tear_down),
        };

        signal(SIGPIPE, SIG_IGN); /* as the daemon does */
        return cmocka_run_group_tests(tests, NULL, NULL);
}
