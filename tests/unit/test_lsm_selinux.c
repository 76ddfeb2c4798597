/* SPDX-License-Identifier: Apache-2.0 */
/* broker/lsm_selinux.c, against a fake of libselinux: no kernel with SELinux is needed. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "broker/base/assert.h"
#include "tests/unit/lsm_fixture.h"

#define ON "selinux on\n"
#define BUS FAKE_LSM_BUS_CONTEXT

static const MediatorQuestion a_to_b = {
        .act = MEDIATOR_SEND,
        .label = "a_t",
        .recipient_label = "b_t",
        .name = {.data = "x.Y", .size = 3},
        .source = {.data = ":1.1", .size = 4},
};

static void test_selinux_send_is_asked_by_both_labels(void **state)
{
        LsmFixture *fixture = *state;
        MediatorQuestion b_to_a = a_to_b;

        b_to_a.label = "b_t";
        b_to_a.recipient_label = "a_t";
        lsm_fixture_start(fixture, ON "deny send_msg a_t b_t\n");
        assert_int_equal(lsm_fixture_ask(fixture, 0, &a_to_b), -EACCES);
        lsm_fixture_assert_asked("selinux a_t b_t 52 8\n");
        assert_int_equal(lsm_fixture_ask(fixture, 0, &b_to_a), 0);
        lsm_fixture_assert_asked("selinux b_t a_t 52 8\n");
}

static void test_selinux_bus_as_recipient_has_its_own_label(void **state)
{
        LsmFixture *fixture = *state;
        MediatorQuestion question = a_to_b;

        question.to_bus = true;
        question.recipient_label = NULL;
        lsm_fixture_start(fixture, ON "deny send_msg a_t " BUS "\n");
        assert_int_equal(lsm_fixture_ask(fixture, 0, &question), -EACCES);
        lsm_fixture_assert_asked("selinux a_t " BUS " 52 8\n");
        assert_string_equal(lsm_selinux_label(), BUS);
        lsm_fixture_start(fixture, ON "selinux own me_t\ndeny send_msg a_t " BUS "\n");
        assert_int_equal(lsm_fixture_ask(fixture, 0, &question), 0);
        lsm_fixture_assert_asked("selinux a_t me_t 52 8\n");
}

/* The reference looks the name up as it is: neither a prefix nor a longer name has the context. */
static void test_selinux_own_is_asked_by_the_associated_context(void **state)
{
        ConfigAssociation associations[] = {
                {.own = (char[]){"a.Plain"}, .context = (char[]){"plain_t"}},
                {.own = (char[]){"a.People"}, .context = (char[]){"people:words_t"}},
        };
        LsmFixture *fixture = *state;
        MediatorQuestion question = {.act = MEDIATOR_OWN, .label = "a_t", .name = TEXT("a.Plain")};

        fixture->config.associations = associations;
        fixture->config.n_associations = ARRAY_SIZE(associations);
        lsm_fixture_start(fixture, ON "deny acquire_svc a_t plain_t\n");
        assert_int_equal(lsm_fixture_ask(fixture, 0, &question), -EACCES);
        lsm_fixture_assert_asked("selinux a_t plain_t 52 4\n");
        question.name = TEXT("a.People");
        assert_int_equal(lsm_fixture_ask(fixture, 0, &question), 0);
        lsm_fixture_assert_asked("selinux a_t words_t 52 4\n");
        question.name = TEXT("a.Plain.Sub");
        assert_int_equal(lsm_fixture_ask(fixture, 0, &question), 0);
        question.name = TEXT("a.Plai");
        assert_int_equal(lsm_fixture_ask(fixture, 0, &question), 0);
        lsm_fixture_assert_asked("selinux a_t " BUS " 52 4\nselinux a_t " BUS " 52 4\n");
}

