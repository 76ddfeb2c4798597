/* SPDX-License-Identifier: Apache-2.0 */
/* Configuration from the file system: session.conf, odd files. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "auth/sasl.h"
#include "config_fixture.h"

#define BUS "<busconfig>" CONFIG_FIXTURE_REST "</busconfig>"

static char folder[64]; /* of this test; names below are relative to it */
static ConfigFixture fixture;

static int set_up(void **state)
{
        (void)state;
        strcpy(folder, "/tmp/test-config-files-XXXXXX");
        return mkdtemp(folder) && chdir(folder) == 0 ? 0 : -1;
}

static int tear_down(void **state)
{
        (void)state;
        fixture.config = config_free(fixture.config);
        return chdir("/") == 0 ? rmdir(folder) : -1;
}

static void write_file(const char *path, const char *text)
{
        FILE *file = fopen(path, "we");

        assert_non_null(file);
        assert_true(fputs(text, file) >= 0);
        assert_int_equal(fclose(file), 0);
}

static void load(const char *path)
{
        config_free(fixture.config);
        config_fixture_load(path, &fixture);
}

static void test_config_files_session_conf_accepted(void **state)
{
        const Config *config;

        (void)state;
        load("/usr/share/dbus-1/session.conf");
        config_fixture_assert_accepted(&fixture, "session.conf");
        config = fixture.config;
        assert_string_equal(config->type, "session");
        assert_int_equal(config->n_listen, 1);
        assert_string_equal(config->listen[0], "unix:tmpdir=/tmp");
        assert_int_equal(config->mechanisms, SASL_MECHANISM_EXTERNAL);
        assert_int_equal(config->limits.max_incoming_bytes, 1000000000);
        assert_int_equal(config->limits.max_message_unix_fds, 16);
        assert_int_equal(config->limits.auth_timeout_ms, 240000);
        assert_int_equal(config->limits.max_replies_per_connection, 50000);
        assert_true(config->keep_umask && !config->fork && !config->syslog);
        assert_true(config->n_service_dirs >= 2);
        assert_int_equal(config->policy_rules.n, 3);
        assert_int_equal(fixture.n_others, 1); /* activation */
        assert_non_null(strstr(fixture.others, "<standard_session_servicedirs> has no effect"));
}

static void test_config_files_missing_refused(void **state)
{
        (void)state;
        load("nowhere.conf");
        assert_string_equal(fixture.errors,
                            "nowhere.conf: cannot open: No such file or directory\n");
}

static void test_config_files_not_regular_refused(void **state)
{
        (void)state;
        assert_int_equal(mkfifo("fifo", 0600), 0);
        load("fifo"); /* nobody writes: opening it would block */
        assert_string_equal(fixture.errors,
                            "fifo: this is a FIFO; a configuration file must be a regular file\n");
        load("/dev/zero");
        config_fixture_assert_refused(&fixture, "/dev/zero", "/dev/zero: this is a device");
        load(".");
        config_fixture_assert_refused(&fixture, ".", ".: this is a directory");
        assert_int_equal(unlink("fifo"), 0);
}

static void test_config_files_size_bounded(void **state)
{
        (void)state;
        write_file("big.conf", BUS);
        assert_int_equal(truncate("big.conf", 8 * 1024 * 1024 + 1), 0);
        load("big.conf");
        config_fixture_assert_refused(&fixture, "big", "8388609 bytes long; the most is 8388608");
        assert_int_equal(truncate("big.conf", 8 * 1024 * 1024), 0);
        load("big.conf"); /* it is read: the bytes added are zeros */
        config_fixture_assert_refused(&fixture, "big", "not well-formed XML");
        assert_int_equal(unlink("big.conf"), 0);
}

/* As dbus-broker's tests pass it: a memfd whose offset stands at the end. */
static void test_config_files_proc_self_fd_accepted(void **state)
{
        char path[64];
        int fd = memfd_create("dbus-daemon-config-file", 0);

        (void)state;
        assert_int_equal(write(fd, BUS, strlen(BUS)), strlen(BUS));
        snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
        load(path);
        config_fixture_assert_accepted(&fixture, path);
        close(fd);
}

