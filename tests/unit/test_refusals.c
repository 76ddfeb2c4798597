/* SPDX-License-Identifier: Apache-2.0 */
/* What a refusal says of the processes at both ends, which choose some of the bytes themselves. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "broker/base/log.h"
#include "broker/router/refusals.h"

static Refusals refusals;

static void init_end(Endpoint *end, const char *name, const Credentials *credentials)
{
        endpoint_init(end);
        end->uid = 1000;
        end->credentials = credentials;
        end->unique_name_size = strlen(name);
        memcpy(end->unique_name, name, end->unique_name_size);
}

static void test_refusals_foreign_bytes_are_made_plain(void **state)
{
        static Endpoint sender, recipient;
        char label[] = "un\"con\x80";
        const Credentials from = {.pid = 7, .command = "a\"b\n\\\xff z"};
        const Credentials to = {
                .pid = 0, .security_label = label, .security_label_size = sizeof(label) - 1};
        const Header header = {.frame.type = FRAME_TYPE_ERROR,
                               .error_name = TEXT("a.E"),
                               .destination = TEXT("com.example"),
                               .reply_serial = 4};
        const RefusalsCase what = {.complaint = "Rejected receive message",
                                   .counts_matches = true,
                                   .n_matches = 12,
                                   .header = &header,
                                   .sender = &sender,
                                   .recipient = &recipient,
                                   .requested_reply = true};

        (void)state;
        init_end(&sender, ":1.3", &from);
        init_end(&recipient, ":1.4", &to);
        refusals_describe(&refusals, &what);
        assert_string_equal(refusals.text,
                            "Rejected receive message, 12 matched rules; type=\"error\", "
                            "sender=\":1.3\" (uid=1000 pid=7 comm=\"a?b??? z\") "
                            "interface=\"(unset)\" member=\"(unset)\" error name=\"a.E\" "
                            "requested_reply=\"1\" destination=\"com.example\" (uid=1000 "
                            "label=\"un?con?\")");
}

/* An anonymous client has no uid; over TCP nothing at all is known of it. */
static void test_refusals_anonymous_has_no_uid(void **state)
{
        static Endpoint sender, recipient;
        const Credentials of_socket = {.pid = 7, .command = "a"}, of_tcp = {.pid = 0};
        const Header signal = {.frame.type = FRAME_TYPE_SIGNAL};
        const RefusalsCase what = {
                .complaint = "x", .header = &signal, .sender = &sender, .recipient = &recipient};

        (void)state;
        init_end(&sender, ":1.3", &of_socket);
        init_end(&recipient, ":1.4", &of_tcp);
        sender.uid = recipient.uid = CREDENTIALS_NO_UID;
        refusals_describe(&refusals, &what);
        assert_non_null(strstr(refusals.text, "sender=\":1.3\" (pid=7 comm=\"a\") "));
        assert_non_null(strstr(refusals.text, " ()"));
        assert_null(strstr(refusals.text, "uid"));
}

static void test_refusals_bus_is_named(void **state)
{
        static Endpoint end;
        const Header signal = {.frame.type = FRAME_TYPE_SIGNAL, .member = TEXT("S")};
        RefusalsCase what = {.complaint = "x", .header = &signal, .recipient = &end};

        (void)state;
        init_end(&end, ":1.9", NULL);
        refusals_describe(&refusals, &what);
        assert_non_null(strstr(refusals.text, "sender=\"(unset)\" ((bus)) "));
        assert_non_null(strstr(refusals.text, "destination=\"org.freedesktop.DBus\" (uid=1000)"));
}

/* A label can be as long as the kernel likes. */
static void test_refusals_long_label_is_cut(void **state)
{
        static Endpoint end;
        static char label[4000];
        const Credentials credentials = {.security_label = label,
                                         .security_label_size = sizeof(label)};
        const Header signal = {.frame.type = FRAME_TYPE_SIGNAL};
        const RefusalsCase what = {
                .complaint = "x", .header = &signal, .sender = &end, .recipient = &end};

        (void)state;
        memset(label, 'l', sizeof(label));
        init_end(&end, ":1.9", &credentials);
        refusals_describe(&refusals, &what);
        assert_in_range(strlen(refusals.text), 1000, REFUSALS_TEXT_MAX - 1);
        assert_non_null(strstr(refusals.text, "destination=\"org.freedesktop.DBus\""));
}

static void test_refusals_log_writes_few_and_counts_the_rest(void **state)
{
        (void)state;
        log_set_level(LOG_LEVEL_ERROR);
        refusals = (Refusals){.period_end_ns = 0};
        for (int i = 0; i < REFUSALS_LINES_MAX + 5; i++)
                refusals_log(&refusals, "x");
        assert_in_range(refusals.n_lines, 1, REFUSALS_LINES_MAX);
        if (refusals.n_lines == REFUSALS_LINES_MAX) /* else the period ended meanwhile */
                assert_int_equal(refusals.n_suppressed, 5);
        refusals.period_end_ns = 1; /* long ago */
        refusals_log(&refusals, "x");
        assert_int_equal(refusals.n_lines, 1);
        assert_int_equal(refusals.n_suppressed, 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_refusals_foreign_bytes_are_made_plain),
                cmocka_unit_test(test_refusals_anonymous_has_no_uid),
                cmocka_unit_test(test_refusals_bus_is_named),
                cmocka_unit_test(test_refusals_long_label_is_cut),
                cmocka_unit_test(test_refusals_log_writes_few_and_counts_the_rest),
        };

        return cmocka_run_group_tests_name("refusals", tests, NULL, NULL);
}
