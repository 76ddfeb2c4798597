/* SPDX-License-Identifier: Apache-2.0 */
/* broker/lsm_apparmor.c, against a fake of libapparmor: no kernel with AppArmor is needed. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/apparmor.h>
#include <unistd.h>
#include <cmocka.h>

#include "broker/base/assert.h"
#include "broker/lsm_private.h"
#include "tests/unit/lsm_fixture.h"

#define ON "apparmor on\n"

/* What is between the label and the rest: the class, which is 32, a space, and the bus's type. */
#define SESSION "| session"

static const MediatorQuestion a_to_b = {
        .act = MEDIATOR_SEND,
        .label = "a (enforce)",
        .recipient_label = "b (enforce)",
        .source = {.data = ":1.1", .size = 4},
        .name = {.data = "x.Y", .size = 3},
        .path = {.data = "/p", .size = 2},
        .interface = {.data = "i.F", .size = 3},
        .member = {.data = "M", .size = 1},
};

#define A_SENDS "apparmor 2 \"a" SESSION "|x.Y|b|/p|i.F|M\"\n"
#define B_RECEIVES "apparmor 4 \"b" SESSION "|:1.1|a|/p|i.F|M\"\n"

static void test_apparmor_send_is_asked_of_both_ends(void **state)
{
        LsmFixture *fixture = *state;

        lsm_fixture_start(fixture, ON);
        assert_int_equal(lsm_fixture_ask(fixture, 0, &a_to_b), 0);
        lsm_fixture_assert_asked(A_SENDS B_RECEIVES);
        lsm_fixture_start(fixture, ON "deny send a b\n");
        assert_int_equal(lsm_fixture_ask(fixture, 0, &a_to_b), -EACCES);
        lsm_fixture_assert_asked(A_SENDS);
        lsm_fixture_start(fixture, ON "deny receive b a\n");
        assert_int_equal(lsm_fixture_ask(fixture, 0, &a_to_b), -EACCES);
        lsm_fixture_assert_asked(A_SENDS B_RECEIVES);
        lsm_fixture_start(fixture, ON "deny send b a\ndeny receive a b\n");
        assert_int_equal(lsm_fixture_ask(fixture, 0, &a_to_b), 0);
}

static void test_apparmor_only_who_can_refuse_is_asked(void **state)
{
        static const struct {
                const char *sender;
                const char *recipient;
                const char *asked;
        } cases[] = {
                {"unconfined", "unconfined", ""},
                {"unconfined", "u (unconfined)", ""},
                {"a (complain)", "unconfined", ""},
                {"unconfined", "b (complain)", ""},
                {"a (complain)", "b (complain)", ""},
                {"a (enforce)", "unconfined",
                 "apparmor 2 \"a" SESSION "|x.Y|unconfined|/p|i.F|M\"\n"},
                {"unconfined", "b (enforce)",
                 "apparmor 4 \"b" SESSION "|:1.1|unconfined|/p|i.F|M\"\n"},
                {"a (complain)", "b (enforce)", B_RECEIVES},
                {"a (enforce)", "b (complain)", A_SENDS},
                {"a (kill)", "b (mixed)", A_SENDS B_RECEIVES},
        };
        LsmFixture *fixture = *state;
        MediatorQuestion question = a_to_b;

        lsm_fixture_start(fixture, ON "deny send a b\ndeny receive b a\n");
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                const Mediator *mediator = fixture->mediators.items[0];
                bool is_asked = cases[i].asked[0] != '\0';
                char asked[FAKE_LSM_TEXT_MAX];

                question.label = cases[i].sender;
                question.recipient_label = cases[i].recipient;
                assert_int_equal(mediator->concerns(mediator, &question), is_asked);
                (void)lsm_fixture_ask(fixture, 0, &question);
                fake_lsm_file_take_asked(asked);
                /* The first refusal is the last question. */
                assert_memory_equal(asked, cases[i].asked, strlen(asked));
                assert_int_equal(asked[0] != '\0', is_asked);
        }
        fake_lsm_file_write(ON);
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                question.label = cases[i].sender;
                question.recipient_label = cases[i].recipient;
                assert_int_equal(lsm_fixture_ask(fixture, 0, &question), 0);
                lsm_fixture_assert_asked(cases[i].asked);
        }
}

