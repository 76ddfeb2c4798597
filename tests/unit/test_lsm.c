/* SPDX-License-Identifier: Apache-2.0 */
/* Which security modules mediate, with a fake of their libraries: no kernel that has any is needed.
 */

#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "auth/credentials.h"
#include "broker/base/assert.h"
#include "tests/support/shortage.h"
#include "tests/unit/lsm_fixture.h"

#define BOTH "selinux on\napparmor on\n"

static void test_lsm_selinux_root_is_that_of_the_library(void **state)
{
        char path[PATH_MAX];

        (void)state;
        fake_lsm_file_path("", path, sizeof(path));
        fake_lsm_file_write("selinux on\n");
        assert_string_equal(lsm_selinux_root(), path);
        fake_lsm_file_write("");
        assert_null(lsm_selinux_root());
        fake_lsm_file_write("selinux on\nfail is_selinux_enabled 2\n");
        assert_null(lsm_selinux_root());
}

static void write_file(const char *name, const char *text, char *ret_path, size_t size)
{
        FILE *file;

        fake_lsm_file_path(name, ret_path, size);
        file = fopen(ret_path, "we");
        assert_non_null(file);
        assert_true(fputs(text, file) >= 0);
        assert_int_equal(fclose(file), 0);
}

/* The last line of Debian's session.conf and system.conf. */
static void test_lsm_include_is_read_if_selinux_is_enabled(void **state)
{
        char main_path[PATH_MAX];
        char contexts[PATH_MAX];

        (void)state;
        write_file("main",
                   "<busconfig><listen>a:</listen><include if_selinux_enabled='yes' "
                   "selinux_root_relative='yes'>contexts</include></busconfig>",
                   main_path, sizeof(main_path));
        write_file("contexts",
                   "<busconfig><selinux><associate own='a.b' context='c'/></selinux></busconfig>",
                   contexts, sizeof(contexts));
        for (int enabled = 0; enabled <= 1; enabled++) {
                ConfigReport report = {0};
                Config *config = NULL;

                fake_lsm_file_write(enabled ? "selinux on\n" : "");
                assert_int_equal(config_load(main_path, &config, &report), 0);
                assert_int_equal(config->n_associations, enabled);
                if (enabled)
                        assert_string_equal(config->associations[0].own, "a.b");
                assert_int_equal(report.n, 0);
                config_free(config);
        }
        assert_int_equal(unlink(main_path) + unlink(contexts), 0);
}

static void test_lsm_modules_that_are_on_are_asked_selinux_first(void **state)
{
        static const struct {
                const char *kernel;
                bool has_selinux;
                bool has_apparmor;
        } cases[] = {
                {"", false, false},
                {"selinux on\n", true, false},
                {"apparmor on\n", false, true},
                {BOTH, true, true},
                {BOTH "apparmor without dbus\n", true, false},
        };
        LsmFixture *fixture = *state;

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                const Mediators *mediators = &fixture->mediators;

                lsm_fixture_start(fixture, cases[i].kernel);
                assert_int_equal(lsm_is_mediating_selinux(), cases[i].has_selinux);
                assert_int_equal(lsm_is_mediating_apparmor(), cases[i].has_apparmor);
                assert_int_equal(mediators->n, cases[i].has_selinux + cases[i].has_apparmor);
                if (cases[i].has_selinux)
                        assert_string_equal(mediators->items[0]->title, "SELinux");
                if (cases[i].has_apparmor)
                        assert_string_equal(mediators->items[mediators->n - 1]->title, "AppArmor");
        }
        assert_true(lsm_fixture_logged("SELinux mediates on this bus\n"
                                       "AppArmor mediates on this bus\n"));
}

/* As of the start: a kernel that changes later, and a configuration that does, make no difference,
 * but each Mediator is a new one. */
