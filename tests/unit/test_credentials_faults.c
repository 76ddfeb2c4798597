/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the kernel may say of a peer and does not say on every machine: security labels, which need
 * a security module, old kernels; and memory that runs out. getsockopt(2) is the test's.
 */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "auth/credentials.h"
#include "broker/base/assert.h"
#include "tests/support/shortage.h"

#ifndef SO_PEERGROUPS
#define SO_PEERGROUPS 59
#endif

enum { LABEL_MAX = 4096 };

/* What the kernel answers. */
typedef struct Kernel {
        const char *label; /* NULL: it has none */
        size_t label_size;
        unsigned n_growths; /* so often the label is longer than it said it would be */
        bool tells_no_size; /* ERANGE without the size that is needed */
        bool has_groups;
        unsigned n_asked; /* for the label */
} Kernel;

static Kernel kernel;
static const gid_t kernel_groups[] = {30, 10, 20};

int __wrap_getsockopt(int fd, int level, int option, void *value, socklen_t *size);

static int answer(const void *data, size_t data_size, void *value, socklen_t *size)
{
        bool fits = *size >= data_size;

        memset(value, 'x', *size); /* a kernel does not care what is there */
        if (fits)
                memcpy(value, data, data_size);
        if (fits || !kernel.tells_no_size)
                *size = (socklen_t)data_size;
        if (fits)
                return 0;
        errno = ERANGE;
        return -1;
}

int __wrap_getsockopt(int fd, int level, int option, void *value, socklen_t *size)
{
        (void)fd;
        assert_int_equal(level, SOL_SOCKET);
        if (option == SO_PEERGROUPS && kernel.has_groups)
                return answer(kernel_groups, sizeof(kernel_groups), value, size);
        if (option == SO_PEERSEC && kernel.label) {
                kernel.n_asked++;
                if (kernel.n_growths > 0 && *size >= kernel.label_size) {
                        kernel.n_growths--;
                        kernel.label_size += 1;
                }
                return answer(kernel.label, kernel.label_size, value, size);
        }
        errno = option == SO_PEERSEC ? ENOPROTOOPT : EINVAL;
        return -1;
}

static int setup(void **state)
{
        (void)state;
        kernel = (Kernel){.has_groups = true};
        return 0;
}

static int read_credentials(Credentials *credentials)
{
        const struct ucred peer = {.uid = 7, .gid = 20, .pid = 42};

        return credentials_read_more(-1, &peer, credentials);
}

static void expect_label(const char *label, size_t size)
{
        Credentials credentials;
        long before = shortage_n_live();

        assert_int_equal(read_credentials(&credentials), 0);
        assert_int_equal(credentials.uid, 7);
        assert_int_equal(credentials.n_groups, 3); /* the primary one is among them */
        assert_int_equal(credentials.security_label_size, size);
        if (size > 0) {
                assert_memory_equal(credentials.security_label, label, size);
                assert_int_equal(credentials.security_label[size], '\0');
        } else {
                assert_null(credentials.security_label);
        }
        credentials_deinit(&credentials);
        assert_int_equal(shortage_n_live(), before);
}

/* SELinux counts the terminating nul byte in, AppArmor and Smack do not. */
static void test_credentials_faults_label_ends_before_its_nul_bytes(void **state)
{
        static const char label[] = "system_u:system_r:x_t:s0\0\0";

        (void)state;
        kernel.label = label;
        kernel.label_size = sizeof(label);
        expect_label(label, strlen(label));
        kernel.label_size = strlen(label);
        expect_label(label, strlen(label));
        kernel.label_size = 1;
        expect_label(label, 1);
}

static void test_credentials_faults_empty_label_is_none(void **state)
{
        (void)state;
        kernel.label = "\0\0";
        for (kernel.label_size = 0; kernel.label_size <= 2; kernel.label_size++)
                expect_label(NULL, 0);
}

/* Asked again with the size that the kernel said, or twice as much if it says none, as long as the
 * label grows in between. */
static void test_credentials_faults_long_label_is_read_whole(void **state)
{
        static char label[LABEL_MAX];

        (void)state;
        memset(label, 'l', sizeof(label));
        kernel.label = label;
        kernel.label_size = 300;
        expect_label(label, 300);
        assert_int_equal(kernel.n_asked, 2);

        kernel.n_asked = 0;
        kernel.n_growths = 3;
        expect_label(label, 303);
        assert_int_equal(kernel.n_asked, 5);

        kernel.tells_no_size = true;
        kernel.n_asked = 0;
        kernel.label_size = LABEL_MAX;
        expect_label(label, LABEL_MAX);
        assert_int_equal(kernel.n_asked, 5); /* 256, 512, 1024, 2048, 4096 */
}