static void test_apparmor_bus_as_recipient_has_its_own_label(void **state)
{
        LsmFixture *fixture = *state;
        MediatorQuestion question = a_to_b;

        question.to_bus = true;
        question.recipient_label = NULL;
        question.name = TEXT("org.freedesktop.DBus");
        lsm_fixture_start(fixture, ON);
        assert_int_equal(lsm_fixture_ask(fixture, 0, &question), 0);
        lsm_fixture_assert_asked("apparmor 2 \"a" SESSION
                                 "|org.freedesktop.DBus|unconfined|/p|i.F|M\"\n");
        lsm_fixture_start(fixture, ON "apparmor own bus (enforce)\ndeny receive bus a\n");
        assert_int_equal(lsm_fixture_ask(fixture, 0, &question), -EACCES);
        lsm_fixture_assert_asked("apparmor 2 \"a" SESSION "|org.freedesktop.DBus|bus|/p|i.F|M\"\n"
                                 "apparmor 4 \"bus" SESSION "|:1.1|a|/p|i.F|M\"\n");
        question.label = "unconfined";
        assert_int_equal(lsm_fixture_ask(fixture, 0, &question), 0);
        lsm_fixture_assert_asked("apparmor 4 \"bus" SESSION "|:1.1|unconfined|/p|i.F|M\"\n");
        lsm_fixture_start(fixture, ON "apparmor own bus (complain)\ndeny receive bus unconfined\n");
        assert_int_equal(lsm_fixture_ask(fixture, 0, &question), 0);
        lsm_fixture_assert_asked("");
}

static void test_apparmor_own_is_asked_by_the_name(void **state)
{
        LsmFixture *fixture = *state;
        MediatorQuestion question = {
                .act = MEDIATOR_OWN, .label = "a (enforce)", .name = TEXT("x.Y")};

        lsm_fixture_start(fixture, ON "deny bind a x.Y\n");
        assert_int_equal(lsm_fixture_ask(fixture, 0, &question), -EACCES);
        lsm_fixture_assert_asked("apparmor 64 \"a" SESSION "|x.Y\"\n");
        question.name = TEXT("x.Z");
        assert_int_equal(lsm_fixture_ask(fixture, 0, &question), 0);
        lsm_fixture_assert_asked("apparmor 64 \"a" SESSION "|x.Z\"\n");
        question.label = "unconfined";
        assert_int_equal(lsm_fixture_ask(fixture, 0, &question), 0);
        question.label = "a (complain)";
        assert_int_equal(lsm_fixture_ask(fixture, 0, &question), 0);
        lsm_fixture_assert_asked("");
}

static void test_apparmor_eavesdrop_is_asked_by_the_label(void **state)
{
        LsmFixture *fixture = *state;
        MediatorQuestion question = {.act = MEDIATOR_EAVESDROP, .label = "a (enforce)"};

        lsm_fixture_start(fixture, ON "deny eavesdrop a\n");
        assert_int_equal(lsm_fixture_ask(fixture, 0, &question), -EACCES);
        lsm_fixture_assert_asked("apparmor 32 \"a" SESSION "\"\n");
        question.label = "b (enforce)";
        assert_int_equal(lsm_fixture_ask(fixture, 0, &question), 0);
        lsm_fixture_assert_asked("apparmor 32 \"b" SESSION "\"\n");
        question.label = "a (unconfined)";
        assert_int_equal(lsm_fixture_ask(fixture, 0, &question), 0);
        lsm_fixture_assert_asked("");
}

static void test_apparmor_what_a_message_lacks_is_empty(void **state)
{
        LsmFixture *fixture = *state;
        MediatorQuestion question = a_to_b;

        question.path = TEXT_NONE;
        question.interface = TEXT_NONE;
        question.member = TEXT_NONE;
        lsm_fixture_start(fixture, ON);
        assert_int_equal(lsm_fixture_ask(fixture, 0, &question), 0);
        lsm_fixture_assert_asked("apparmor 2 \"a" SESSION "|x.Y|b|||\"\n"
                                 "apparmor 4 \"b" SESSION "|:1.1|a|||\"\n");
}

