/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keyring when the system itself fails: each system call once, memory at each allocation. As in
 * test_keyring_faults.c the file keeps the keys that it held, and the folder is left as it was.
 */

#include "tests/unit/keyring_fixture.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "broker/base/assert.h"
#include "tests/support/shortage.h"

#define LOCK KEYRING_CONTEXT ".lock"
#define TWO_KEYS "7 1699999690 abcdef\n8 1699999695 012345\n" /* valid, but not young */

/* The system calls that fail here: X(name). */
#define CALLS(X)                                                                                   \
        X(fstat)                                                                                   \
        X(fstatat) X(read) X(write) X(fsync) X(renameat) X(openat) X(fdopendir) X(getrandom)

typedef enum Call {
#define CALL(name) CALL_##name,
        CALLS(CALL)
#undef CALL
                CALL_NONE,
} Call;

/* The next fault: of the `skip`-th call from now on, `n` times in a row. */
static struct {
        Call call;
        unsigned skip;
        unsigned n;
        int error;
        unsigned n_calls; /* that were made since */
} fault = {.call = CALL_NONE};

static void set_fault(Call call, unsigned skip, unsigned n, int error)
{
        fault.call = call;
        fault.skip = skip;
        fault.n = n;
        fault.error = error;
        fault.n_calls = 0;
}

static bool fails(Call call)
{
        unsigned number;

        if (call != fault.call)
                return false;
        number = fault.n_calls++;
        if (number < fault.skip || number >= fault.skip + fault.n)
                return false;
        errno = fault.error;
        return true;
}

int __real_fstat(int fd, struct stat *stat);
int __wrap_fstat(int fd, struct stat *stat);
int __wrap_fstat(int fd, struct stat *stat)
{
        return fails(CALL_fstat) ? -1 : __real_fstat(fd, stat);
}

int __real_fstatat(int folder, const char *name, struct stat *stat, int flags);
int __wrap_fstatat(int folder, const char *name, struct stat *stat, int flags);
int __wrap_fstatat(int folder, const char *name, struct stat *stat, int flags)
{
        /* Not an error of the call: the lock has just been released. */
        if (fails(CALL_fstatat))
                unlinkat(folder, name, 0);
        return __real_fstatat(folder, name, stat, flags);
}

ssize_t __real_read(int fd, void *data, size_t size);
ssize_t __wrap_read(int fd, void *data, size_t size);
ssize_t __wrap_read(int fd, void *data, size_t size)
{
        return fails(CALL_read) ? -1 : __real_read(fd, data, size);
}

/* Succeeds in small pieces. */
ssize_t __real_write(int fd, const void *data, size_t size);
ssize_t __wrap_write(int fd, const void *data, size_t size);
ssize_t __wrap_write(int fd, const void *data, size_t size)
{
        if (fails(CALL_write))
                return -1;
        return __real_write(fd, data, fault.call == CALL_write && size > 10 ? 10 : size);
}

int __real_fsync(int fd);
int __wrap_fsync(int fd);
int __wrap_fsync(int fd)
{
        return fails(CALL_fsync) ? -1 : __real_fsync(fd);
}

int __real_renameat(int from_folder, const char *from, int to_folder, const char *to);
int __wrap_renameat(int from_folder, const char *from, int to_folder, const char *to);
int __wrap_renameat(int from_folder, const char *from, int to_folder, const char *to)
{
        return fails(CALL_renameat) ? -1 : __real_renameat(from_folder, from, to_folder, to);
}

int __real_openat(int folder, const char *name, int flags, mode_t mode);
int __wrap_openat(int folder, const char *name, int flags, mode_t mode);
int __wrap_openat(int folder, const char *name, int flags, mode_t mode)
{
        return fails(CALL_openat) ? -1 : __real_openat(folder, name, flags, mode);
}

DIR *__real_fdopendir(int fd);
DIR *__wrap_fdopendir(int fd);
DIR *__wrap_fdopendir(int fd)
{
        return fails(CALL_fdopendir) ? NULL : __real_fdopendir(fd);
}

