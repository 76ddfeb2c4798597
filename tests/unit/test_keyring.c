/* SPDX-License-Identifier: Apache-2.0 */
/* The keyring's life: ages, rotation over hours, the lock, and what is refused. */

#include "tests/unit/keyring_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "broker/base/assert.h"

#define LOCK KEYRING_CONTEXT ".lock"

static void test_keyring_first_use_makes_everything_private(void **state)
{
        KeyringFixture *fixture = *state;
        KeyringKey key = keyring_fixture_get(fixture);
        struct stat stat_folder;
        struct stat stat_file;
        char line[300];

        assert_int_equal(stat(keyring_fixture_path(fixture, ""), &stat_folder), 0);
        assert_int_equal(stat_folder.st_mode & 07777, 0700);
        assert_int_equal(stat(keyring_fixture_path(fixture, KEYRING_CONTEXT), &stat_file), 0);
        assert_int_equal(stat_file.st_mode & 07777, 0600);
        assert_int_equal(keyring_fixture_count_files(fixture), 1);
        assert_int_equal(strlen(key.hex), 2 * KEYRING_COOKIE_BYTES);
        assert_true(key.id >= 0);
        snprintf(line, sizeof(line), "%d 1700000000 %s\n", key.id, key.hex);
        assert_string_equal(keyring_fixture_read(fixture), line);
        /* A second use finds it, and takes no lock. */
        assert_int_equal(keyring_fixture_get(fixture).id, key.id);
        assert_int_equal(fixture->n_steps[KEYRING_STEP_CREATE_LOCK], 1);
}

static void test_keyring_first_young_key_of_the_file_is_used(void **state)
{
        KeyringFixture *fixture = *state;

        keyring_fixture_write(fixture, "1 1699999700 aa\n" /* 300 s old: not any more */
                                       "2 1699999701 bb\n" /* 299 s */
                                       "3 1700000000 cc\n");
        assert_int_equal(keyring_fixture_get(fixture).id, 2);
        fixture->now_s++;
        assert_int_equal(keyring_fixture_get(fixture).id, 3);
        fixture->now_s += 300;
        assert_true(keyring_fixture_get(fixture).time_s == fixture->now_s);
}

static void test_keyring_expired_and_future_keys_go_only_when_one_is_added(void **state)
{
        static const char text[] = "1 1699999579 aa\n"  /* 421 s old */
                                   "2 1699999580 bb\n"  /* 420 s */
                                   "3 1700000300 cc\n"  /* 300 s ahead */
                                   "4 1700000301 dd\n"; /* 301 s */
        KeyringFixture *fixture = *state;
        KeyringKeys *keys = malloc(sizeof(*keys));
        KeyringKey key;

        assert_non_null(keys);
        keyring_fixture_write(fixture, text);
        assert_int_equal(keyring_fixture_get(fixture).id, 3);
        assert_string_equal(keyring_fixture_read(fixture), text);
        assert_int_equal(keyring_add(&fixture->ring, 0, &key, &fixture->text), 0);
        keyring_fixture_load(fixture, keys);
        assert_int_equal(keys->n, 3);
        assert_int_equal(keys->keys[0].id, 2);
        assert_int_equal(keys->keys[1].id, 3);
        assert_int_equal(keys->keys[2].id, key.id);
        assert_null(strstr(keyring_fixture_read(fixture), "dd"));
        free(keys);
}

static void test_keyring_two_hundred_and_fifty_six_keys_at_most(void **state)
{
        KeyringFixture *fixture = *state;
        KeyringKeys *keys = malloc(sizeof(*keys));
        char *text = malloc(KEYRING_TEXT_MAX);
        size_t size = 0;
        KeyringKey key;

        assert_true(keys && text);
        for (unsigned i = 0; i < 300; i++)
                size += (size_t)sprintf(text + size, "%u 1700000000 ab\n", i);
        keyring_fixture_write(fixture, text);
        assert_int_equal(keyring_add(&fixture->ring, 0, &key, &fixture->text), 0);
        keyring_fixture_load(fixture, keys);
        assert_int_equal(keys->n, KEYRING_KEYS_MAX);
        /* The oldest has made room for the new one. */
        assert_int_equal(keys->keys[0].id, 1);
        assert_int_equal(keys->keys[KEYRING_KEYS_MAX - 1].id, key.id);
        free(keys);
        free(text);
}