/* A size beyond reason is not believed: there is no label, and the peer is served. */
static void test_credentials_faults_endless_label_is_given_up(void **state)
{
        (void)state;
        kernel.label = "";
        kernel.label_size = SIZE_MAX / 2;
        kernel.tells_no_size = true;
        expect_label(NULL, 0);
        assert_in_range(kernel.n_asked, 2, 16);
}

/* Neither groups nor a label nor a pidfd: the ids are enough. */
static void test_credentials_faults_old_kernel_tells_ids_only(void **state)
{
        Credentials credentials;

        (void)state;
        kernel.has_groups = false;
        assert_int_equal(read_credentials(&credentials), 0);
        assert_int_equal(credentials.uid, 7);
        assert_int_equal(credentials.gid, 20);
        assert_int_equal(credentials.pid, 42);
        assert_int_equal(credentials.n_groups, 0);
        assert_null(credentials.groups);
        assert_int_equal(credentials_open_pidfd(-1), -1);
        credentials_deinit(&credentials);
}

static void test_credentials_faults_every_allocation_may_fail(void **state)
{
        Credentials credentials = {.uid = 99};
        long before = shortage_n_live(), n = 0;
        int r = -ENOMEM;

        (void)state;
        kernel.label = "label";
        kernel.label_size = 5;
        for (; r == -ENOMEM; n++) {
                assert_true(n < 100);
                assert_int_equal(credentials.uid, 99); /* not written */
                shortage_begin(n);
                r = read_credentials(&credentials);
                shortage_begin(-1);
                if (r < 0)
                        assert_int_equal(shortage_n_live(), before);
        }
        assert_int_equal(r, 0);
        assert_int_equal(n, 5); /* groups, the label, room for one more of each; then none */
        credentials_deinit(&credentials);
        assert_int_equal(shortage_n_live(), before);
}

static void test_credentials_faults_another_user_keeps_nothing_of_the_peer(void **state)
{
        Credentials credentials;

        (void)state;
        kernel.label = "label";
        kernel.label_size = 5;
        assert_int_equal(read_credentials(&credentials), 0);
        credentials_set_user(&credentials, 7);
        assert_int_equal(credentials.n_groups, 3);
        credentials_set_user(&credentials, 8);
        assert_int_equal(credentials.uid, 8);
        assert_int_equal(credentials.gid, (gid_t)-1);
        assert_int_equal(credentials.n_groups, 0);
        assert_null(credentials.security_label);
        assert_int_equal(credentials.pid, 42);
        credentials_deinit(&credentials);
}

/* For the log, which never shows (uid_t)-1. */
static void test_credentials_faults_text_tells_what_is_known(void **state)
{
        static const struct {
                pid_t pid;
                uid_t uid;
                const char *text;
        } cases[] = {
                {42, 1000, "process 42, uid 1000"},
                {42, 0, "process 42, uid 0"},
                {42, CREDENTIALS_NO_UID, "process 42, anonymous"},
                {0, 1000, "process unknown, uid 1000"},
                {0, CREDENTIALS_NO_UID, "process unknown, anonymous"},
                {INT32_MAX, CREDENTIALS_NO_UID - 1, "process 2147483647, uid 4294967294"},
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                const Credentials credentials = {.uid = cases[i].uid, .pid = cases[i].pid};
                char text[CREDENTIALS_TEXT_MAX];

                assert_ptr_equal(credentials_text(&credentials, text), text);
                assert_string_equal(text, cases[i].text);
        }
}

/* As the kernel says: a number of its own in some containers. */
static void test_credentials_faults_overflow_uid_is_the_kernel_s(void **state)
{
        FILE *file = fopen("/proc/sys/kernel/overflowuid", "r");
        unsigned uid = 65534;

        (void)state;
        if (file) {
                assert_int_equal(fscanf(file, "%u", &uid), 1);
                fclose(file);
        }
        assert_int_equal(credentials_overflow_uid(), uid);
}

#define TEST(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(test_credentials_faults_label_ends_before_its_nul_bytes),
                TEST(test_credentials_faults_empty_label_is_none),
                TEST(test_credentials_faults_long_label_is_read_whole),
                TEST(test_credentials_faults_endless_label_is_given_up),
                TEST(test_credentials_faults_old_kernel_tells_ids_only),
                TEST(test_credentials_faults_every_allocation_may_fail),
                TEST(test_credentials_faults_another_user_keeps_nothing_of_the_peer),
                TEST(test_credentials_faults_text_tells_what_is_known),
                TEST(test_credentials_faults_overflow_uid_is_the_kernel_s),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
