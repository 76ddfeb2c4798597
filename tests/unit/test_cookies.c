/* SPDX-License-Identifier: Apache-2.0 */
/* The clerk's side of DBUS_COOKIE_SHA1: whose keyring, which users, and what it says in the log. */

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "auth/cookies.h"
#include "broker/base/assert.h"
#include "tests/unit/keyring_fixture.h"

/* Runs with the log in a file; returns the number of lines, the last one in *ret_line. */
typedef struct LogFile {
        int fd;
        int stderr_copy;
} LogFile;

static LogFile catch_log(const KeyringFixture *fixture)
{
        LogFile log;
        char path[128];

        snprintf(path, sizeof(path), "%s/log", fixture->home);
        log.fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        log.stderr_copy = dup(STDERR_FILENO);
        assert_true(log.fd >= 0 && log.stderr_copy >= 0);
        assert_true(dup2(log.fd, STDERR_FILENO) >= 0);
        return log;
}

static void end_log(LogFile *log, char *ret_text, size_t size)
{
        ssize_t n;

        assert_true(dup2(log->stderr_copy, STDERR_FILENO) >= 0);
        n = pread(log->fd, ret_text, size - 1, 0);
        assert_true(n >= 0);
        ret_text[n] = '\0';
        close(log->fd);
        close(log->stderr_copy);
}

static unsigned count_lines(const char *text)
{
        unsigned n = 0;

        for (; *text; text++)
                n += *text == '\n';
        return n;
}

static int setup(void **state)
{
        KeyringFixture *fixture;

        keyring_fixture_setup(state);
        fixture = *state;
        setenv("HOME", fixture->home, 1);
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

static void test_cookies_own_user_is_challenged_by_uid_and_name(void **state)
{
        KeyringFixture *fixture = *state;
        const struct passwd *own = getpwuid(geteuid());
        Cookies cookies;
        SaslAnswer by_uid;
        SaslAnswer by_name;

        cookies_init(&cookies, geteuid(), &fixture->world);
        by_uid = ask(&cookies, "");
        assert_true(by_uid.available && by_uid.granted);
        assert_int_equal(strlen(by_uid.cookie), 2 * KEYRING_COOKIE_BYTES);
        assert_int_equal(strspn(by_uid.challenge, "0123456789abcdef"), SASL_CHALLENGE_SIZE);
        assert_non_null(strstr(keyring_fixture_read(fixture), by_uid.cookie));
        assert_non_null(own);
        by_name = ask(&cookies, own->pw_name);
        assert_true(by_name.granted);
        assert_string_equal(by_name.cookie, by_uid.cookie);
        assert_string_not_equal(by_name.challenge, by_uid.challenge);
        cookies_deinit(&cookies);
}

static void test_cookies_other_users_are_not(void **state)
{
        static const char *const names[] = {"nobody", "no such user", "0x0", "+0", ":"};
        KeyringFixture *fixture = *state;
        Cookies cookies;

        cookies_init(&cookies, geteuid(), &fixture->world);
        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                SaslAnswer answer = ask(&cookies, names[i]);

                assert_true(answer.available && !answer.granted);
                assert_string_equal(answer.cookie, "");
        }
        /* Nobody has touched the keyring for them. */
        assert_int_equal(access(keyring_fixture_path(fixture, ""), F_OK), -1);
        cookies_deinit(&cookies);
}

/* One line when it stops to work, and one when it works again; in between silence. */
static void test_cookies_unusable_keyring_is_logged_once_and_comes_back(void **state)
{
        KeyringFixture *fixture = *state;
        LogFile log = catch_log(fixture);
        char text[4096];
        Cookies cookies;
        unsigned next_s;
        bool usable[4];
        SaslAnswer answers[2];

        keyring_fixture_write(fixture, NULL);
        chmod(keyring_fixture_path(fixture, ""), 0755);
        cookies_init(&cookies, geteuid(), &fixture->world);
        usable[0] = cookies_rotate(&cookies, &next_s);
        answers[0] = ask(&cookies, "");
        usable[1] = cookies_rotate(&cookies, &next_s);
        assert_int_equal(next_s, COOKIES_RETRY_S);
        chmod(keyring_fixture_path(fixture, ""), 0700);
        usable[2] = cookies_rotate(&cookies, &next_s);
        assert_int_equal(next_s, KEYRING_ROTATE_S);
        answers[1] = ask(&cookies, "");
        usable[3] = cookies_rotate(&cookies, &next_s);
        end_log(&log, text, sizeof(text));
        print_message("%s", text);
        assert_true(!usable[0] && !usable[1] && usable[2] && usable[3]);
        assert_true(!answers[0].available && !answers[0].granted);
        assert_true(answers[1].available && answers[1].granted);
        assert_int_equal(count_lines(text), 2);
        assert_non_null(strstr(text, "DBUS_COOKIE_SHA1 is not offered: "));
        assert_non_null(strstr(text, "chmod it to 0700"));
        assert_non_null(strstr(text, "DBUS_COOKIE_SHA1 is offered from now on"));
        cookies_deinit(&cookies);
}

static void test_cookies_no_random_bytes_is_unavailable(void **state)
{
        KeyringFixture *fixture = *state;
        Cookies cookies;
        SaslAnswer answer;

        cookies_init(&cookies, geteuid(), &fixture->world);
        fixture->fail_step = KEYRING_STEP_RANDOM;
        fixture->error = -EIO;
        answer = ask(&cookies, "");
        assert_true(!answer.available && !answer.granted);
        cookies_deinit(&cookies);
}

/* HOME as libdbus takes it; without a usable one, the user database. */
static void test_cookies_home_is_that_of_the_environment_first(void **state)
{
        static const char *const homes[] = {"relative", "", NULL};
        KeyringFixture *fixture = *state;
        const struct passwd *own = getpwuid(geteuid());
        Cookies cookies;

        cookies_init(&cookies, geteuid(), &fixture->world);
        ask(&cookies, "");
        assert_string_equal(cookies.home, fixture->home);
        cookies_deinit(&cookies);
        assert_non_null(own);
        for (size_t i = 0; i < ARRAY_SIZE(homes); i++) {
                if (homes[i])
                        setenv("HOME", homes[i], 1);
                else
                        unsetenv("HOME");
                cookies_init(&cookies, geteuid(), &fixture->world);
                fixture->fail_step = KEYRING_STEP_OPEN_HOME; /* the real one is left alone */
                fixture->error = -EACCES;
                assert_false(ask(&cookies, "").available);
                assert_string_equal(cookies.home, own->pw_dir);
                cookies_deinit(&cookies);
        }
        cookies_init(&cookies, 4294967000u, &fixture->world); /* in no user database */
        assert_false(ask(&cookies, "").available);
        assert_null(cookies.home);
        cookies_deinit(&cookies);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, keyring_fixture_teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(test_cookies_own_user_is_challenged_by_uid_and_name),
                TEST(test_cookies_other_users_are_not),
                TEST(test_cookies_unusable_keyring_is_logged_once_and_comes_back),
                TEST(test_cookies_no_random_bytes_is_unavailable),
                TEST(test_cookies_home_is_that_of_the_environment_first),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
