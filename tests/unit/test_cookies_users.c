/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DBUS_COOKIE_SHA1 and the user database: entries of any length, a database that does not answer,
 * and memory that runs out. getpwnam_r(3) and getpwuid_r(3) are the test's.
 */

#include <errno.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "auth/cookies.h"
#include "broker/base/assert.h"
#include "tests/unit/keyring_fixture.h"
#include "tests/support/shortage.h"

/* What the database holds: one user, who is the bus's. */
static struct {
        char home[64];
        size_t size; /* of the entry's strings */
        int error;   /* instead of an answer */
        unsigned n_asked;
} users;

int __wrap_getpwnam_r(const char *name, struct passwd *entry, char *memory, size_t size,
                      struct passwd **ret_found);
int __wrap_getpwuid_r(uid_t uid, struct passwd *entry, char *memory, size_t size,
                      struct passwd **ret_found);

static int find(bool is_there, struct passwd *entry, size_t size, struct passwd **ret_found)
{
        users.n_asked++;
        *ret_found = NULL;
        if (users.error || size < users.size)
                return users.error ? users.error : ERANGE;
        *entry = (struct passwd){.pw_uid = geteuid(), .pw_dir = users.home};
        if (is_there)
                *ret_found = entry;
        return 0;
}

int __wrap_getpwnam_r(const char *name, struct passwd *entry, char *memory, size_t size,
                      struct passwd **ret_found)
{
        (void)memory;
        return find(strcmp(name, "me") == 0, entry, size, ret_found);
}

int __wrap_getpwuid_r(uid_t uid, struct passwd *entry, char *memory, size_t size,
                      struct passwd **ret_found)
{
        (void)memory;
        return find(uid == geteuid(), entry, size, ret_found);
}

static int setup(void **state)
{
        KeyringFixture *fixture;

        keyring_fixture_setup(state);
        fixture = *state;
        memset(&users, 0, sizeof(users));
        snprintf(users.home, sizeof(users.home), "%s", fixture->home);
        unsetenv("HOME");
        return 0;
}

static SaslAnswer ask(Cookies *cookies, const char *user)
{
        SaslQuestion question = {.user = ""};
        SaslAnswer answer;

        snprintf(question.user, sizeof(question.user), "%s", user);
        cookies_answer(cookies, &question, &answer);
        return answer;
}

/* Asked again with more room, until it suffices. */
static void test_cookies_users_entry_of_any_length_is_read(void **state)
{
        KeyringFixture *fixture = *state;
        Cookies cookies;
        SaslAnswer answer;

        users.size = 5000;
        cookies_init(&cookies, geteuid(), &fixture->world);
        answer = ask(&cookies, "me");
        assert_true(answer.available && answer.granted);
        assert_non_null(strstr(keyring_fixture_read(fixture), answer.cookie));
        assert_int_equal(users.n_asked, 2 * 4); /* 1, 2, 4, 8 KiB: for the name, for the home */
        assert_false(ask(&cookies, "you").granted);
        cookies_deinit(&cookies);
}

static void test_cookies_users_endless_entry_is_given_up(void **state)
{
        KeyringFixture *fixture = *state;
        Cookies cookies;
        SaslAnswer answer;

        users.size = SIZE_MAX;
        cookies_init(&cookies, geteuid(), &fixture->world);
        answer = ask(&cookies, "me");
        assert_true(answer.available && !answer.granted); /* he may not be challenged */
        answer = ask(&cookies, "");                       /* it is the home that is not known */
        assert_true(!answer.available && !answer.granted);
        assert_in_range(users.n_asked, 4, 40);
        cookies_deinit(&cookies);
}

/* It comes back with the database. */
static void test_cookies_users_database_that_fails_is_not_for_ever(void **state)
{
        KeyringFixture *fixture = *state;
        Cookies cookies;

        users.error = EIO;
        cookies_init(&cookies, geteuid(), &fixture->world);
        assert_false(ask(&cookies, "").available);
        assert_false(ask(&cookies, "me").granted);
        users.error = 0;
        assert_true(ask(&cookies, "").granted);
        users.error = EIO;
        assert_true(ask(&cookies, "").granted); /* the home is known by now */
        cookies_deinit(&cookies);
}

static void test_cookies_users_every_allocation_may_fail(void **state)
{
        KeyringFixture *fixture = *state;
        long before = shortage_n_live(), n = 0;
        bool granted = false;

        for (; !granted; n++) {
                Cookies cookies;

                assert_true(n < 100);
                cookies_init(&cookies, geteuid(), &fixture->world);
                shortage_begin(n);
                granted = ask(&cookies, "me").granted;
                shortage_begin(-1);
                cookies_deinit(&cookies);
                assert_int_equal(shortage_n_live(), before);
        }
        assert_in_range(n, 6, 50); /* name, home, its copy, and the keyring's */
}

/* One key is there, so that only the challenge needs random bytes. */
static int no_random_bytes(void *context, void *data, size_t size)
{
        (void)context;
        (void)data;
        (void)size;
        return -EIO;
}

static void test_cookies_users_no_challenge_without_random_bytes(void **state)
{
        KeyringFixture *fixture = *state;
        Cookies cookies;
        SaslAnswer answer;

        keyring_fixture_write(fixture, "9 1700000000 aabbcc\n");
        fixture->world.fill_random = no_random_bytes;
        cookies_init(&cookies, geteuid(), &fixture->world);
        answer = ask(&cookies, "me");
        assert_true(!answer.available && !answer.granted);
        assert_string_equal(answer.cookie, "");
        cookies_deinit(&cookies);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, keyring_fixture_teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(test_cookies_users_entry_of_any_length_is_read),
                TEST(test_cookies_users_endless_entry_is_given_up),
                TEST(test_cookies_users_database_that_fails_is_not_for_ever),
                TEST(test_cookies_users_every_allocation_may_fail),
                TEST(test_cookies_users_no_challenge_without_random_bytes),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