/* The type is as of the start: <type> of a configuration that is loaded later does not count. */
static void test_apparmor_type_is_part_of_the_question(void **state)
{
        LsmFixture *fixture = *state;
        MediatorQuestion question = {.act = MEDIATOR_EAVESDROP, .label = "a (enforce)"};

        fixture->config.type = (char[]){"system"};
        lsm_fixture_start(fixture, ON);
        fixture->config.type = (char[]){"other"};
        lsm_free_mediators(&fixture->mediators);
        assert_int_equal(lsm_mediators(&fixture->config, &fixture->mediators), 0);
        assert_int_equal(lsm_fixture_ask(fixture, 0, &question), 0);
        lsm_fixture_assert_asked("apparmor 32 \"a| system\"\n");
        fixture->config.type = NULL;
        lsm_fixture_start(fixture, ON);
        assert_int_equal(lsm_fixture_ask(fixture, 0, &question), 0);
        lsm_fixture_assert_asked("apparmor 32 \"a| \"\n");
}

static void test_apparmor_odd_labels_are_passed_on_as_they_are(void **state)
{
        LsmFixture *fixture = *state;
        MediatorQuestion question = {.act = MEDIATOR_EAVESDROP};

        lsm_fixture_start(fixture, ON);
        question.label = "/usr/bin/a b (x)//&:ns:\"c\"|\xc3\xa4 (enforce)\n";
        assert_int_equal(lsm_fixture_ask(fixture, 0, &question), 0);
        lsm_fixture_assert_asked(
                "apparmor 32 \"/usr/bin/a b (x)//&:ns:\\x22c\\x22\\x7c\\xc3\\xa4" SESSION "\"\n");
        question.label = "unconfined (enforce)"; /* a profile of that name */
        assert_int_equal(lsm_fixture_ask(fixture, 0, &question), 0);
        lsm_fixture_assert_asked("apparmor 32 \"unconfined" SESSION "\"\n");
}

/* libapparmor's own function is there, too: the fake does not have it. */
static void test_apparmor_labels_are_split_as_by_the_library(void **state)
{
        static const char *const labels[] = {
                "unconfined",
                "unconfined\n",
                "unconfined (complain)",
                "a (enforce)",
                "a (enforce)\n",
                "a (b) (kill)",
                "a b (c d)",
                "a ()",
                "a",
                "",
                "\n",
                ")",
                "()",
                " ()",
                " (a)",
                "a(b)",
                "a (b",
                "a (b))",
                "a ((b)",
                "  (a)",
                "unconfined ",
                "Unconfined",
                "a (enforce)\n\n",
                "a\n (b)",
                "a (unconfined)",
                "a (complain)",
                "a (complain) ",
                "a\t(b)",
                "a//&b (mixed) (x)",
                "a (b) (",
                "a  (b)",
                "x) (y)",
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(labels); i++) {
                LsmAppArmorLabel label = lsm_apparmor_split(labels[i]);
                char *copy = strdup(labels[i]);
                char *mode = NULL;
                const char *name = aa_splitcon(copy, &mode);

                assert_true(text_equal(label.name, text_from(name)));
                if (!name)
                        assert_true(label.can_refuse);
                else if (!mode)
                        assert_false(label.can_refuse); /* it is unconfined */
                else
                        assert_int_equal(label.can_refuse, strcmp(mode, "unconfined") != 0 &&
                                                                   strcmp(mode, "complain") != 0);
                free(copy);
        }
}

/* Nobody knows what a peer may do whose label is not known: it may not. */
static void test_apparmor_unknown_label_may_not(void **state)
{
        static const char *const labels[] = {NULL, "", "a", "a enforce", "(enforce)"};
        LsmFixture *fixture = *state;

        lsm_fixture_start(fixture, ON);
        for (size_t i = 0; i < ARRAY_SIZE(labels); i++) {
                MediatorQuestion question = a_to_b;

                question.label = labels[i];
                question.recipient_label = "unconfined";
                for (int act = MEDIATOR_SEND; act <= MEDIATOR_EAVESDROP; act++) {
                        question.act = (MediatorAct)act;
                        assert_int_equal(lsm_fixture_ask(fixture, 0, &question), -ENODATA);
                }
                question = a_to_b;
                question.label = "unconfined";
                question.recipient_label = labels[i];
                assert_int_equal(lsm_fixture_ask(fixture, 0, &question), -ENODATA);
        }
        lsm_fixture_assert_asked("");
}

