/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keyring in a hostile world: what must not be used is refused with the remedy, every step
 * fails once, and the process is killed at every step. Whatever happens, the file is one that
 * libdbus would read, and it still holds the keys that it held.
 */

#include "tests/unit/keyring_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "broker/base/assert.h"

#define LOCK KEYRING_CONTEXT ".lock"
#define TWO_KEYS "7 1699999690 abcdef\n8 1699999695 012345\n" /* valid, but not young */

static void test_keyring_faults_open_folder_and_file_refused(void **state)
{
        KeyringFixture *fixture = *state;

        keyring_fixture_write(fixture, TWO_KEYS);
        assert_int_equal(chmod(keyring_fixture_path(fixture, KEYRING_CONTEXT), 0640), 0);
        keyring_fixture_refused(fixture, "/" KEYRING_CONTEXT " is open to others (mode 0640); "
                                         "chmod it to 0600");
        assert_int_equal(chmod(keyring_fixture_path(fixture, KEYRING_CONTEXT), 0600), 0);
        assert_int_equal(chmod(keyring_fixture_path(fixture, ""), 0750), 0);
        keyring_fixture_refused(fixture, "is open to others (mode 0750); chmod it to 0700");
        assert_string_equal(keyring_fixture_read(fixture), TWO_KEYS);
}

/* The bus is another user's, as far as the keyring can tell. */
static void test_keyring_faults_foreign_owner_refused(void **state)
{
        KeyringFixture *fixture = *state;

        keyring_fixture_write(fixture, TWO_KEYS);
        fixture->ring.uid = geteuid() + 1;
        keyring_fixture_refused(fixture, "remove it, or change its owner");
        fixture->ring.uid = geteuid();
        if (geteuid() != 0)
                return; /* only root can give a file away */
        assert_int_equal(chown(keyring_fixture_path(fixture, KEYRING_CONTEXT), 65534, 65534), 0);
        keyring_fixture_refused(fixture, "/" KEYRING_CONTEXT " belongs to uid 65534, not to uid 0");
        assert_int_equal(chown(keyring_fixture_path(fixture, KEYRING_CONTEXT), 0, 0), 0);
        assert_int_equal(chown(keyring_fixture_path(fixture, ""), 65534, 65534), 0);
        keyring_fixture_refused(fixture, KEYRING_FOLDER " belongs to uid 65534");
}

static void test_keyring_faults_symlinks_refused(void **state)
{
        KeyringFixture *fixture = *state;
        char target[128];
        char link[128];

        snprintf(target, sizeof(target), "%s/target", fixture->home);
        snprintf(link, sizeof(link), "%s/" KEYRING_FOLDER, fixture->home);
        assert_int_equal(mkdir(target, 0700), 0);
        assert_int_equal(symlink(target, link), 0);
        keyring_fixture_refused(fixture, "is a symbolic link, or no folder at all; replace it");
        assert_int_equal(unlink(link), 0);

        keyring_fixture_write(fixture, NULL);
        snprintf(target, sizeof(target), "%s/stolen", fixture->home);
        close(creat(target, 0600));
        assert_int_equal(symlink(target, keyring_fixture_path(fixture, KEYRING_CONTEXT)), 0);
        keyring_fixture_refused(fixture, "is a symbolic link or no regular file; remove it");
        assert_int_equal(unlink(keyring_fixture_path(fixture, KEYRING_CONTEXT)), 0);

        assert_int_equal(mkfifo(keyring_fixture_path(fixture, KEYRING_CONTEXT), 0600), 0);
        keyring_fixture_refused(fixture, "no regular file");
}

static void test_keyring_faults_missing_home_refused(void **state)
{
        KeyringFixture *fixture = *state;

        fixture->ring.home = "/nonexistent/home";
        keyring_fixture_refused(fixture, "the home folder /nonexistent/home cannot be opened");
        fixture->ring.home = "/proc/self"; /* nothing can be made there, by root either */
        keyring_fixture_refused(fixture, "make the home folder writable");
}

/* A lock that is a symlink is a lock: never followed, moved away when it is stale. */
static void test_keyring_faults_lock_symlink_not_followed(void **state)
{
        KeyringFixture *fixture = *state;
        char target[128];
        struct stat stat;

        keyring_fixture_write(fixture, NULL);
        snprintf(target, sizeof(target), "%s/precious", fixture->home);
        assert_int_equal(symlink(target, keyring_fixture_path(fixture, LOCK)), 0);
        keyring_fixture_get(fixture);
        assert_int_equal(lstat(target, &stat), -1);
        assert_int_equal(keyring_fixture_count_files(fixture), 1);
}

/* Files of strangers' making hold no keys, and are replaced. */
static void test_keyring_faults_hostile_files_hold_no_keys(void **state)
{
        static const char *const texts[] = {
                "",
                "\n\n\n",
                "1\n",
                "1 1700000000\n",
                "1 1700000000 \n",
                "1 1700000000 abc\n", /* half a byte */
                "1 1700000000 abcg\n",
                "1 1700000000 ab cd\n",
                "1 1700000000 ab\r\n",
                "-1 1700000000 abcd\n",
                "+1 1700000000 abcd\n",
                " 1 1700000000 abcd\n",
                "0x1 1700000000 abcd\n",
                "2147483648 1700000000 abcd\n",
                "18446744073709551617 1700000000 abcd\n",
                "1 9223372036854775808 abcd\n",
                "1 -1700000000 abcd\n",
                "1 17000000000 abcd\n",
                "1 1700000000 abcd \n",
                "1,1700000000,abcd\n",
                "1 1700000000 abcd\xff\n",
                "1 1700000000 abcd\n\x80\n", /* not ASCII: libdbus reads nothing of it */
        };
        KeyringFixture *fixture = *state;
        KeyringKeys *keys = malloc(sizeof(*keys));

        assert_non_null(keys);
        for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
                keyring_fixture_write(fixture, texts[i]);
                keyring_fixture_load(fixture, keys);
                assert_int_equal(keys->n, 0);
                keyring_fixture_get(fixture);
                keyring_fixture_load(fixture, keys);
                assert_int_equal(keys->n, 1);
        }
        keyring_fixture_write(fixture, "bad\n1 1700000000 AB\n2\t1700000000\t cd\n3 1 aa\n"
                                       "4 1700000000 ef");
        keyring_fixture_load(fixture, keys);
        assert_int_equal(keys->n, 3);
        assert_string_equal(keys->keys[0].hex, "ab");
        assert_int_equal(keys->keys[1].id, 2);
        assert_int_equal(keys->keys[2].id, 4); /* the last line need not end */
        free(keys);
}