static void test_selinux_eavesdropping_is_not_its_business(void **state)
{
        LsmFixture *fixture = *state;
        MediatorQuestion question = {.act = MEDIATOR_EAVESDROP, .label = "a_t"};
        const Mediator *mediator;

        lsm_fixture_start(fixture, ON);
        mediator = fixture->mediators.items[0];
        assert_false(mediator->mediates_eavesdropping);
        assert_false(mediator->reads_messages);
        assert_false(mediator->ignores_replies);
        assert_false(mediator->concerns(mediator, &question));
        assert_true(mediator->concerns(mediator, &a_to_b));
        assert_string_equal(mediator->title, "SELinux");
        assert_string_equal(mediator->complaint, "An SELinux policy prevents this sender from "
                                                 "sending this message to this recipient, "
                                                 "0 matched rules");
        assert_int_equal(lsm_fixture_ask(fixture, 0, &question), 0);
        lsm_fixture_assert_asked("");
}

static void test_selinux_permissive_mode_asks_nobody(void **state)
{
        LsmFixture *fixture = *state;

        lsm_fixture_start(fixture, ON "selinux permissive\ndeny send_msg a_t b_t\n");
        assert_int_equal(lsm_fixture_ask(fixture, 0, &a_to_b), 0);
        lsm_fixture_assert_asked("");
        lsm_fixture_start(fixture, ON "fail security_getenforce 5\ndeny send_msg a_t b_t\n");
        assert_int_equal(lsm_fixture_ask(fixture, 0, &a_to_b), -EACCES);
}

static void test_selinux_permissive_domain_is_allowed(void **state)
{
        LsmFixture *fixture = *state;

        lsm_fixture_start(fixture, ON "permissive a_t\ndeny send_msg a_t b_t\n");
        assert_int_equal(lsm_fixture_ask(fixture, 0, &a_to_b), 0);
        lsm_fixture_assert_asked("selinux a_t b_t 52 8\n");
}

static void test_selinux_unknown_to_the_policy_is_as_it_says(void **state)
{
        static const struct {
                const char *kernel;
                int send;
                int own;
        } cases[] = {
                {ON "selinux without dbus\n", 0, 0},
                {ON "selinux without dbus\nselinux deny_unknown\n", -EACCES, -EACCES},
                {ON "selinux without dbus\nfail security_deny_unknown 2\n", -EACCES, -EACCES},
                {ON "selinux without send_msg\nselinux deny_unknown\n", -EACCES, 0},
                {ON "selinux without acquire_svc\nselinux deny_unknown\n", 0, -EACCES},
                {ON "selinux without dbus\nselinux deny_unknown\nselinux permissive\n", 0, 0},
        };
        MediatorQuestion own = {.act = MEDIATOR_OWN, .label = "a_t", .name = TEXT("x.Y")};
        LsmFixture *fixture = *state;

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                lsm_fixture_start(fixture, cases[i].kernel);
                assert_int_equal(lsm_fixture_ask(fixture, 0, &a_to_b), cases[i].send);
                assert_int_equal(lsm_fixture_ask(fixture, 0, &own), cases[i].own);
        }
        assert_true(lsm_fixture_logged("does not know the class dbus"));
}

static void test_selinux_new_policy_numbers_anew(void **state)
{
        LsmFixture *fixture = *state;

        lsm_fixture_start(fixture, ON);
        fake_lsm_file_write(ON "selinux class 60\n");
        lsm_free_mediators(&fixture->mediators);
        assert_int_equal(lsm_mediators(&fixture->config, &fixture->mediators), 0);
        assert_int_equal(lsm_fixture_ask(fixture, 0, &a_to_b), 0);
        lsm_fixture_assert_asked("selinux a_t b_t 60 8\n");
}

static void test_selinux_who_has_no_label_is_unlabeled(void **state)
{
        LsmFixture *fixture = *state;
        MediatorQuestion question = a_to_b;

        question.label = NULL;
        lsm_fixture_start(fixture, ON "deny send_msg initial:unlabeled b_t\n");
        assert_int_equal(lsm_fixture_ask(fixture, 0, &question), -EACCES);
        question.label = "a_t";
        question.recipient_label = NULL;
        assert_int_equal(lsm_fixture_ask(fixture, 0, &question), 0);
        lsm_fixture_assert_asked("selinux initial:unlabeled b_t 52 8\n"
                                 "selinux a_t initial:unlabeled 52 8\n");
        lsm_fixture_start(fixture, ON "fail security_get_initial_context_raw 2\n");
        assert_int_equal(lsm_fixture_ask(fixture, 0, &question), -EACCES);
        lsm_fixture_assert_asked("");
}

