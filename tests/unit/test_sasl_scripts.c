/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Interprets the reference's own authentication scripts (installed by Debian's dbus-tests) against
 * the SASL machine. Every script of the folder must be known here, so that a new one is noticed.
 */

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "auth/sasl.h"
#include "broker/base/assert.h"

#define FOLDER "/usr/lib/dbus-1.0/installed-tests/dbus/data/auth"

enum { UID = 4711, SILLY_UID = 4312, SIZE_MAX_LINE = 512 };

/* The hex forms of UID, of another uid, of a user name and of another one. */
static const struct {
        const char *name;
        const char *hex;
} placeholders[] = {
        {"WRONG_USERID_HEX", "31"},
        {"WRONG_USERNAME_HEX", "626f67757375736572"},
        {"USERID_HEX", "34373131"},
        {"USERNAME_HEX", "736d6376"},
};

typedef enum Verdict {
        PASSES,
        CLIENT_SIDE, /* tests a client */
} Verdict;

static const struct {
        const char *name;
        Verdict verdict;
} scripts[] = {
        {"anonymous-client-successful.auth-script", CLIENT_SIDE},
        {"anonymous-server-successful.auth-script", PASSES},
        {"cancel.auth-script", PASSES},
        {"client-out-of-mechanisms.auth-script", CLIENT_SIDE},
        {"cookie-sha1-username.auth-script", PASSES},
        {"cookie-sha1.auth-script", PASSES},
        {"external-auto.auth-script", PASSES},
        {"external-failed.auth-script", PASSES},
        {"external-root.auth-script", PASSES},
        {"external-silly.auth-script", PASSES},
        {"external-successful.auth-script", PASSES},
        {"external-username.auth-script", PASSES},
        {"extra-bytes.auth-script", PASSES},
        {"fail-after-n-attempts.auth-script", PASSES},
        {"fallback.auth-script", CLIENT_SIDE},
        {"invalid-command-client.auth-script", CLIENT_SIDE},
        {"invalid-command.auth-script", PASSES},
        {"invalid-hex-encoding.auth-script", PASSES},
        {"mechanisms.auth-script", PASSES},
};

/* A script under way. */
typedef struct Run {
        Sasl sasl;
        char unused[SIZE_MAX_LINE]; /* what was sent behind BEGIN */
        char reply[SASL_REPLY_MAX + 1];
        bool client; /* the script turned out to be for clients */
        unsigned n_checks;
} Run;

static void set_peer(Run *run, bool has_peer_uid, uid_t uid)
{
        SaslOptions options = {
                .served = ~0u,
                .guid = "79f934d19de63af17d9116c96b0333ec",
                .may_pass_fds = true,
                .has_peer_uid = has_peer_uid,
                .peer_uid = uid,
                .bus_uid = UID,
        };

        sasl_init(&run->sasl, &options);
}

/* 'text' without its quotes, \r and \n as control characters, placeholders filled in. */
static void expand(const char *argument, char *ret_text)
{
        size_t n = 0;

        for (const char *p = argument + (*argument == '\''); *p && *p != '\''; p++) {
                bool filled = false;

                for (size_t i = 0; i < ARRAY_SIZE(placeholders) && !filled; i++) {
                        size_t size = strlen(placeholders[i].name);

                        if (strncmp(p, placeholders[i].name, size) != 0)
                                continue;
                        strcpy(ret_text + n, placeholders[i].hex);
                        n += strlen(placeholders[i].hex);
                        p += size - 1;
                        filled = true;
                }
                if (filled)
                        continue;
                if (*p == '\\' && (p[1] == 'r' || p[1] == 'n'))
                        ret_text[n++] = *++p == 'r' ? '\r' : '\n';
                else
                        ret_text[n++] = *p;
        }
        ret_text[n] = '\0';
}

/* The bus's user is called smcv. */
static void answer(Run *run, size_t *ret_size)
{
        const char *user = sasl_get_question(&run->sasl)->user;
        SaslAnswer reply = {.available = true,
                            .granted = user[0] == '\0' || strcmp(user, "smcv") == 0,
                            .cookie = "abcd",
                            .challenge = "00112233445566778899aabbccddeeff"};

        sasl_take_answer(&run->sasl, &reply, run->reply, ret_size);
}

static void send_text(Run *run, const char *argument)
{
        char text[SIZE_MAX_LINE];
        char *line = text;
        size_t size;

        expand(argument, text);
        strcat(text, "\r\n");
        run->reply[0] = '\0';
        while (run->sasl.state <= SASL_WAITING_FOR_BEGIN && *line) {
                char *end = strstr(line, "\r\n");

                if (sasl_handle_line(&run->sasl, (Text){line, (size_t)(end - line)}, run->reply,
                                     &size) == SASL_WAIT)
                        answer(run, &size);
                run->reply[size] = '\0';
                line = end + 2;
        }
        strcpy(run->unused, line);
}