ssize_t __real_getrandom(void *data, size_t size, unsigned flags);
ssize_t __wrap_getrandom(void *data, size_t size, unsigned flags);
ssize_t __wrap_getrandom(void *data, size_t size, unsigned flags)
{
        if (fails(CALL_getrandom))
                return -1;
        return __real_getrandom(data, fault.call == CALL_getrandom && size > 5 ? 5 : size, flags);
}

static int setup(void **state)
{
        set_fault(CALL_NONE, 0, 0, 0);
        return keyring_fixture_setup(state);
}

/* The keys are the two of before, and `n_new` ones; nothing but the file lies in the folder. */
static void expect_keys(const KeyringFixture *fixture, unsigned n_new)
{
        KeyringKeys *keys = malloc(sizeof(*keys));

        assert_non_null(keys);
        keyring_fixture_load(fixture, keys);
        assert_int_equal(keys->n, 2 + n_new);
        assert_int_equal(keys->keys[0].id, 7);
        assert_string_equal(keys->keys[1].hex, "012345");
        free(keys);
        assert_int_equal(keyring_fixture_count_files(fixture), 1);
}

/* A key is wanted, of which there is none that is young; the call fails, and the text says `hint`.
 */
static void expect_failure(KeyringFixture *fixture, Call call, unsigned skip, const char *hint)
{
        KeyringKey key;

        keyring_fixture_write(fixture, TWO_KEYS);
        set_fault(call, skip, 1, EIO);
        assert_int_equal(keyring_get(&fixture->ring, &key, &fixture->text), -EIO);
        assert_true(fault.n_calls > skip);
        set_fault(CALL_NONE, 0, 0, 0);
        if (!strstr(fixture->text.text, hint))
                fail_msg("\"%s\" is not in \"%s\"", hint, fixture->text.text);
        assert_non_null(strstr(fixture->text.text, "Input/output error"));
        expect_keys(fixture, 0);
}

/* On the way of an addition: fstat(2) of the folder, of the file; again, of the lock between. */
static void test_keyring_shortage_fstat_fails(void **state)
{
        KeyringFixture *fixture = *state;

        expect_failure(fixture, CALL_fstat, 1, "cannot be opened");
        expect_failure(fixture, CALL_fstat, 3, LOCK " cannot be created");
}

static void test_keyring_shortage_reading_and_writing_fail(void **state)
{
        KeyringFixture *fixture = *state;

        expect_failure(fixture, CALL_read, 0, "cannot be read");
        expect_failure(fixture, CALL_write, 0, "cannot be replaced");
        expect_failure(fixture, CALL_write, 2, "cannot be replaced"); /* behind a part of it */
        expect_failure(fixture, CALL_fsync, 0, "cannot be replaced");
        expect_failure(fixture, CALL_renameat, 0, "cannot be replaced");
}

/* Interrupted, and in pieces: it goes on. */
static void test_keyring_shortage_interrupted_calls_go_on(void **state)
{
        KeyringFixture *fixture = *state;

        keyring_fixture_write(fixture, TWO_KEYS);
        set_fault(CALL_write, 1, 2, EINTR);
        keyring_fixture_get(fixture);
        assert_true(fault.n_calls > 3);
        expect_keys(fixture, 1);
        set_fault(CALL_read, 0, 3, EINTR);
        keyring_fixture_get(fixture);
        assert_true(fault.n_calls > 3);
        expect_keys(fixture, 1); /* the one that was made */
}

/* openat(2) as a folder's limit or a full disk has it: of the temporary file. The lock is taken by
 * then, and given back. */
