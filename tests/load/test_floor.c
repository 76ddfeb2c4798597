/* SPDX-License-Identifier: Apache-2.0 */
/* The floor forwards whatever comes, whole and in order: or its figures would mean nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <unistd.h>

#include "tests/load/floorbus.h"

static void test_floor_call_arrives_with_its_sender(void **state)
{
        (void)state;
        floorbus_check_call(0, NULL);
        floorbus_check_call(RAWCLIENT_PIPELINE, NULL);
        floorbus_check_call(RAWCLIENT_NO_FDS, NULL);
        floorbus_check_call(RAWCLIENT_BIG_ENDIAN, NULL);
}

static void test_floor_forged_sender_is_replaced(void **state)
{
        (void)state;
        floorbus_check_call(0, ":1.4711");
        floorbus_check_call(RAWCLIENT_BIG_ENDIAN, ":1.4711");
}

static void test_floor_message_byte_by_byte_arrives(void **state)
{
        RawClient *sender = floorbus_open_client(0), *receiver = floorbus_open_client(0);
        RawHeader header = floorbus_call_to(receiver->unique_name);
        Marshal bytes;
        const char *text;

        (void)state;
        header.serial = 77;
        header.signature = "s";
        marshal_init(&bytes, false);
        rawmessage_build_values(&header, &bytes, "pieces");
        for (size_t i = 0; i < bytes.size; i++)
                assert_int_equal(rawclient_send(sender, bytes.data + i, 1), 0);
        assert_true(rawmessage_read(floorbus_receive(receiver), "s", &text));
        assert_string_equal(text, "pieces");
        marshal_deinit(&bytes);
        rawclient_free(sender);
        rawclient_free(receiver);
}

static void test_floor_fds_stay_with_their_message(void **state)
{
        RawClient *sender = floorbus_open_client(0), *receiver = floorbus_open_client(0);
        RawHeader header = floorbus_call_to(receiver->unique_name);
        int pipes[2][2];
        Marshal body;
        char byte;

        (void)state;
        header.signature = "h";
        header.unix_fds = 1;
        marshal_init(&body, false);
        marshal_u32(&body, 0);
        for (size_t i = 0; i < 2; i++) {
                assert_int_equal(pipe(pipes[i]), 0);
                header.serial = rawclient_serial(sender);
                assert_int_equal(rawclient_send_body(sender, &header, &body, &pipes[i][0], 1), 0);
                floorbus_send_body(sender, receiver->unique_name, 100, 1);
        }
        for (size_t i = 0; i < 2; i++) {
                const RawMessage *message = floorbus_receive(receiver);

                assert_int_equal(message->unix_fds, 1);
                assert_int_equal(message->n_fds, 1);
                assert_int_equal(write(pipes[i][1], &"ab"[i], 1), 1);
                assert_int_equal(read(message->fds[0], &byte, 1), 1);
                assert_int_equal(byte, "ab"[i]);
                floorbus_check_body(receiver, 100, 1);
                close(pipes[i][0]);
                close(pipes[i][1]);
        }
        marshal_deinit(&body);
        rawclient_free(sender);
        rawclient_free(receiver);
}

static void test_floor_broadcast_reaches_those_with_a_rule(void **state)
{
        RawClient *emitter = floorbus_open_client(0), *other = floorbus_open_client(0),
                  *listeners[3];
        unsigned number;

        (void)state;
        for (size_t i = 0; i < 3; i++) {
                listeners[i] = floorbus_open_client(0);
                floorbus_call_driver(listeners[i], "AddMatch", "type='signal'", RAWMESSAGE_RETURN);
        }
        floorbus_emit(emitter, 1);
        floorbus_emit(emitter, 2);
        for (size_t i = 0; i < 6; i++) {
                const RawMessage *message = floorbus_receive(listeners[i / 2]);

                assert_int_equal(message->type, RAWMESSAGE_SIGNAL);
                assert_string_equal(message->sender, emitter->unique_name);
                assert_true(rawmessage_read(message, "u", &number));
                assert_int_equal(number, i % 2 + 1);
        }
        floorbus_call_driver(listeners[1], "RemoveMatch", "type='signal'", RAWMESSAGE_RETURN);
        floorbus_emit(emitter, 3);
        assert_true(rawmessage_read(floorbus_receive(listeners[2]), "u", &number));
        assert_int_equal(number, 3);
        /* Nothing came to the others before the answer to this. */
        floorbus_call_driver(listeners[1], "NameHasOwner", "t.Nobody", RAWMESSAGE_RETURN);
        floorbus_call_driver(other, "NameHasOwner", "t.Nobody", RAWMESSAGE_RETURN);
        for (size_t i = 0; i < 3; i++)
                rawclient_free(listeners[i]);
        rawclient_free(emitter);
        rawclient_free(other);
}

