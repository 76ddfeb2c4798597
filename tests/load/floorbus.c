/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/load/floorbus.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

Broker floorbus_broker;

int floorbus_start(void **state)
{
        const BrokerOptions options = {.daemon = "floor"};

        (void)state;
        return broker_start(&floorbus_broker, &options);
}

int floorbus_stop(void **state)
{
        (void)state;
        return broker_stop(&floorbus_broker);
}

RawClient *floorbus_open_client(unsigned flags)
{
        int error = 0;
        RawClient *client = rawclient_open(floorbus_broker.address, flags, &error);

        assert_non_null(client);
        assert_int_equal(rawclient_hello(client), 0);
        return client;
}

RawMessage *floorbus_receive(RawClient *client)
{
        RawMessage *message = NULL;

        assert_int_equal(rawclient_receive(client, RAWCLIENT_TIMEOUT_MS, &message), 0);
        return message;
}

RawHeader floorbus_call_to(const char *destination)
{
        return (RawHeader){.type = RAWMESSAGE_CALL,
                           .path = "/t",
                           .interface = "t.T",
                           .member = "M",
                           .destination = destination};
}

/* A call of the driver with one string; returns the reply, whose type is checked. */
RawMessage *floorbus_call_driver(RawClient *client, const char *member, const char *argument,
                                 uint8_t type)
{
        RawHeader header = floorbus_call_to("org.freedesktop.DBus");
        uint32_t serial;
        RawMessage *reply;

        header.interface = "org.freedesktop.DBus";
        header.member = member;
        header.signature = "s";
        assert_int_equal(rawclient_send_header(client, &header, &serial, argument), 0);
        reply = floorbus_receive(client);
        assert_int_equal(reply->type, type);
        assert_int_equal(reply->reply_serial, serial);
        return reply;
}

void floorbus_fill_body(Marshal *body, size_t size, uint32_t seed)
{
        MarshalArray array;

        marshal_init(body, false);
        array = marshal_open_array(body, 1);
        for (size_t i = 0; i < size; i++) {
                seed = seed * 1664525 + 1013904223;
                marshal_u8(body, (uint8_t)(seed >> 24));
        }
        marshal_close_array(body, array);
}

void floorbus_send_body(RawClient *sender, const char *destination, size_t size, uint32_t seed)
{
        RawHeader header = floorbus_call_to(destination);
        Marshal body;

        header.flags = RAWMESSAGE_NO_REPLY_EXPECTED;
        header.signature = "ay";
        header.serial = rawclient_serial(sender);
        floorbus_fill_body(&body, size, seed);
        assert_int_equal(rawclient_send_body(sender, &header, &body, NULL, 0), 0);
        marshal_deinit(&body);
}

void floorbus_check_body(RawClient *receiver, size_t size, uint32_t seed)
{
        const RawMessage *message = floorbus_receive(receiver);
        Marshal body;

        floorbus_fill_body(&body, size, seed);
        assert_int_equal(message->body_size, body.size);
        assert_memory_equal(message->body, body.data, body.size);
        marshal_deinit(&body);
}

void floorbus_emit(RawClient *emitter, unsigned number)
{
        const RawHeader header = {.type = RAWMESSAGE_SIGNAL,
                                  .path = "/t",
                                  .interface = "t.T",
                                  .member = "S",
                                  .signature = "u"};

        assert_int_equal(rawclient_send_header(emitter, &header, NULL, number), 0);
}

static unsigned count_field(const RawMessage *message, uint8_t code)
{
        unsigned n = 0;

        for (size_t i = 0; i < message->n_fields; i++)
                n += message->field_codes[i] == code;
        return n;
}

void floorbus_check_call(unsigned flags, const char *forged)
{
        RawClient *caller = floorbus_open_client(flags), *callee = floorbus_open_client(0);
        RawHeader header = floorbus_call_to(callee->unique_name);
        const RawMessage *message;
        const char *text;
        uint32_t serial;

        header.signature = "s";
        header.sender = forged;
        assert_int_equal(rawclient_send_header(caller, &header, &serial, "hello"), 0);
        message = floorbus_receive(callee);
        assert_string_equal(message->sender, caller->unique_name);
        assert_int_equal(count_field(message, RAWMESSAGE_FIELD_SENDER), 1);
        assert_int_equal(message->serial, serial);
        assert_string_equal(message->member, "M");
        assert_true(rawmessage_read(message, "s", &text));
        assert_string_equal(text, "hello");
        rawclient_free(caller);
        rawclient_free(callee);
}