static void test_config_files_includes_start_at_the_file_s_folder(void **state)
{
        (void)state;
        assert_int_equal(mkdir("a", 0700), 0);
        write_file("a/main.conf", "<busconfig><include>part.conf</include></busconfig>");
        write_file("a/part.conf", BUS);
        load("a/main.conf");
        config_fixture_assert_accepted(&fixture, "a/main.conf");
        assert_int_equal(chdir("a"), 0);
        load("main.conf");
        config_fixture_assert_accepted(&fixture, "main.conf");
        assert_int_equal(unlink("main.conf") + unlink("part.conf") + chdir(".."), 0);
        assert_int_equal(rmdir("a"), 0);
}

/* Another name does not hide a circle. */
static void test_config_files_circle_through_symlink_refused(void **state)
{
        (void)state;
        write_file("main.conf", "<busconfig><include>link.conf</include></busconfig>");
        assert_int_equal(symlink("main.conf", "link.conf"), 0);
        load("main.conf");
        config_fixture_assert_refused(&fixture, "circle", "link.conf: circular inclusion");
        assert_int_equal(unlink("main.conf") + unlink("link.conf"), 0);
}

static void test_config_files_includedir_takes_conf_only(void **state)
{
        (void)state;
        write_file("main.conf",
                   "<busconfig>" CONFIG_FIXTURE_REST "<includedir>d</includedir></busconfig>");
        load("main.conf"); /* a missing folder is none */
        config_fixture_assert_accepted(&fixture, "no folder");
        assert_string_equal(fixture.others, "");
        assert_int_equal(mkdir("d", 0700) + mkdir("d/folder.conf", 0700), 0);
        write_file("d/good.conf", "<busconfig><type>good</type></busconfig>");
        write_file("d/other.config", "<bees/>");
        write_file("d/bad.conf", "<bees/>");
        load("main.conf");
        config_fixture_assert_accepted(&fixture, "a folder");
        assert_string_equal(fixture.config->type, "good");
        assert_int_equal(fixture.n_others, 3);
        assert_non_null(strstr(fixture.others, "warning: d/folder.conf: this is a directory"));
        assert_non_null(strstr(fixture.others, "warning: d/bad.conf:1:1: unknown element <bees>"));
        assert_int_equal(unlink("d/good.conf") + unlink("d/other.config") + unlink("d/bad.conf"),
                         0);
        assert_int_equal(rmdir("d/folder.conf") + rmdir("d"), 0);
        write_file("d", "");
        load("main.conf");
        config_fixture_assert_refused(&fixture, "no folder",
                                      "d: cannot open this directory: Not a directory");
        assert_int_equal(unlink("d") + unlink("main.conf"), 0);
}

/* Beyond 8 MiB, entities may at most double a file; the content of an element is bounded before. */
static void test_config_files_entity_bomb_refused(void **state)
{
        static const char text[] =
                "<!DOCTYPE busconfig [<!ENTITY a '0123456789012345678901234567890123456789'>"
                "<!ENTITY b '&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;'>"
                "<!ENTITY c '&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;'>"
                "<!ENTITY d '&c;&c;&c;&c;&c;&c;&c;&c;&c;&c;&c;&c;&c;&c;&c;&c;&c;&c;&c;&c;'>"
                "<!ENTITY e '&d;&d;&d;&d;&d;&d;&d;&d;&d;&d;&d;&d;&d;&d;&d;&d;&d;&d;&d;&d;'>"
                "<!ENTITY f '&e;&e;&e;&e;&e;&e;&e;&e;&e;&e;&e;&e;&e;&e;&e;&e;&e;&e;&e;&e;'>]>"
                "<busconfig><%s>&f;</%s></busconfig>";
        char whole[1024];

        (void)state;
        snprintf(whole, sizeof(whole), "%.*s<busconfig><type>&f;</type></busconfig>",
                 (int)(strstr(text, "<busconfig>") - text), text);
        config_fixture_load_text(whole, &fixture);
        assert_int_equal(fixture.n_errors, 1);
        config_fixture_assert_refused(&fixture, "text", "the content of <type> is too long");
        snprintf(whole, sizeof(whole), "%.*s<busconfig><limit name='&f;'/></busconfig>",
                 (int)(strstr(text, "<busconfig>") - text), text);
        config_fixture_load_text(whole, &fixture);
        config_fixture_assert_refused(&fixture, "attribute", "amplification");
        assert_int_equal(fixture.n_errors, 1);
}

