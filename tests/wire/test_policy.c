/* SPDX-License-Identifier: Apache-2.0 */

/* The policy between connections: calls, replies, signals, names. */

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/wire/denial.h"

enum { N_CHANGES = 200 };

/* A call of interface t.NAME, which is also what the policy calls the case. */
static RawHeader call_of(const char *destination, const char *interface)
{
        RawHeader call = scene_method(destination, "M", NULL);

        call.interface = interface;
        return call;
}

static void expect_passes(RawClient *caller, RawClient *callee, const RawHeader *call)
{
        (void)scene_send(caller, call);
        (void)expect_call(callee, caller->unique_name, "M");
}

static void test_policy_denied_call_is_told_and_goes_nowhere(void **state)
{
        Scene *scene = *state;
        RawClient *caller = scene_join(scene), *callee = scene_join(scene);
        const RawHeader call = call_of(callee->unique_name, "t.Denied");

        denial_expect(caller, scene_send(caller, &call), .sender = caller, .interface = "t.Denied",
                      .member = "M", .destination = callee->unique_name);
        expect_nothing(callee);
}

/* Twice, and more: the second time the verdict is remembered. */
static void test_policy_denied_again_and_again(void **state)
{
        Scene *scene = *state;
        RawClient *caller = scene_join(scene), *callee = scene_join(scene);
        RawHeader denied = call_of(callee->unique_name, "t.Denied");
        RawHeader allowed = call_of(callee->unique_name, "t.I");

        for (int i = 0; i < 3; i++) {
                denial_expect(caller, scene_send(caller, &denied), .sender = caller,
                              .interface = "t.Denied", .member = "M",
                              .destination = callee->unique_name);
                expect_passes(caller, callee, &allowed);
        }
        denied.flags = RAWMESSAGE_NO_REPLY_EXPECTED; /* is told nevertheless */
        (void)expect_error(caller, scene_send(caller, &denied), "AccessDenied", NULL);
        expect_nothing(callee);
}

/* A rule that denies an interface denies messages without one. */
static void test_policy_denied_interface_denies_none(void **state)
{
        Scene *scene = *state;
        RawClient *caller = scene_join(scene), *callee = scene_join(scene);
        const RawHeader call = call_of(callee->unique_name, NULL);

        denial_expect(caller, scene_send(caller, &call), .sender = caller, .member = "M",
                      .destination = callee->unique_name);
}

static void test_policy_denied_receiver_is_told_to_the_sender(void **state)
{
        Scene *scene = *state;
        RawClient *caller = scene_join(scene), *callee = scene_join(scene);
        const RawHeader call = call_of(callee->unique_name, "t.Deaf");

        denial_expect(caller, scene_send(caller, &call), .receiving = true, .sender = caller,
                      .interface = "t.Deaf", .member = "M", .destination = callee->unique_name);
        expect_nothing(callee);
}

static void test_policy_requested_reply_passes_once(void **state)
{
        Scene *scene = *state;
        RawClient *caller = scene_join(scene), *callee = scene_join(scene);
        const RawHeader call = call_of(callee->unique_name, "t.I");
        const uint32_t serial = scene_send(caller, &call);
        RawHeader reply = scene_reply(expect_call(callee, caller->unique_name, "M"), NULL);

        reply.destination = caller->unique_name;
        (void)scene_send(callee, &reply);
        expect_empty(caller, serial);
        denial_expect(callee, scene_send(callee, &reply), .type = "method_return", .sender = callee,
                      .destination = caller->unique_name);
        expect_nothing(caller);
}

/* Whatever its type: where a policy asks, the first message with that REPLY_SERIAL is the reply. */
static void test_policy_reply_serial_of_a_signal_is_the_reply(void **state)
{
        Scene *scene = *state;
        RawClient *caller = scene_join(scene), *callee = scene_join(scene);
        const RawHeader call = call_of(callee->unique_name, "t.I");
        RawHeader signal = scene_signal(caller->unique_name, "S", NULL);
        RawHeader reply = {.type = RAWMESSAGE_RETURN, .destination = caller->unique_name};

        reply.reply_serial = signal.reply_serial = scene_send(caller, &call);
        (void)expect_call(callee, caller->unique_name, "M");
        (void)scene_send(callee, &signal);
        (void)expect_signal(caller, callee->unique_name, "S");
        denial_expect(callee, scene_send(callee, &reply), .type = "method_return", .sender = callee,
                      .destination = caller->unique_name);
        expect_nothing(caller);
}

/* Neither a call that was refused nor one that expects no reply is owed one. */
static void test_policy_unrequested_reply_denied(void **state)
{
        Scene *scene = *state;
        RawClient *caller = scene_join(scene), *callee = scene_join(scene);
        RawHeader call = call_of(callee->unique_name, "t.Denied");
        RawHeader reply = {.type = RAWMESSAGE_RETURN, .destination = caller->unique_name};

        reply.reply_serial = scene_send(caller, &call);
        (void)expect_error(caller, reply.reply_serial, "AccessDenied", NULL);
        denial_expect(callee, scene_send(callee, &reply), .type = "method_return", .sender = callee,
                      .destination = caller->unique_name);
        call.interface = "t.I";
        call.flags = RAWMESSAGE_NO_REPLY_EXPECTED;
        reply.reply_serial = scene_send(caller, &call);
        (void)expect_call(callee, caller->unique_name, "M");
        denial_expect(callee, scene_send(callee, &reply), .type = "method_return", .sender = callee,
                      .destination = caller->unique_name);
        expect_nothing(caller);
}