static void test_floor_names_lead_to_their_owner_until_it_leaves(void **state)
{
        RawClient *caller = floorbus_open_client(0), *owner = floorbus_open_client(0);
        RawHeader header = floorbus_call_to("t.Name"),
                  request = floorbus_call_to("org.freedesktop.DBus");
        const RawMessage *message;
        const char *text;
        unsigned result;

        (void)state;
        request.member = "RequestName";
        request.signature = "su";
        assert_int_equal(rawclient_send_header(owner, &request, NULL, "t.Name", 0), 0);
        assert_true(rawmessage_read(floorbus_receive(owner), "u", &result));
        assert_int_equal(result, 1);
        message = floorbus_call_driver(caller, "GetNameOwner", "t.Name", RAWMESSAGE_RETURN);
        assert_true(rawmessage_read(message, "s", &text));
        assert_string_equal(text, owner->unique_name);
        assert_int_equal(rawclient_send_header(caller, &header, NULL), 0);
        assert_string_equal(floorbus_receive(owner)->destination, "t.Name");
        message = floorbus_call_driver(owner, "ReleaseName", "t.Name", RAWMESSAGE_RETURN);
        assert_true(rawmessage_read(message, "u", &result));
        assert_int_equal(result, 1);
        assert_int_equal(rawclient_send_header(caller, &header, NULL), 0);
        assert_string_equal(floorbus_receive(caller)->error_name,
                            "org.freedesktop.DBus.Error.ServiceUnknown");
        floorbus_call_driver(caller, "ListActivatableNames", "", RAWMESSAGE_ERROR);
        rawclient_free(owner);
        header.destination = ":1.999999";
        assert_int_equal(rawclient_send_header(caller, &header, NULL), 0);
        assert_int_equal(floorbus_receive(caller)->type, RAWMESSAGE_ERROR);
        rawclient_free(caller);
}

static void test_floor_bytes_that_are_no_message_end_the_connection(void **state)
{
        static const uint8_t garbage[32] = {'x', 1, 0, 1};
        RawClient *client = floorbus_open_client(0);
        RawMessage *message;

        (void)state;
        assert_int_equal(rawclient_send(client, garbage, sizeof(garbage)), 0);
        assert_int_equal(rawclient_receive(client, RAWCLIENT_TIMEOUT_MS, &message), -ECONNRESET);
        rawclient_free(client);
        floorbus_check_call(0, NULL);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_floor_call_arrives_with_its_sender),
                cmocka_unit_test(test_floor_forged_sender_is_replaced),
                cmocka_unit_test(test_floor_message_byte_by_byte_arrives),
                cmocka_unit_test(test_floor_fds_stay_with_their_message),
                cmocka_unit_test(test_floor_broadcast_reaches_those_with_a_rule),
                cmocka_unit_test(test_floor_names_lead_to_their_owner_until_it_leaves),
                cmocka_unit_test(test_floor_bytes_that_are_no_message_end_the_connection),
        };

        return cmocka_run_group_tests(tests, floorbus_start, floorbus_stop);
}