/* A few hundred bytes that would be forty million rules. */
static void test_config_files_entity_bomb_of_rules_refused(void **state)
{
        static const char text[] =
                "<!DOCTYPE busconfig [<!ENTITY a \"<allow own='a.b'/>\">"
                "<!ENTITY b '&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;'>"
                "<!ENTITY c '&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;'>"
                "<!ENTITY d '&c;&c;&c;&c;&c;&c;&c;&c;&c;&c;&c;&c;&c;&c;&c;&c;&c;&c;&c;&c;'>"
                "<!ENTITY e '&d;&d;&d;&d;&d;&d;&d;&d;&d;&d;&d;&d;&d;&d;&d;&d;&d;&d;&d;&d;'>"
                "<!ENTITY f '&e;&e;&e;&e;&e;&e;&e;&e;&e;&e;&e;&e;&e;&e;&e;&e;&e;&e;&e;&e;'>]>"
                "<busconfig><policy context='default'>&f;</policy></busconfig>";

        (void)state;
        config_fixture_load_text(text, &fixture);
        assert_int_equal(fixture.n_errors, 1);
        config_fixture_assert_refused(&fixture, "rules", "amplification");
}

/* A file with `n` folders of services called PREFIX0 and so on, and `rest` behind them. */
static void write_folders(const char *path, char prefix, unsigned n, const char *rest)
{
        FILE *file = fopen(path, "we");

        assert_non_null(file);
        fputs("<busconfig>", file);
        for (unsigned i = 0; i < n; i++)
                fprintf(file, "<servicedir>/%c%u</servicedir>", prefix, i);
        fprintf(file, "%s</busconfig>", rest);
        assert_int_equal(fclose(file), 0);
}

static void test_config_files_number_of_folders_bounded(void **state)
{
        (void)state;
        write_folders("main.conf", 'a', 600, CONFIG_FIXTURE_LISTEN "<include>part.conf</include>");
        write_folders("part.conf", 'b', 400, "");
        load("main.conf");
        config_fixture_assert_accepted(&fixture, "1000");
        write_folders("part.conf", 'b', 401, "");
        load("main.conf");
        assert_int_equal(fixture.n_errors, 1);
        config_fixture_assert_refused(&fixture, "1001",
                                      "part.conf: with what is included, too many");
        write_folders("part.conf", 'b', 1001, "");
        load("part.conf");
        assert_int_equal(fixture.n_errors, 1);
        config_fixture_assert_refused(&fixture, "1001", "too many of <servicedir>; most are 1000");
        assert_int_equal(unlink("main.conf") + unlink("part.conf"), 0);
}

#define FILES_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
        const struct CMUnitTest tests[] = {
                FILES_TEST(test_config_files_session_conf_accepted),
                FILES_TEST(test_config_files_missing_refused),
                FILES_TEST(test_config_files_not_regular_refused),
                FILES_TEST(test_config_files_size_bounded),
                FILES_TEST(test_config_files_proc_self_fd_accepted),
                FILES_TEST(test_config_files_includes_start_at_the_file_s_folder),
                FILES_TEST(test_config_files_circle_through_symlink_refused),
                FILES_TEST(test_config_files_includedir_takes_conf_only),
                FILES_TEST(test_config_files_entity_bomb_refused),
                FILES_TEST(test_config_files_entity_bomb_of_rules_refused),
                FILES_TEST(test_config_files_number_of_folders_bounded),
        };

        return cmocka_run_group_tests_name("config_files", tests, NULL, NULL);
}