/* A change of the receiver's names makes a reply be looked up again, perhaps, but it stays the one
 * asked for. NameLost is denied; the two answers come in either order. */
static void test_policy_requested_reply_while_names_change(void **state)
{
        Scene *scene = *state;
        RawClient *caller = scene_join(scene), *callee = scene_join(scene);
        const RawHeader call = call_of(callee->unique_name, "t.I");

        for (int i = 0; i < N_CHANGES; i++) {
                const uint32_t serial = scene_send(caller, &call);
                RawHeader reply = scene_reply(expect_call(callee, caller->unique_name, "M"), NULL);
                uint32_t release, sum = 0;

                reply.destination = caller->unique_name;
                scene_own(caller, "t.Other");
                release = scene_call(caller, "ReleaseName", "s", "t.Other");
                (void)scene_send(callee, &reply);
                for (int k = 0; k < 2; k++) {
                        const RawMessage *message = expect_message(caller);

                        assert_int_equal(message->type, RAWMESSAGE_RETURN);
                        sum += message->reply_serial;
                }
                assert_int_equal(sum, serial + release);
        }
}

static void test_policy_destination_counts_owners_and_those_who_wait(void **state)
{
        Scene *scene = *state;
        RawClient *caller = scene_join(scene), *owner = scene_join(scene);
        RawClient *second = scene_join(scene);
        const RawHeader to_owner = call_of("t.Guarded", "t.Guard");
        const RawHeader to_second = call_of(second->unique_name, "t.Guard");

        expect_passes(caller, second, &to_second);
        scene_own(owner, "t.Guarded");
        expect_u32(second, scene_call(second, "RequestName", "su", "t.Guarded", 0), 2);
        denial_expect(caller, scene_send(caller, &to_owner), .sender = caller,
                      .interface = "t.Guard", .member = "M", .destination = "t.Guarded");
        denial_expect(caller, scene_send(caller, &to_second), .sender = caller,
                      .interface = "t.Guard", .member = "M", .destination = second->unique_name);
        expect_u32(second, scene_call(second, "ReleaseName", "s", "t.Guarded"), 1);
        expect_passes(caller, second, &to_second);
        expect_nothing(owner);
}

static void test_policy_destination_prefix_counts_names_below(void **state)
{
        Scene *scene = *state;
        RawClient *caller = scene_join(scene), *callee = scene_join(scene);
        const RawHeader call = call_of(callee->unique_name, "t.Area");

        scene_own(callee, "t.areas");
        expect_passes(caller, callee, &call);
        scene_own(callee, "t.area.B");
        denial_expect(caller, scene_send(caller, &call), .sender = caller, .interface = "t.Area",
                      .member = "M", .destination = callee->unique_name);
        expect_u32(callee, scene_call(callee, "ReleaseName", "s", "t.area.B"), 1);
        expect_passes(caller, callee, &call);
}

static void test_policy_owning_denied_in_the_words_of_the_reference(void **state)
{
        Scene *scene = *state;
        RawClient *client = scene_join(scene);
        static const char *const names[] = {"t.Forbidden", "t.forbidden", "t.forbidden.x"};
        char text[256];

        for (size_t i = 0; i < 3; i++) {
                snprintf(text, sizeof(text),
                         "Connection \"%s\" is not allowed to own the service \"%s\" due to "
                         "security policies in the configuration file",
                         client->unique_name, names[i]);
                (void)expect_error(client, scene_call(client, "RequestName", "su", names[i], 0),
                                   "AccessDenied", text);
        }
        scene_own(client, "t.forbiddenly");
}

static void test_policy_fds_denied_by_their_number(void **state)
{
        Scene *scene = *state;
        RawClient *caller = scene_join(scene), *callee = scene_join(scene);
        RawHeader call = call_of(callee->unique_name, "t.Fds");
        const int fds[2] = {STDERR_FILENO, STDERR_FILENO};
        RawMessage *message;

        for (uint32_t n = 1; n <= 2; n++) {
                call.unix_fds = n;
                call.serial = rawclient_serial(caller);
                assert_int_equal(rawclient_send_body(caller, &call, NULL, fds, n), 0);
                if (n == 2) {
                        denial_expect(caller, call.serial, .sender = caller, .interface = "t.Fds",
                                      .member = "M", .destination = callee->unique_name);
                        continue;
                }
                message = expect_call(callee, caller->unique_name, "M");
                assert_int_equal(message->n_fds, 1);
        }
        expect_nothing(callee);
}

#define TEST(name) cmocka_unit_test_teardown(name, scene_clear)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(test_policy_denied_call_is_told_and_goes_nowhere),
                TEST(test_policy_denied_again_and_again),
                TEST(test_policy_denied_interface_denies_none),
                TEST(test_policy_denied_receiver_is_told_to_the_sender),
                TEST(test_policy_reply_serial_of_a_signal_is_the_reply),
                TEST(test_policy_requested_reply_passes_once),
                TEST(test_policy_unrequested_reply_denied),
                TEST(test_policy_requested_reply_while_names_change),
                TEST(test_policy_destination_counts_owners_and_those_who_wait),
                TEST(test_policy_destination_prefix_counts_names_below),
                TEST(test_policy_owning_denied_in_the_words_of_the_reference),
                TEST(test_policy_fds_denied_by_their_number),
        };

        return scene_run("policy", tests, denial_start);
}