/* The kernel reads the question word by word. */
static void test_selinux_labels_that_are_none_are_not_passed_on(void **state)
{
        static const char *const labels[] = {"",
                                             " ",
                                             "a_t ",
                                             " a_t",
                                             "a_t b_t 52 8",
                                             "a\n",
                                             "a\tb",
                                             "\x01",
                                             "profile (enforce)"};
        LsmFixture *fixture = *state;
        MediatorQuestion question = a_to_b;

        lsm_fixture_start(fixture, ON);
        for (size_t i = 0; i < ARRAY_SIZE(labels); i++) {
                question.label = labels[i];
                question.recipient_label = "b_t";
                assert_int_equal(lsm_fixture_ask(fixture, 0, &question), -EACCES);
                question.label = "a_t";
                question.recipient_label = labels[i];
                assert_int_equal(lsm_fixture_ask(fixture, 0, &question), -EACCES);
        }
        lsm_fixture_assert_asked("");
        question.label = "u:r:t\xc3\xa4:s0-s0:c0.c1023";
        question.recipient_label = "b_t";
        assert_int_equal(lsm_fixture_ask(fixture, 0, &question), 0);
        lsm_fixture_assert_asked("selinux u:r:t\xc3\xa4:s0-s0:c0.c1023 b_t 52 8\n");
}

static void test_selinux_failure_is_not_an_answer(void **state)
{
        LsmFixture *fixture = *state;

        lsm_fixture_start(fixture, ON "fail security_compute_av_flags_raw 5\n");
        assert_int_equal(lsm_fixture_ask(fixture, 0, &a_to_b), -EIO);
        lsm_fixture_start(fixture, ON "fail security_compute_av_flags_raw 0\n");
        assert_int_equal(lsm_fixture_ask(fixture, 0, &a_to_b), -EIO);
        lsm_fixture_start(fixture, ON "invalid b_t\n");
        assert_int_equal(lsm_fixture_ask(fixture, 0, &a_to_b), -EACCES);
        lsm_fixture_assert_asked("selinux a_t b_t 52 8\nselinux a_t b_t 52 8\n"
                                 "selinux a_t b_t 52 8\n");
}

static void test_selinux_context_that_cannot_be_translated_is_an_error(void **state)
{
        ConfigAssociation association = {.own = (char[]){"a.B"}, .context = (char[]){"c"}};
        LsmFixture *fixture = *state;

        fixture->config.associations = &association;
        fixture->config.n_associations = 1;
        assert_string_equal(lsm_fixture_check(fixture, ON "fail selinux_trans_to_raw_context 12\n"),
                            "");
        assert_int_equal(lsm_mediators(&fixture->config, &fixture->mediators), -ENOMEM);
        assert_int_equal(fixture->mediators.n, 0);
        assert_true(lsm_fixture_logged("SELinux cannot be asked: Cannot allocate memory"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, lsm_fixture_setup, lsm_fixture_teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(test_selinux_send_is_asked_by_both_labels),
                TEST(test_selinux_bus_as_recipient_has_its_own_label),
                TEST(test_selinux_own_is_asked_by_the_associated_context),
                TEST(test_selinux_eavesdropping_is_not_its_business),
                TEST(test_selinux_permissive_mode_asks_nobody),
                TEST(test_selinux_permissive_domain_is_allowed),
                TEST(test_selinux_unknown_to_the_policy_is_as_it_says),
                TEST(test_selinux_new_policy_numbers_anew),
                TEST(test_selinux_who_has_no_label_is_unlabeled),
                TEST(test_selinux_labels_that_are_none_are_not_passed_on),
                TEST(test_selinux_failure_is_not_an_answer),
                TEST(test_selinux_context_that_cannot_be_translated_is_an_error),
        };

        return cmocka_run_group_tests_name("lsm_selinux", tests, lsm_fixture_main_setup,
                                           lsm_fixture_main_teardown);
}