static void test_lsm_state_is_as_of_the_start(void **state)
{
        LsmFixture *fixture = *state;
        Mediators more;

        lsm_fixture_start(fixture, BOTH);
        fake_lsm_file_write("");
        fixture->config.apparmor = CONFIG_APPARMOR_DISABLED;
        assert_int_equal(lsm_mediators(&fixture->config, &more), 0);
        assert_int_equal(more.n, 2);
        assert_ptr_not_equal(more.items[0], fixture->mediators.items[0]);
        assert_ptr_not_equal(more.items[1], fixture->mediators.items[1]);
        lsm_free_mediators(&more);
        assert_int_equal(more.n, 0);
        lsm_free_mediators(&more);
        assert_true(lsm_is_mediating_selinux() && lsm_is_mediating_apparmor());
}

static void test_lsm_apparmor_disabled_is_off(void **state)
{
        LsmFixture *fixture = *state;

        fixture->config.apparmor = CONFIG_APPARMOR_DISABLED;
        lsm_fixture_start(fixture, BOTH "fail aa_getcon 5\n");
        assert_false(lsm_is_mediating_apparmor());
        assert_int_equal(fixture->mediators.n, 1);
}

static void test_lsm_apparmor_required_says_what_is_missing(void **state)
{
        LsmFixture *fixture = *state;

        fixture->config.apparmor = CONFIG_APPARMOR_REQUIRED;
        assert_string_equal(lsm_fixture_check(fixture, ""),
                            "conf: <apparmor mode=\"required\"/>, but AppArmor is not enabled in "
                            "the kernel; mend that, or write mode=\"enabled\"");
        assert_string_equal(lsm_fixture_check(fixture, "apparmor on\napparmor without dbus\n"),
                            "conf: <apparmor mode=\"required\"/>, but the kernel's AppArmor does "
                            "not have the feature dbus; mend that, or write mode=\"enabled\"");
        assert_string_equal(lsm_fixture_check(fixture, "apparmor on\nfail aa_find_mountpoint 2\n"),
                            "conf: <apparmor mode=\"required\"/>, but the kernel's AppArmor does "
                            "not have the feature dbus; mend that, or write mode=\"enabled\"");
        assert_string_equal(lsm_fixture_check(fixture, "apparmor on\n"), "");
        assert_true(lsm_is_mediating_apparmor());
}

/* A bus that does not know who it is does not start: it would ask about somebody else. */
static void test_lsm_own_label_must_be_known(void **state)
{
        LsmFixture *fixture = *state;

        assert_string_equal(lsm_fixture_check(fixture, "selinux on\nfail getcon_raw 5\n"),
                            "conf: SELinux is enabled, but the bus's own context cannot be found: "
                            "Input/output error");
        assert_false(lsm_is_mediating_selinux());
        assert_string_equal(lsm_fixture_check(fixture, "apparmor on\nfail aa_getcon 13\n"),
                            "conf: AppArmor is enabled, but the bus's own label cannot be found: "
                            "Permission denied");
        assert_string_equal(lsm_fixture_check(fixture, "apparmor on\nfail aa_find_mountpoint 12\n"),
                            "conf: AppArmor is enabled, but whether it mediates D-Bus cannot be "
                            "found out: Cannot allocate memory");
        assert_false(lsm_is_mediating_apparmor());
        assert_null(lsm_selinux_label());
        assert_int_equal(lsm_mediators(&fixture->config, &fixture->mediators), 0);
        assert_int_equal(fixture->mediators.n, 0);
}

static void test_lsm_changes_of_policy_are_noticed(void **state)
{
        LsmFixture *fixture = *state;
        int fds[LSM_WATCHES_MAX];

        lsm_fixture_start(fixture, BOTH);
        assert_int_equal(lsm_watches(fds), 2);
        for (int i = 0; i < 2; i++)
                assert_false(lsm_fixture_is_readable(fds[i]));
        assert_false(lsm_was_changed(fds[1])); /* AppArmor's first number was read */
        for (int round = 0; round < 3; round++) {
                fake_lsm_file_write(round % 2 == 0 ? BOTH "selinux permissive\n" : BOTH);
                for (int i = 0; i < 2; i++) {
                        assert_true(lsm_fixture_is_readable(fds[i]));
                        assert_true(lsm_was_changed(fds[i]));
                        assert_false(lsm_fixture_is_readable(fds[i]));
                }
        }
        assert_true(lsm_fixture_logged("SELinux: uavc:  op=load_policy\n"));
        assert_false(lsm_was_changed(STDIN_FILENO));
        lsm_stop();
        assert_int_equal(lsm_watches(fds), 0);
}