static void test_keyring_id_in_use_is_not_given_again(void **state)
{
        KeyringFixture *fixture = *state;
        KeyringKey keys[2];

        for (unsigned i = 0; i < 2; i++) {
                /* Name of the temporary file, key, key: the second key is the same as the first. */
                fixture->n_random = i == 0 ? 1 : 0;
                fixture->repeats_random = true;
                assert_int_equal(keyring_add(&fixture->ring, 0, &keys[i], &fixture->text), 0);
        }
        assert_int_not_equal(keys[0].id, keys[1].id);
}

/*
 * Hours of a bus whose timer calls keyring_rotate() when it said so, with look-ups every second: a
 * look-up never finds itself without a young key, and never takes the lock.
 */
static void test_keyring_rotates_for_hours_before_the_last_key_gets_old(void **state)
{
        KeyringFixture *fixture = *state;
        int64_t next_s = fixture->now_s;
        unsigned n_rotations = 0;
        int32_t last = -1;
        unsigned n_ids = 0;

        for (unsigned second = 0; second < 3 * 3600; second++, fixture->now_s++) {
                unsigned wait_s;
                unsigned n_locks;
                KeyringKey key;

                if (fixture->now_s >= next_s) {
                        assert_int_equal(keyring_rotate(&fixture->ring, &wait_s, &fixture->text),
                                         0);
                        assert_in_range(wait_s, 1, KEYRING_ROTATE_S);
                        next_s = fixture->now_s + wait_s;
                        n_rotations++;
                }
                if (second % 7 != 0)
                        continue;
                n_locks = fixture->n_steps[KEYRING_STEP_CREATE_LOCK];
                key = keyring_fixture_get(fixture);
                assert_int_equal(fixture->n_steps[KEYRING_STEP_CREATE_LOCK], n_locks);
                assert_true(fixture->now_s - key.time_s < KEYRING_YOUNG_S);
                n_ids += key.id != last;
                last = key.id;
        }
        assert_int_equal(n_rotations, 3 * 3600 / KEYRING_ROTATE_S);
        assert_int_equal(n_ids, n_rotations);
}

/* Two buses with one keyring: whoever comes second sees that there is a fresh key already. */
static void test_keyring_two_rotations_add_one_key(void **state)
{
        KeyringFixture *fixture = *state;
        KeyringKeys *keys = malloc(sizeof(*keys));
        unsigned wait_s;

        assert_non_null(keys);
        assert_int_equal(keyring_rotate(&fixture->ring, &wait_s, &fixture->text), 0);
        fixture->now_s += 100;
        assert_int_equal(keyring_rotate(&fixture->ring, &wait_s, &fixture->text), 0);
        assert_int_equal(wait_s, KEYRING_ROTATE_S - 100);
        keyring_fixture_load(fixture, keys);
        assert_int_equal(keys->n, 1);
        fixture->now_s += 140;
        assert_int_equal(keyring_rotate(&fixture->ring, &wait_s, &fixture->text), 0);
        keyring_fixture_load(fixture, keys);
        assert_int_equal(keys->n, 2);
        free(keys);
}

static void test_keyring_clock_set_back_makes_a_new_key(void **state)
{
        KeyringFixture *fixture = *state;
        KeyringKey old = keyring_fixture_get(fixture);

        fixture->now_s -= 3600;
        assert_int_not_equal(keyring_fixture_get(fixture).id, old.id);
        assert_null(strstr(keyring_fixture_read(fixture), old.hex));
}

