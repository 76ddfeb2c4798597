/* SPDX-License-Identifier: Apache-2.0 */
/* The keyring among other processes, which do something at the worst moments; and with the clock,
 * the sleep and the random bytes of a real bus. */

#include "tests/unit/keyring_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define LOCK KEYRING_CONTEXT ".lock"
#define TWO_KEYS "7 1699999690 abcdef\n8 1699999695 012345\n" /* valid, but not young */

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

static void release_the_lock(KeyringFixture *fixture, KeyringStep step)
{
        if (step == KEYRING_STEP_TAKE_STALE_LOCK)
                unlink(keyring_fixture_path(fixture, LOCK));
}

/* Between our finding it stale and our moving it away. */
static void test_keyring_world_stale_lock_is_released_at_last(void **state)
{
        KeyringFixture *fixture = *state;

        keyring_fixture_write(fixture, TWO_KEYS);
        close(creat(keyring_fixture_path(fixture, LOCK), 0600));
        fixture->at_step = release_the_lock;
        keyring_fixture_get(fixture);
        assert_int_equal(fixture->n_steps[KEYRING_STEP_TAKE_STALE_LOCK], 1);
        expect_keys(fixture, 1);
}

/* No name for the stale lock without random bytes: it stays where it is. */
static int no_random_bytes(void *context, void *data, size_t size)
{
        (void)context;
        (void)data;
        (void)size;
        return -EIO;
}

static void test_keyring_world_stale_lock_without_random_bytes_stays(void **state)
{
        KeyringFixture *fixture = *state;
        KeyringKey key;

        keyring_fixture_write(fixture, TWO_KEYS);
        close(creat(keyring_fixture_path(fixture, LOCK), 0600));
        fixture->world.fill_random = no_random_bytes;
        assert_int_equal(keyring_get(&fixture->ring, &key, &fixture->text), -EIO);
        assert_int_equal(access(keyring_fixture_path(fixture, LOCK), F_OK), 0);
        assert_int_equal(unlink(keyring_fixture_path(fixture, LOCK)), 0);
        assert_int_equal(keyring_get(&fixture->ring, &key, &fixture->text), -EIO);
        assert_non_null(strstr(fixture->text.text, "no random bytes"));
        expect_keys(fixture, 0);
}

static void add_as_another(KeyringFixture *fixture, KeyringStep step)
{
        if (step == KEYRING_STEP_CREATE_LOCK)
                keyring_fixture_write(fixture, TWO_KEYS "9 1700000000 aabbcc\n");
}

/* Another process has added one while we waited for the lock: that one serves. */
static void test_keyring_world_key_of_another_process_serves(void **state)
{
        KeyringFixture *fixture = *state;
        KeyringKey key;

        keyring_fixture_write(fixture, TWO_KEYS);
        fixture->at_step = add_as_another;
        key = keyring_fixture_get(fixture);
        assert_int_equal(key.id, 9);
        assert_string_equal(key.hex, "aabbcc");
        assert_int_equal(fixture->n_steps[KEYRING_STEP_RENAME], 0);
        expect_keys(fixture, 1);
}

static void take_the_lock_away(KeyringFixture *fixture, KeyringStep step)
{
        if (step != KEYRING_STEP_CHECK_LOCK)
                return;
        /* Made before the old one goes, so that it cannot get the same inode. */
        close(creat(keyring_fixture_path(fixture, "other"), 0600));
        assert_int_equal(renameat(AT_FDCWD, strdupa(keyring_fixture_path(fixture, "other")),
                                  AT_FDCWD, strdupa(keyring_fixture_path(fixture, LOCK))),
                         0);
}

/* Whoever loses the lock before the rename begins anew, and gives up when that goes on. */
static void test_keyring_world_lock_lost_again_and_again_is_given_up(void **state)
{
        KeyringFixture *fixture = *state;
        KeyringKey key;

        keyring_fixture_write(fixture, TWO_KEYS);
        fixture->at_step = take_the_lock_away;
        assert_int_equal(keyring_get(&fixture->ring, &key, &fixture->text), -EBUSY);
        assert_non_null(strstr(fixture->text.text, "is the file system that slow?"));
        assert_true(fixture->n_steps[KEYRING_STEP_CHECK_LOCK] > 1);
        assert_int_equal(fixture->n_steps[KEYRING_STEP_RENAME], 0);
        assert_int_equal(unlink(keyring_fixture_path(fixture, LOCK)), 0); /* the other's */
        expect_keys(fixture, 0);
}

/* Somebody's clock is ahead, which is tolerated: we come back as if the key were of now. */
static void test_keyring_world_key_of_the_near_future_rotates_as_a_new_one(void **state)
{
        KeyringFixture *fixture = *state;
        unsigned next_s = 0;

        keyring_fixture_write(fixture, TWO_KEYS "9 1700000100 aabbcc\n");
        assert_int_equal(keyring_rotate(&fixture->ring, &next_s, &fixture->text), 0);
        assert_int_equal(next_s, KEYRING_ROTATE_S);
        expect_keys(fixture, 1);
}

static volatile sig_atomic_t n_alarms;

static void count_alarm(int number)
{
        (void)number;
        n_alarms++;
}

static int64_t now_ms(void)
{
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* A signal does not cut a wait short; nor is the clock another one than the system's. */
static void test_keyring_world_sleep_survives_signals(void **state)
{
        const struct itimerval often = {.it_interval = {.tv_usec = 20000},
                                        .it_value = {.tv_usec = 20000}};
        const struct itimerval never = {0};
        struct sigaction action = {.sa_handler = count_alarm}, old;
        int64_t begun_ms = now_ms();
        time_t before_s = time(NULL), now_s;

        (void)state;
        assert_int_equal(sigaction(SIGALRM, &action, &old), 0);
        assert_int_equal(setitimer(ITIMER_REAL, &often, NULL), 0);
        keyring_world.sleep_ms(NULL, 200);
        assert_int_equal(setitimer(ITIMER_REAL, &never, NULL), 0);
        assert_int_equal(sigaction(SIGALRM, &old, NULL), 0);
        assert_true(n_alarms > 0);
        assert_true(now_ms() - begun_ms >= 199);
        now_s = keyring_world.now_s(NULL);
        assert_in_range(now_s, before_s, time(NULL) + 1); /* time(2) is up to a tick behind */
}

#define TEST(name)                                                                                 \
        cmocka_unit_test_setup_teardown(name, keyring_fixture_setup, keyring_fixture_teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(test_keyring_world_stale_lock_is_released_at_last),
                TEST(test_keyring_world_stale_lock_without_random_bytes_stays),
                TEST(test_keyring_world_key_of_another_process_serves),
                TEST(test_keyring_world_lock_lost_again_and_again_is_given_up),
                TEST(test_keyring_world_key_of_the_near_future_rotates_as_a_new_one),
                TEST(test_keyring_world_sleep_survives_signals),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