/* The router's answers are those of the Mediators that it has; new ones know the new mode. */
static void test_lsm_new_mediators_know_what_has_changed(void **state)
{
        MediatorQuestion question = {.act = MEDIATOR_OWN, .label = "a_t", .name = TEXT("x.Y")};
        const char *kernel = "selinux on\ndeny acquire_svc a_t " FAKE_LSM_BUS_CONTEXT "\n"
                             "selinux permissive\n";
        LsmFixture *fixture = *state;

        lsm_fixture_start(fixture, kernel);
        assert_int_equal(lsm_fixture_ask(fixture, 0, &question), 0);
        fake_lsm_file_write("selinux on\ndeny acquire_svc a_t " FAKE_LSM_BUS_CONTEXT "\n");
        lsm_free_mediators(&fixture->mediators);
        assert_int_equal(lsm_mediators(&fixture->config, &fixture->mediators), 0);
        assert_int_equal(lsm_fixture_ask(fixture, 0, &question), -EACCES);
}

static void test_lsm_policy_that_cannot_be_watched_is_said_once(void **state)
{
        LsmFixture *fixture = *state;
        int fds[LSM_WATCHES_MAX];

        lsm_fixture_start(fixture, BOTH "apparmor without revision\n"
                                        "fail avc_netlink_acquire_fd 93\n");
        assert_int_equal(lsm_watches(fds), 0);
        assert_int_equal(fixture->mediators.n, 2);
        assert_true(lsm_fixture_logged("changes of SELinux's policy cannot be watched: Protocol "
                                       "not supported; after each, reload"));
        assert_true(lsm_fixture_logged("changes of AppArmor's policy cannot be watched: No such "
                                       "file or directory; after each, reload"));
}

/* Notes that were lost are a change, and the next ones are to be seen again. */
static void test_lsm_watch_that_fails_is_begun_anew(void **state)
{
        LsmFixture *fixture = *state;
        int fds[LSM_WATCHES_MAX];

        lsm_fixture_start(fixture, "selinux on\n");
        assert_int_equal(lsm_watches(fds), 1);
        fake_lsm_file_write("selinux on\nfail avc_netlink_check_nb 105\n");
        assert_true(lsm_was_changed(fds[0]));
        assert_true(lsm_fixture_logged("No buffer space available"));
        assert_int_equal(lsm_watches(fds), 1);
        assert_false(lsm_fixture_is_readable(fds[0]));
        fake_lsm_file_write("selinux on\n");
        assert_true(lsm_was_changed(fds[0]));
        fake_lsm_file_write("selinux on\nfail avc_netlink_check_nb 5\n"
                            "fail avc_netlink_acquire_fd 24\n");
        assert_true(lsm_was_changed(fds[0]));
        assert_int_equal(lsm_watches(fds), 0);
        assert_true(lsm_fixture_logged("cannot be watched: Too many open files"));
}

