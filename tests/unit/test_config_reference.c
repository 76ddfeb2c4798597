/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cases' second column: what dbus-daemon itself says to each configuration. It keeps the table
 * honest, ours is tested in test_config.c.
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

#include "config_cases.h"

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
static void remove_folder(void)
{
        DIR *open_folder = opendir(folder);
        struct dirent *entry;

        assert_non_null(open_folder);
        while ((entry = readdir(open_folder))) {
                if (entry->d_name[0] != '.')
                        assert_int_equal(unlinkat(dirfd(open_folder), entry->d_name, 0), 0);
        }
        closedir(open_folder);
        assert_int_equal(rmdir(folder), 0);
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
        remove_folder();
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_config_reference_verdicts_agree),
        };

        if (!mkdtemp(folder))
                return 1;
        return cmocka_run_group_tests_name("config_reference", tests, NULL, NULL);
}