static void expect_command(Run *run, const char *command)
{
        assert_memory_equal(run->reply, command, strlen(command));
        assert_non_null(strchr(" \r", run->reply[strlen(command)]));
}

static void expect_state(Run *run, const char *state)
{
        SaslState now = run->sasl.state;

        if (strcmp(state, "WAITING_FOR_INPUT") == 0) {
                assert_true(now <= SASL_WAITING_FOR_BEGIN);
        } else if (strcmp(state, "NEED_DISCONNECT") == 0) {
                assert_int_equal(now, SASL_ENDED);
        } else if (strcmp(state, "AUTHENTICATED") == 0) {
                assert_int_equal(now, SASL_AUTHENTICATED);
                assert_string_equal(run->unused, "");
        } else {
                assert_string_equal(state, "AUTHENTICATED_WITH_UNUSED_BYTES");
                assert_int_equal(now, SASL_AUTHENTICATED);
                assert_string_not_equal(run->unused, "");
        }
}

static void expect_unused(Run *run, const char *argument)
{
        char text[SIZE_MAX_LINE];

        expand(argument, text);
        assert_string_equal(run->unused, text);
        run->unused[0] = '\0';
}

/* Returns false for a command that is no expectation. */
static bool run_expectation(Run *run, const char *command, const char *argument)
{
        if (strcmp(command, "EXPECT_COMMAND") == 0)
                expect_command(run, argument);
        else if (strcmp(command, "EXPECT_STATE") == 0)
                expect_state(run, argument);
        else if (strcmp(command, "EXPECT_UNUSED") == 0)
                expect_unused(run, argument);
        else if (strcmp(command, "EXPECT_HAVE_NO_CREDENTIALS") == 0)
                assert_true(run->sasl.state < SASL_WAITING_FOR_BEGIN ||
                            run->sasl.uid == SASL_NO_UID);
        else if (strcmp(command, "EXPECT_HAVE_SOME_CREDENTIALS") == 0)
                assert_int_equal(run->sasl.uid, UID);
        else
                return false;
        run->n_checks++;
        return true;
}

static void run_command(Run *run, const char *command, const char *argument)
{
        if (run_expectation(run, command, argument))
                return;
        if (strcmp(command, "SEND") == 0)
                send_text(run, argument);
        else if (strcmp(command, "CLIENT") == 0)
                run->client = true;
        else if (strcmp(command, "NO_CREDENTIALS") == 0)
                set_peer(run, false, 0);
        else if (strcmp(command, "ROOT_CREDENTIALS") == 0)
                set_peer(run, true, 0);
        else if (strcmp(command, "SILLY_CREDENTIALS") == 0)
                set_peer(run, true, SILLY_UID);
        else if (strcmp(command, "SERVER") != 0 && strcmp(command, "UNIX_ONLY") != 0)
                fail_msg("unknown command %s", command);
}

/* Stops at once if the script is for clients. */
static void run_script(const char *name, Run *run)
{
        char path[512];
        char line[SIZE_MAX_LINE];
        FILE *file;

        snprintf(path, sizeof(path), FOLDER "/%s", name);
        file = fopen(path, "r");
        assert_non_null(file);
        memset(run, 0, sizeof(*run));
        set_peer(run, true, UID);
        while (!run->client && fgets(line, sizeof(line), file)) {
                char *argument;

                line[strcspn(line, "\n")] = '\0';
                if (line[0] == '#' || line[0] == '\0')
                        continue;
                print_message("%s: %s\n", name, line);
                argument = strchr(line, ' ');
                if (argument)
                        *argument++ = '\0';
                run_command(run, line, argument ? argument : "");
        }
        fclose(file);
}

static void test_sasl_scripts_end_as_expected(void **state)
{
        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(scripts); i++) {
                Run run;

                run_script(scripts[i].name, &run);
                assert_int_equal(run.client, scripts[i].verdict == CLIENT_SIDE);
                if (scripts[i].verdict == PASSES)
                        assert_true(run.n_checks >= 2);
        }
}

static void test_sasl_scripts_all_known(void **state)
{
        DIR *folder = opendir(FOLDER);
        struct dirent *entry;
        size_t n = 0;

        (void)state;
        assert_non_null(folder);
        while ((entry = readdir(folder))) {
                bool known = entry->d_name[0] == '.';

                for (size_t i = 0; i < ARRAY_SIZE(scripts) && !known; i++)
                        known = strcmp(entry->d_name, scripts[i].name) == 0;
                if (!known)
                        fail_msg("unknown script %s", entry->d_name);
                n += entry->d_name[0] != '.';
        }
        closedir(folder);
        assert_int_equal(n, ARRAY_SIZE(scripts));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_sasl_scripts_end_as_expected),
                cmocka_unit_test(test_sasl_scripts_all_known),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