static void test_keyring_shortage_temporary_cannot_be_made(void **state)
{
        KeyringFixture *fixture = *state;
        unsigned n_failed = 0;

        for (unsigned skip = 0;; skip++) {
                KeyringKey key;
                int r;

                keyring_fixture_write(fixture, TWO_KEYS);
                set_fault(CALL_openat, skip, 1, ENOSPC);
                r = keyring_get(&fixture->ring, &key, &fixture->text);
                if (fault.n_calls <= skip)
                        break;
                set_fault(CALL_NONE, 0, 0, 0);
                assert_true(r == -ENOSPC || r == 0);
                n_failed += r == -ENOSPC && strstr(fixture->text.text, "cannot be replaced");
                expect_keys(fixture, r == 0);
        }
        assert_int_equal(n_failed, 1);
}

/* What lies about is tidied up another time. */
static void test_keyring_shortage_tidying_can_wait(void **state)
{
        KeyringFixture *fixture = *state;

        keyring_fixture_write(fixture, TWO_KEYS);
        set_fault(CALL_fdopendir, 0, 1, ENOMEM);
        keyring_fixture_get(fixture);
        assert_int_equal(fault.n_calls, 1);
        expect_keys(fixture, 1);
}

static void test_keyring_shortage_every_allocation_may_fail(void **state)
{
        KeyringFixture *fixture = *state;
        long before, n = 0;
        int r = -ENOMEM;
        KeyringKey key;

        keyring_fixture_write(fixture, TWO_KEYS);
        before = shortage_n_live();
        for (; r == -ENOMEM; n++) {
                unsigned next_s = 0;

                expect_keys(fixture, 0);
                assert_true(n < 100);
                shortage_begin(n);
                r = keyring_rotate(&fixture->ring, &next_s, &fixture->text);
                shortage_begin(-1);
                assert_int_equal(shortage_n_live(), before);
                assert_true((r == 0) == (next_s > 0));
                if (r < 0)
                        assert_true(strstr(fixture->text.text, "out of memory") ||
                                    strstr(fixture->text.text, "Cannot allocate memory"));
        }
        assert_int_equal(r, 0);
        assert_in_range(n, 5, 50);
        expect_keys(fixture, 1);
        shortage_begin(0);
        assert_int_equal(keyring_get(&fixture->ring, &key, &fixture->text), -ENOMEM);
        shortage_begin(-1);
        assert_string_equal(fixture->text.text, "out of memory");
}

/* Between our try to make it and our looking at it. */
static void test_keyring_shortage_lock_goes_at_the_last_moment(void **state)
{
        KeyringFixture *fixture = *state;

        keyring_fixture_write(fixture, TWO_KEYS);
        close(creat(keyring_fixture_path(fixture, LOCK), 0600));
        set_fault(CALL_fstatat, 0, 1, 0);
        keyring_fixture_get(fixture);
        assert_int_equal(fixture->slept_ms, 0);
        expect_keys(fixture, 1);
}

/* The world of a real bus: all bytes are there, however the kernel hands them out. */
static void test_keyring_shortage_random_bytes_come_in_pieces(void **state)
{
        uint8_t bytes[64] = {0}, zeros[8] = {0};

        (void)state;
        set_fault(CALL_getrandom, 1, 2, EINTR);
        assert_int_equal(keyring_world.fill_random(NULL, bytes, sizeof(bytes)), 0);
        assert_int_equal(fault.n_calls, 13 + 2);
        for (size_t i = 0; i < sizeof(bytes); i += sizeof(zeros))
                assert_memory_not_equal(bytes + i, zeros, sizeof(zeros));
        set_fault(CALL_getrandom, 3, 1, EIO);
        assert_int_equal(keyring_world.fill_random(NULL, bytes, sizeof(bytes)), -EIO);
        set_fault(CALL_NONE, 0, 0, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, keyring_fixture_teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(test_keyring_shortage_fstat_fails),
                TEST(test_keyring_shortage_reading_and_writing_fail),
                TEST(test_keyring_shortage_interrupted_calls_go_on),
                TEST(test_keyring_shortage_temporary_cannot_be_made),
                TEST(test_keyring_shortage_tidying_can_wait),
                TEST(test_keyring_shortage_every_allocation_may_fail),
                TEST(test_keyring_shortage_lock_goes_at_the_last_moment),
                TEST(test_keyring_shortage_random_bytes_come_in_pieces),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