/* As long as the kernel could take it at all, and a byte longer. */
static void test_apparmor_question_that_is_too_long_is_not_put(void **state)
{
        enum {
                WHOLE = 65536,
                REST = AA_QUERY_CMD_LABEL_SIZE + sizeof("a| session|x.Y|unconfined||i.F|M") - 1
        };
        static char path[WHOLE];
        static char asked[FAKE_LSM_TEXT_MAX];
        LsmFixture *fixture = *state;
        MediatorQuestion question = a_to_b;

        memset(path, 'p', sizeof(path));
        path[0] = '/';
        question.recipient_label = "unconfined";
        question.path = (Text){.data = path, .size = 4096};
        lsm_fixture_start(fixture, ON);
        assert_int_equal(lsm_fixture_ask(fixture, 0, &question), 0);
        fake_lsm_file_take_asked(asked);
        assert_int_equal(strspn(strchr(asked, '/') + 1, "p"), 4095);
        assert_string_equal(asked + strlen(asked) - strlen("|i.F|M\"\n"), "|i.F|M\"\n");
        question.path.size = WHOLE - REST;
        assert_int_equal(lsm_fixture_ask(fixture, 0, &question), 0);
        fake_lsm_file_take_asked(asked);
        question.path.size++;
        assert_int_equal(lsm_fixture_ask(fixture, 0, &question), -ENAMETOOLONG);
        question.path.size = sizeof(path);
        assert_int_equal(lsm_fixture_ask(fixture, 0, &question), -ENAMETOOLONG);
        lsm_fixture_assert_asked("");
}

static void test_apparmor_failure_is_not_an_answer(void **state)
{
        LsmFixture *fixture = *state;

        lsm_fixture_start(fixture, ON "fail aa_query_label 2\n");
        assert_int_equal(lsm_fixture_ask(fixture, 0, &a_to_b), -ENOENT);
        lsm_fixture_assert_asked(A_SENDS);
        lsm_fixture_start(fixture, ON "fail aa_query_label 0\n");
        assert_int_equal(lsm_fixture_ask(fixture, 0, &a_to_b), -EIO);
}

/* The kernel's file, as opposed to the fake's pipe, is read from its beginning each time. */
static void test_apparmor_revision_is_read_again_and_again(void **state)
{
        FILE *file = tmpfile();

        (void)state;
        assert_true(file && fputs("41\n", file) >= 0 && fflush(file) == 0);
        for (int i = 0; i < 3; i++)
                assert_int_equal(lsm_apparmor_module.drain(fileno(file)), 1);
        assert_int_equal(ftruncate(fileno(file), 0), 0);
        assert_int_equal(lsm_apparmor_module.drain(fileno(file)), -ENODATA);
        assert_int_equal(fclose(file), 0);
        assert_int_equal(lsm_apparmor_module.drain(-1), -EBADF);
}

static void test_apparmor_is_described_as_it_is(void **state)
{
        LsmFixture *fixture = *state;
        const Mediator *mediator;

        lsm_fixture_start(fixture, ON);
        mediator = fixture->mediators.items[0];
        assert_string_equal(mediator->title, "AppArmor");
        assert_string_equal(mediator->complaint, "An AppArmor policy prevents this sender from "
                                                 "sending this message to this recipient");
        assert_true(mediator->reads_messages);
        assert_true(mediator->ignores_replies);
        assert_true(mediator->mediates_eavesdropping);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, lsm_fixture_setup, lsm_fixture_teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(test_apparmor_send_is_asked_of_both_ends),
                TEST(test_apparmor_only_who_can_refuse_is_asked),
                TEST(test_apparmor_bus_as_recipient_has_its_own_label),
                TEST(test_apparmor_own_is_asked_by_the_name),
                TEST(test_apparmor_eavesdrop_is_asked_by_the_label),
                TEST(test_apparmor_what_a_message_lacks_is_empty),
                TEST(test_apparmor_type_is_part_of_the_question),
                TEST(test_apparmor_odd_labels_are_passed_on_as_they_are),
                TEST(test_apparmor_labels_are_split_as_by_the_library),
                TEST(test_apparmor_unknown_label_may_not),
                TEST(test_apparmor_question_that_is_too_long_is_not_put),
                TEST(test_apparmor_failure_is_not_an_answer),
                TEST(test_apparmor_revision_is_read_again_and_again),
                TEST(test_apparmor_is_described_as_it_is),
        };

        return cmocka_run_group_tests_name("lsm_apparmor", tests, lsm_fixture_main_setup,
                                           lsm_fixture_main_teardown);
}