/* What the wire tests build on: the label that a client's address gives it. */
static void test_lsm_fake_labels_are_those_of_addresses(void **state)
{
        static const char label[] = "a b;c (enforce)";
        struct sockaddr_un address;
        struct sockaddr_un bus = {.sun_family = AF_UNIX};
        socklen_t bus_size = sizeof(sa_family_t);
        int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        (void)state;
        /* Linux chooses a name for who binds to none. */
        assert_int_equal(bind(listener, (struct sockaddr *)&bus, bus_size), 0);
        assert_int_equal(listen(listener, 8), 0);
        bus_size = sizeof(bus);
        assert_int_equal(getsockname(listener, (struct sockaddr *)&bus, &bus_size), 0);
        for (int i = 0; i < 4; i++) {
                int client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
                socklen_t size = fake_lsm_file_address(label, &address);
                char value[64];
                socklen_t n = sizeof(value);
                int server;

                if (i < 3)
                        assert_int_equal(bind(client, (struct sockaddr *)&address, size), 0);
                assert_int_equal(connect(client, (struct sockaddr *)&bus, bus_size), 0);
                server = accept(listener, NULL, NULL);
                fake_lsm_file_write(i == 1 ? "selinux on\n" : "apparmor on\n");
                if (i == 2)
                        n = 3;
                if (i < 2) {
                        assert_int_equal(getsockopt(server, SOL_SOCKET, SO_PEERSEC, value, &n), 0);
                        assert_int_equal(n, i == 1 ? sizeof(label) : sizeof(label) - 1);
                        assert_memory_equal(value, label, n);
                } else {
                        assert_int_equal(getsockopt(server, SOL_SOCKET, SO_PEERSEC, value, &n), -1);
                        assert_int_equal(errno, i == 2 ? ERANGE : ENOPROTOOPT);
                }
                if (i == 3) {
                        fake_lsm_file_write("peers unconfined\n");
                        n = sizeof(value);
                        assert_int_equal(getsockopt(server, SOL_SOCKET, SO_PEERSEC, value, &n), 0);
                        assert_int_equal(n, strlen("unconfined"));
                }
                close(client);
                close(server);
        }
        close(listener);
}

/* With too little memory no module is off that is on: the bus does not start, or does not reload.
 */
static void test_lsm_shortage_of_memory_is_an_error(void **state)
{
        ConfigAssociation association = {.own = (char[]){"a.B"}, .context = (char[]){"c"}};
        LsmFixture *fixture = *state;
        ConfigReport report = {0};
        long before = shortage_n_live(), n = -1;
        int r = -ENOMEM;

        fixture->config.associations = &association;
        fixture->config.n_associations = 1;
        fake_lsm_file_write(BOTH);
        do {
                config_report_deinit(&report);
                shortage_begin(++n);
                lsm_check(&fixture->config, "conf", &report);
                shortage_begin(SHORTAGE_NEVER);
                assert_int_equal(report.n_errors > 0, !lsm_is_mediating_apparmor());
        } while (report.n_errors > 0);
        assert_int_equal(n, 2); /* a path and the type */
        assert_true(lsm_is_mediating_selinux());
        for (n = 0; r < 0; n++) {
                long live = shortage_n_live();

                shortage_begin(n);
                r = lsm_mediators(&fixture->config, &fixture->mediators);
                shortage_begin(SHORTAGE_NEVER);
                if (r < 0) {
                        assert_int_equal(r, -ENOMEM);
                        assert_int_equal(shortage_n_live(), live);
                }
        }
        assert_int_equal(n, 5); /* two mediators, a list, a name; then none */
        lsm_free_mediators(&fixture->mediators);
        lsm_stop();
        assert_int_equal(shortage_n_live(), before);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, lsm_fixture_setup, lsm_fixture_teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(test_lsm_selinux_root_is_that_of_the_library),
                TEST(test_lsm_include_is_read_if_selinux_is_enabled),
                TEST(test_lsm_modules_that_are_on_are_asked_selinux_first),
                TEST(test_lsm_state_is_as_of_the_start),
                TEST(test_lsm_apparmor_disabled_is_off),
                TEST(test_lsm_apparmor_required_says_what_is_missing),
                TEST(test_lsm_own_label_must_be_known),
                TEST(test_lsm_changes_of_policy_are_noticed),
                TEST(test_lsm_new_mediators_know_what_has_changed),
                TEST(test_lsm_policy_that_cannot_be_watched_is_said_once),
                TEST(test_lsm_watch_that_fails_is_begun_anew),
                TEST(test_lsm_shortage_of_memory_is_an_error),
                TEST(test_lsm_fake_labels_are_those_of_addresses),
        };

        return cmocka_run_group_tests_name("lsm", tests, lsm_fixture_main_setup,
                                           lsm_fixture_main_teardown);
}