static void test_keyring_stale_lock_is_replaced_after_eight_seconds(void **state)
{
        KeyringFixture *fixture = *state;

        keyring_fixture_write(fixture, NULL);
        close(creat(keyring_fixture_path(fixture, LOCK), 0600));
        keyring_fixture_get(fixture);
        assert_int_equal(fixture->slept_ms, 32 * 250);
        assert_int_equal(keyring_fixture_count_files(fixture), 1);
}

static void release_after_a_second(KeyringFixture *fixture)
{
        if (fixture->slept_ms == 1000)
                unlink(keyring_fixture_path(fixture, LOCK));
}

static void test_keyring_lock_of_another_is_waited_for(void **state)
{
        KeyringFixture *fixture = *state;

        keyring_fixture_write(fixture, NULL);
        close(creat(keyring_fixture_path(fixture, LOCK), 0600));
        fixture->at_sleep = release_after_a_second;
        keyring_fixture_get(fixture);
        assert_int_equal(fixture->slept_ms, 1000);
}

/* A new owner each time is no stale lock, but it cannot go on for ever. */
static void change_owner(KeyringFixture *fixture)
{
        const char *path = keyring_fixture_path(fixture, LOCK);
        struct timespec times[2] = {{.tv_sec = (time_t)fixture->slept_ms},
                                    {.tv_sec = (time_t)fixture->slept_ms}};

        assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static void test_keyring_lock_always_of_somebody_else_gives_up(void **state)
{
        KeyringFixture *fixture = *state;

        keyring_fixture_write(fixture, NULL);
        close(creat(keyring_fixture_path(fixture, LOCK), 0600));
        fixture->at_sleep = change_owner;
        keyring_fixture_refused(fixture, "held by some other process");
        assert_int_equal(fixture->slept_ms, KEYRING_LOCK_TRIES_MAX * KEYRING_LOCK_WAIT_MS);
        assert_int_equal(access(keyring_fixture_path(fixture, LOCK), F_OK), 0);
}

/* We were so slow that another took our lock for stale and has one of its own: ours is void. */
static void steal_once(KeyringFixture *fixture, KeyringStep step)
{
        char path[256];

        if (step != KEYRING_STEP_CHECK_LOCK || fixture->n_steps[step] > 1)
                return;
        snprintf(path, sizeof(path), "%s", keyring_fixture_path(fixture, LOCK));
        assert_int_equal(unlink(path), 0);
        close(creat(path, 0600));
        fixture->at_sleep = release_after_a_second;
}

static void test_keyring_stolen_lock_is_noticed_before_the_rename(void **state)
{
        KeyringFixture *fixture = *state;

        fixture->at_step = steal_once;
        keyring_fixture_get(fixture);
        assert_int_equal(fixture->slept_ms, 1000); /* the thief's was waited for */
        assert_int_equal(fixture->n_steps[KEYRING_STEP_CHECK_LOCK], 2);
        assert_int_equal(fixture->n_steps[KEYRING_STEP_RENAME], 1);
        assert_int_equal(keyring_fixture_count_files(fixture), 1);
}

/* Another server gave up on the same stale lock a moment earlier: its new one must stay. */
static void be_late(KeyringFixture *fixture, KeyringStep step)
{
        char path[256];

        if (step != KEYRING_STEP_TAKE_STALE_LOCK)
                return;
        snprintf(path, sizeof(path), "%s", keyring_fixture_path(fixture, LOCK));
        assert_int_equal(unlink(path), 0);
        close(creat(path, 0601)); /* the mode tells that it is this one */
        fixture->slept_ms = 0;
        fixture->at_step = NULL;
        fixture->at_sleep = release_after_a_second;
}

static void expect_their_lock(KeyringFixture *fixture, KeyringStep step)
{
        struct stat stat_lock;

        if (step != KEYRING_STEP_CREATE_LOCK || fixture->at_sleep == NULL ||
            fixture->slept_ms >= 1000)
                return;
        assert_int_equal(stat(keyring_fixture_path(fixture, LOCK), &stat_lock), 0);
        assert_int_equal(stat_lock.st_mode & 07777, 0601);
}

static void watch_late(KeyringFixture *fixture, KeyringStep step)
{
        be_late(fixture, step);
        if (!fixture->at_step)
                fixture->at_step = expect_their_lock;
}

static void test_keyring_fresh_lock_in_place_of_a_stale_one_stays(void **state)
{
        KeyringFixture *fixture = *state;

        keyring_fixture_write(fixture, NULL);
        close(creat(keyring_fixture_path(fixture, LOCK), 0600));
        fixture->at_step = watch_late;
        keyring_fixture_get(fixture);
        assert_int_equal(fixture->slept_ms, 1000); /* until its owner released it */
        assert_true(fixture->n_steps[KEYRING_STEP_CREATE_LOCK] > 33 + 3);
        assert_int_equal(keyring_fixture_count_files(fixture), 1);
}

/* The world as it is: a real clock, real random bytes. */
static void test_keyring_real_world_makes_different_keys(void **state)
{
        KeyringFixture *fixture = *state;
        KeyringKey keys[2];
        time_t now_s = time(NULL);

        fixture->ring.world = &keyring_world;
        for (unsigned i = 0; i < 2; i++) {
                assert_int_equal(keyring_add(&fixture->ring, 0, &keys[i], &fixture->text), 0);
                assert_true(keys[i].time_s >= now_s && keys[i].time_s <= time(NULL));
        }
        assert_string_not_equal(keys[0].hex, keys[1].hex);
        keyring_world.sleep_ms(keyring_world.context, 1);
}

static void test_keyring_leftovers_of_killed_additions_are_removed(void **state)
{
        static const char *const names[] = {".ringbus-0123", ".stale-0123", ".other-0123"};
        KeyringFixture *fixture = *state;

        keyring_fixture_write(fixture, NULL);
        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                char name[64];

                snprintf(name, sizeof(name), KEYRING_CONTEXT "%s", names[i]);
                close(creat(keyring_fixture_path(fixture, name), 0600));
        }
        fixture->now_s = time(NULL) + 500; /* the folder's times are real */
        keyring_fixture_get(fixture);
        assert_int_equal(keyring_fixture_count_files(fixture), 4);
        fixture->now_s += 3600;
        keyring_fixture_get(fixture);
        assert_int_equal(keyring_fixture_count_files(fixture), 2); /* what is not ours stays */
}

#define TEST(name)                                                                                 \
        cmocka_unit_test_setup_teardown(name, keyring_fixture_setup, keyring_fixture_teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(test_keyring_first_use_makes_everything_private),
                TEST(test_keyring_first_young_key_of_the_file_is_used),
                TEST(test_keyring_expired_and_future_keys_go_only_when_one_is_added),
                TEST(test_keyring_two_hundred_and_fifty_six_keys_at_most),
                TEST(test_keyring_id_in_use_is_not_given_again),
                TEST(test_keyring_rotates_for_hours_before_the_last_key_gets_old),
                TEST(test_keyring_two_rotations_add_one_key),
                TEST(test_keyring_clock_set_back_makes_a_new_key),
                TEST(test_keyring_stale_lock_is_replaced_after_eight_seconds),
                TEST(test_keyring_lock_of_another_is_waited_for),
                TEST(test_keyring_lock_always_of_somebody_else_gives_up),
                TEST(test_keyring_stolen_lock_is_noticed_before_the_rename),
                TEST(test_keyring_fresh_lock_in_place_of_a_stale_one_stays),
                TEST(test_keyring_real_world_makes_different_keys),
                TEST(test_keyring_leftovers_of_killed_additions_are_removed),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
