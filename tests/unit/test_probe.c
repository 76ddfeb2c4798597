/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The probe. Without an argument io_uring must be found able to serve; with one, EPERM or ENOSYS,
 * it must be found refused with that error (the test runs below tests/support/seccomp_refuse).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "broker/base/assert.h"
#include "broker/base/clock.h"
#include "broker/io/probe.h"
#include "tests/unit/io_fixture.h"

static int expected_error;     /* 0 or -errno */
static uint64_t clock_leap_ns; /* before each time the clock is read */
static uint64_t clock_ahead_ns;

uint64_t __real_clock_now_ns(void);
uint64_t __wrap_clock_now_ns(void);

uint64_t __wrap_clock_now_ns(void)
{
        clock_ahead_ns += clock_leap_ns;
        return __real_clock_now_ns() + clock_ahead_ns;
}

static void test_probe_parse_wish_knows_three_words(void **state)
{
        ProbeWish wish = PROBE_AUTO;

        (void)state;
        assert_true(probe_parse_wish("epoll", &wish));
        assert_int_equal(wish, PROBE_EPOLL);
        assert_true(probe_parse_wish("uring", &wish));
        assert_int_equal(wish, PROBE_URING);
        assert_true(probe_parse_wish("auto", &wish));
        assert_int_equal(wish, PROBE_AUTO);
        assert_false(probe_parse_wish("", &wish));
        assert_false(probe_parse_wish("EPOLL", &wish));
        assert_false(probe_parse_wish("epoll ", &wish));
        assert_int_equal(wish, PROBE_AUTO);
}

static void check_reason(const Probe *probe)
{
        assert_int_equal(probe->uring_error, expected_error);
        if (expected_error == 0) {
                assert_string_equal(probe->reason, "");
                assert_non_null(strstr(probe->details, "recvmsg: yes\n"));
                assert_non_null(strstr(probe->details, "ext-arg: yes\n"));
                assert_true(probe->features != 0);
                return;
        }
        /* What failed, how, why, and what to do. */
        assert_non_null(strstr(probe->reason, "io_uring_setup"));
        assert_non_null(strstr(probe->reason, strerror(-expected_error)));
        assert_non_null(strstr(probe->reason, "seccomp filter"));
        assert_non_null(strstr(probe->reason, "allow io_uring_setup"));
}

static void test_probe_auto_takes_what_works(void **state)
{
        Probe probe;

        (void)state;
        assert_int_equal(probe_run(PROBE_AUTO, &probe), 0);
        assert_int_equal(probe.backend, expected_error ? IO_BACKEND_EPOLL : IO_BACKEND_URING);
        check_reason(&probe);
}

/* As on a machine so busy that this process gets no processor for longer than any deadline. */
static void test_probe_without_time_finds_the_same(void **state)
{
        Probe probe;

        (void)state;
        clock_leap_ns = 3600 * CLOCK_NS_PER_S;
        assert_int_equal(probe_run(PROBE_URING, &probe), expected_error);
        clock_leap_ns = 0;
        check_reason(&probe);
}

/* So many fds in flight of a user who has no more to send; in a process of its own. */
static int run_without_fds_to_send(void)
{
        enum { FDS = 64, IN_FLIGHT = FDS + 32, NOBODY = 65534 };
        const struct rlimit few = {.rlim_cur = FDS, .rlim_max = FDS};
        char control[CMSG_SPACE(sizeof(int))] = {0};
        struct iovec byte = {.iov_base = (char[]){"x"}, .iov_len = 1};
        struct msghdr message = {.msg_iov = &byte,
                                 .msg_iovlen = 1,
                                 .msg_control = control,
                                 .msg_controllen = sizeof(control)};
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        Probe probe;
        int ends[2], r = 0;

        if (setrlimit(RLIMIT_NOFILE, &few) < 0 || (getuid() == 0 && setuid(NOBODY) < 0) ||
            socketpair(AF_UNIX, SOCK_STREAM, 0, ends) < 0)
                return 2;
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(header), &ends[0], sizeof(int));
        for (int i = 0; i < IN_FLIGHT && r >= 0; i++)
                r = (int)sendmsg(ends[1], &message, MSG_DONTWAIT);
        if (r >= 0 || errno != ETOOMANYREFS)
                return 3;
        if (probe_run(PROBE_URING, &probe) != expected_error)
                return 4;
        return probe.uring_error == expected_error ? 0 : 5;
}

static void test_probe_fds_in_flight_are_no_fault_of_io_uring(void **state)
{
        int status = -1;
        pid_t pid = fork();

        (void)state;
        assert_true(pid >= 0);
        if (pid == 0)
                _exit(run_without_fds_to_send());
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
}

static void test_probe_uring_insists(void **state)
{
        Probe probe;

        (void)state;
        assert_int_equal(probe_run(PROBE_URING, &probe), expected_error);
        check_reason(&probe);
}

static void test_probe_epoll_is_always_granted(void **state)
{
        Probe probe;

        (void)state;
        assert_int_equal(probe_run(PROBE_EPOLL, &probe), 0);
        assert_int_equal(probe.backend, IO_BACKEND_EPOLL);
        check_reason(&probe);
}

static void test_probe_leaves_no_descriptor_behind(void **state)
{
        unsigned n = fixture_count_fds();
        Probe probe;

        (void)state;
        assert_int_equal(probe_run(PROBE_AUTO, &probe), 0);
        assert_int_equal(fixture_count_fds(), n);
}

static void test_probe_print_names_backend_kernel_and_reason(void **state)
{
        char *text = NULL;
        size_t size = 0;
        FILE *file = open_memstream(&text, &size);
        Probe probe;

        (void)state;
        assert_non_null(file);
        assert_int_equal(probe_run(PROBE_AUTO, &probe), 0);
        probe_print(&probe, file);
        fclose(file);
        assert_non_null(strstr(text, expected_error ? "backend: epoll\n" : "backend: uring\n"));
        assert_non_null(strstr(text, "kernel: "));
        assert_non_null(strstr(text, expected_error ? probe.reason : "io_uring: yes\n"));
        print_message("%s", text);
        free(text);
}

int main(int argc, char **argv)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_probe_parse_wish_knows_three_words),
                cmocka_unit_test(test_probe_auto_takes_what_works),
                cmocka_unit_test(test_probe_without_time_finds_the_same),
                cmocka_unit_test(test_probe_fds_in_flight_are_no_fault_of_io_uring),
                cmocka_unit_test(test_probe_uring_insists),
                cmocka_unit_test(test_probe_epoll_is_always_granted),
                cmocka_unit_test(test_probe_leaves_no_descriptor_behind),
                cmocka_unit_test(test_probe_print_names_backend_kernel_and_reason),
        };

        if (argc > 1)
                expected_error = strcmp(argv[1], "EPERM") == 0 ? -EPERM : -ENOSYS;
        return cmocka_run_group_tests(tests, NULL, NULL);
}