static void expect_two_keys(const KeyringFixture *fixture, KeyringKeys *keys)
{
        keyring_fixture_load(fixture, keys);
        assert_true(keys->n >= 2);
        assert_int_equal(keys->keys[0].id, 7);
        assert_string_equal(keys->keys[0].hex, "abcdef");
        assert_int_equal(keys->keys[1].id, 8);
}

/* Each step fails; afterwards it works again, and nothing lies about that should not. */
static void test_keyring_faults_every_step_may_fail(void **state)
{
        static const char *const names[] = {
#define NAME(name) #name,
                KEYRING_STEPS(NAME)
#undef NAME
        };
        KeyringFixture *fixture = *state;
        KeyringKeys *keys = malloc(sizeof(*keys));

        assert_non_null(keys);
        for (int step = 0; step < KEYRING_N_STEPS; step++) {
                KeyringKey key;
                int r;

                keyring_fixture_write(fixture, TWO_KEYS);
                if (step == KEYRING_STEP_TAKE_STALE_LOCK)
                        close(creat(keyring_fixture_path(fixture, LOCK), 0600));
                fixture->fail_step = step;
                fixture->error = -EIO;
                r = keyring_get(&fixture->ring, &key, &fixture->text);
                print_message("%s: %d %s\n", names[step], r, r < 0 ? fixture->text.text : "");
                fixture->fail_step = -1;
                expect_two_keys(fixture, keys);
                /* What can be done without is done without. */
                assert_true(r == -EIO || (r == 0 && keys->n == 3));
                keyring_fixture_get(fixture);
                expect_two_keys(fixture, keys);
                assert_int_equal(keys->n, 3);
                if (step == KEYRING_STEP_REMOVE_LOCK)
                        assert_int_equal(unlink(keyring_fixture_path(fixture, LOCK)), 0);
                assert_int_equal(keyring_fixture_count_files(fixture), 1);
        }
        free(keys);
}

static KeyringStep deadly_step;

static void die(KeyringFixture *fixture, KeyringStep step)
{
        (void)fixture;
        if (step == deadly_step)
                kill(getpid(), SIGKILL);
}

/* True if the step was reached. */
static bool add_and_die(KeyringFixture *fixture, KeyringStep step)
{
        int status;
        pid_t pid;
        KeyringKey key;

        deadly_step = step;
        pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
                fixture->at_step = die;
                _exit(keyring_add(&fixture->ring, 0, &key, &fixture->text) == 0 ? 0 : 1);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
        return WIFSIGNALED(status);
}

static void test_keyring_faults_killed_at_every_step_leaves_a_valid_file(void **state)
{
        KeyringFixture *fixture = *state;
        KeyringKeys *keys = malloc(sizeof(*keys));
        unsigned n_killed = 0;

        assert_non_null(keys);
        for (int step = 0; step < KEYRING_N_STEPS; step++) {
                bool killed;

                keyring_fixture_write(fixture, TWO_KEYS);
                if (step == KEYRING_STEP_TAKE_STALE_LOCK)
                        close(creat(keyring_fixture_path(fixture, LOCK), 0600));
                killed = add_and_die(fixture, (KeyringStep)step);
                n_killed += killed;
                expect_two_keys(fixture, keys);
                assert_int_equal(keys->n, killed && step <= KEYRING_STEP_RENAME ? 2 : 3);
                /* The next bus gets by: a lock that was left behind goes stale. */
                fixture->slept_ms = 0;
                keyring_fixture_get(fixture);
                expect_two_keys(fixture, keys);
                assert_int_equal(keys->n, 3);
                assert_true(access(keyring_fixture_path(fixture, LOCK), F_OK) < 0 ||
                            step > KEYRING_STEP_RENAME);
                unlink(keyring_fixture_path(fixture, LOCK));
        }
        /* All but MAKE_FOLDER and REMOVE_TEMPORARY are on the way of an addition that succeeds. */
        assert_int_equal(n_killed, KEYRING_N_STEPS - 2);
        free(keys);
}

#define TEST(name)                                                                                 \
        cmocka_unit_test_setup_teardown(name, keyring_fixture_setup, keyring_fixture_teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(test_keyring_faults_open_folder_and_file_refused),
                TEST(test_keyring_faults_foreign_owner_refused),
                TEST(test_keyring_faults_symlinks_refused),
                TEST(test_keyring_faults_missing_home_refused),
                TEST(test_keyring_faults_lock_symlink_not_followed),
                TEST(test_keyring_faults_hostile_files_hold_no_keys),
                TEST(test_keyring_faults_every_step_may_fail),
                TEST(test_keyring_faults_killed_at_every_step_leaves_a_valid_file),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
