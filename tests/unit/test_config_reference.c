/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cases' second column: what dbus-daemon itself says to each configuration. It keeps the table
 * honest, ours is tested in test_config.c. And of the attributes of rules, which of them may stand
 * together: every pair, and many triples.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "broker/base/assert.h"
#include "config_cases.h"
#include "config_fixture.h"

static char folder[] = "/tmp/test-config-reference-XXXXXX";

static void write_file(const char *path, const char *text)
{
        FILE *file = fopen(path, "w");

        assert_non_null(file);
        assert_true(fputs(text, file) >= 0);
        assert_int_equal(fclose(file), 0);
}

/* Whether dbus-daemon starts with the configuration file "conf" of the folder. */
static bool reference_starts(void)
{
        char byte;
        int ends[2];
        int status;
        ssize_t n;
        pid_t child;

        assert_int_equal(pipe(ends), 0);
        child = fork();
        if (child == 0) {
                dup2(ends[1], STDOUT_FILENO);
                dup2(open("/dev/null", O_WRONLY | O_CLOEXEC), STDERR_FILENO);
                close(ends[0]);
                close(ends[1]);
                if (chdir(folder) == 0)
                        execlp("dbus-daemon", "dbus-daemon", "--config-file=conf", "--nofork",
                               "--print-address", (char *)NULL);
                _exit(90);
        }
        close(ends[1]);
        n = read(ends[0], &byte, 1); /* the address, or the end of file */
        close(ends[0]);
        kill(child, SIGTERM);
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_false(WIFEXITED(status) && WEXITSTATUS(status) == 90);
        return n == 1;
}

/* A daemon that is killed before it handles signals leaves its socket. */
static int remove_folder(void **state)
{
        DIR *open_folder = opendir(folder);
        struct dirent *entry;

        (void)state;
        assert_non_null(open_folder);
        while ((entry = readdir(open_folder))) {
                if (entry->d_name[0] != '.')
                        assert_int_equal(unlinkat(dirfd(open_folder), entry->d_name, 0), 0);
        }
        closedir(open_folder);
        return rmdir(folder);
}

static void test_config_reference_verdicts_agree(void **state)
{
        char path[128];

        (void)state;
        snprintf(path, sizeof(path), "%s/conf", folder);
        for (size_t i = 0; i < config_cases_count; i++) {
                write_file(path, config_cases[i].text);
                if (reference_starts() != config_cases[i].reference_accepts)
                        fail_msg("dbus-daemon %s: %s",
                                 config_cases[i].reference_accepts ? "refuses" : "accepts",
                                 config_cases[i].text);
        }
}

/* With values that are good by themselves. */
static const char *const attributes[] = {
        "send_interface='a.b'",
        "send_member='A'",
        "send_error='a.E'",
        "send_destination='a.b'",
        "send_destination_prefix='a.b'",
        "send_path='/a'",
        "send_type='signal'",
        "send_broadcast='true'",
        "send_requested_reply='true'",
        "receive_interface='a.b'",
        "receive_member='A'",
        "receive_error='a.E'",
        "receive_sender='a.b'",
        "receive_path='/a'",
        "receive_type='error'",
        "receive_requested_reply='false'",
        "eavesdrop='true'",
        "min_fds='1'",
        "max_fds='2'",
        "log='true'",
        "own='a.b'",
        "own_prefix='a.b'",
        "user='root'",
        "group='root'",
};

/* Whether dbus-daemon and we say the same to a rule with these attributes, some of them "". */
static bool check_rule(const char *path, const char *a, const char *b, const char *c)
{
        ConfigFixture fixture;
        char text[1024];
        bool accepted;

        snprintf(text, sizeof(text),
                 "<busconfig>" CONFIG_FIXTURE_REST
                 "<policy context='default'><%s %s %s %s/></policy></busconfig>",
                 a[0] == 's' ? "allow" : "deny", a, b, c);
        write_file(path, text);
        config_fixture_load_text(text, &fixture);
        accepted = fixture.config != NULL;
        config_free(fixture.config);
        if (reference_starts() != accepted)
                fail_msg("we %s, dbus-daemon does not: %s", accepted ? "accept" : "refuse", text);
        return accepted;
}

static void test_config_reference_combinations_agree(void **state)
{
        const unsigned n = ARRAY_SIZE(attributes);
        unsigned n_accepted = 0;
        unsigned n_rules = 0;
        char path[128];

        (void)state;
        snprintf(path, sizeof(path), "%s/conf", folder);
        for (unsigned i = 0; i < n; i++) {
                n_accepted += check_rule(path, attributes[i], "", "");
                n_rules++;
                for (unsigned j = i + 1; j < n; j++, n_rules++)
                        n_accepted += check_rule(path, attributes[i], attributes[j], "");
        }
        srand(20); /* always the same triples */
        for (unsigned i = 0; i < 200; i++, n_rules++) {
                unsigned first = (unsigned)rand() % (n - 2);
                unsigned second = first + 1 + (unsigned)rand() % (n - first - 2);
                unsigned third = second + 1 + (unsigned)rand() % (n - second - 1);

                n_accepted +=
                        check_rule(path, attributes[first], attributes[second], attributes[third]);
        }
        /* Neither verdict is rare. */
        assert_true(n_accepted > n_rules / 8 && n_accepted < n_rules * 7 / 8);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_config_reference_verdicts_agree),
                cmocka_unit_test(test_config_reference_combinations_agree),
        };

        if (!mkdtemp(folder))
                return 1;
        return cmocka_run_group_tests_name("config_reference", tests, NULL, remove_folder);
}
