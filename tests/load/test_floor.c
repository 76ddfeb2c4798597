/* SPDX-License-Identifier: Apache-2.0 */
/* The floor forwards whatever comes, whole and in order: or its figures would mean nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "bench/load/broker/broker.h"
#include "tests/support/rawclient.h"

enum {
        MIB = 1024 * 1024,
        FLOOD_BODY = 64 * 1024,
        FLOOD_QUIET_MS = 500,  /* not writable for so long: it is held back */
        FLOOD_MAX = 128 * MIB, /* many times what may wait */
};

static Broker broker;

static int start(void **state)
{
        const BrokerOptions options = {.daemon = "floor"};

        (void)state;
        return broker_start(&broker, &options);
}

static int stop(void **state)
{
        (void)state;
        return broker_stop(&broker);
}

static RawClient *open_client(unsigned flags)
{
        int error = 0;
        RawClient *client = rawclient_open(broker.address, flags, &error);

        assert_non_null(client);
        assert_int_equal(rawclient_hello(client), 0);
        return client;
}

static RawMessage *receive(RawClient *client)
{
        RawMessage *message = NULL;

        assert_int_equal(rawclient_receive(client, RAWCLIENT_TIMEOUT_MS, &message), 0);
        return message;
}

static RawHeader call_to(const char *destination)
{
        return (RawHeader){.type = RAWMESSAGE_CALL,
                           .path = "/t",
                           .interface = "t.T",
                           .member = "M",
                           .destination = destination};
}

/* A call of the driver with one string; returns the reply, whose type is checked. */
static RawMessage *call_driver(RawClient *client, const char *member, const char *argument,
                               uint8_t type)
{
        RawHeader header = call_to("org.freedesktop.DBus");
        uint32_t serial;
        RawMessage *reply;

        header.interface = "org.freedesktop.DBus";
        header.member = member;
        header.signature = "s";
        assert_int_equal(rawclient_send_header(client, &header, &serial, argument), 0);
        reply = receive(client);
        assert_int_equal(reply->type, type);
        assert_int_equal(reply->reply_serial, serial);
        return reply;
}

static unsigned count_field(const RawMessage *message, uint8_t code)
{
        unsigned n = 0;

        for (size_t i = 0; i < message->n_fields; i++)
                n += message->field_codes[i] == code;
        return n;
}

static void check_call(unsigned flags, const char *forged)
{
        RawClient *caller = open_client(flags), *callee = open_client(0);
        RawHeader header = call_to(callee->unique_name);
        const RawMessage *message;
        const char *text;
        uint32_t serial;

        header.signature = "s";
        header.sender = forged;
        assert_int_equal(rawclient_send_header(caller, &header, &serial, "hello"), 0);
        message = receive(callee);
        assert_string_equal(message->sender, caller->unique_name);
        assert_int_equal(count_field(message, RAWMESSAGE_FIELD_SENDER), 1);
        assert_int_equal(message->serial, serial);
        assert_string_equal(message->member, "M");
        assert_true(rawmessage_read(message, "s", &text));
        assert_string_equal(text, "hello");
        rawclient_free(caller);
        rawclient_free(callee);
}

static void test_floor_call_arrives_with_its_sender(void **state)
{
        (void)state;
        check_call(0, NULL);
        check_call(RAWCLIENT_PIPELINE, NULL);
        check_call(RAWCLIENT_NO_FDS, NULL);
        check_call(RAWCLIENT_BIG_ENDIAN, NULL);
}

static void test_floor_forged_sender_is_replaced(void **state)
{
        (void)state;
        check_call(0, ":1.4711");
        check_call(RAWCLIENT_BIG_ENDIAN, ":1.4711");
}

/* A body of `size` bytes that only `seed` can have written. */
static void fill_body(Marshal *body, size_t size, uint32_t seed)
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

static void send_body(RawClient *sender, const char *destination, size_t size, uint32_t seed)
{
        RawHeader header = call_to(destination);
        Marshal body;

        header.flags = RAWMESSAGE_NO_REPLY_EXPECTED;
        header.signature = "ay";
        header.serial = rawclient_serial(sender);
        fill_body(&body, size, seed);
        assert_int_equal(rawclient_send_body(sender, &header, &body, NULL, 0), 0);
        marshal_deinit(&body);
}

static void check_body(RawClient *receiver, size_t size, uint32_t seed)
{
        const RawMessage *message = receive(receiver);
        Marshal body;

        fill_body(&body, size, seed);
        assert_int_equal(message->body_size, body.size);
        assert_memory_equal(message->body, body.data, body.size);
        marshal_deinit(&body);
}

/* Around every limit of the floor: what it copies, what it reads at once, what it gathers. */
static void test_floor_bodies_of_all_sizes_arrive_whole_and_in_order(void **state)
{
        static const size_t sizes[] = {0,       1,       7,          8191,    8192,
                                       8193,    65536,   256 * 1024, 262200,  100,
                                       MIB - 1, MIB + 1, 16,         3 * MIB, 4096};
        RawClient *sender = open_client(0), *receiver = open_client(0);

        (void)state;
        for (uint32_t round = 0; round < 3; round++)
                for (uint32_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
                        send_body(sender, receiver->unique_name, sizes[i], round + i);
                        check_body(receiver, sizes[i], round + i);
                }
        /* The small ones together, so that many are cut from one read. */
        for (uint32_t i = 0; i < 500; i++)
                send_body(sender, receiver->unique_name, i % 200, i);
        for (uint32_t i = 0; i < 500; i++)
                check_body(receiver, i % 200, i);
        rawclient_free(sender);
        rawclient_free(receiver);
}

static void test_floor_message_byte_by_byte_arrives(void **state)
{
        RawClient *sender = open_client(0), *receiver = open_client(0);
        RawHeader header = call_to(receiver->unique_name);
        Marshal bytes;
        const char *text;

        (void)state;
        header.serial = 77;
        header.signature = "s";
        marshal_init(&bytes, false);
        rawmessage_build_values(&header, &bytes, "pieces");
        for (size_t i = 0; i < bytes.size; i++)
                assert_int_equal(rawclient_send(sender, bytes.data + i, 1), 0);
        assert_true(rawmessage_read(receive(receiver), "s", &text));
        assert_string_equal(text, "pieces");
        marshal_deinit(&bytes);
        rawclient_free(sender);
        rawclient_free(receiver);
}

static void test_floor_fds_stay_with_their_message(void **state)
{
        RawClient *sender = open_client(0), *receiver = open_client(0);
        RawHeader header = call_to(receiver->unique_name);
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
                send_body(sender, receiver->unique_name, 100, 1);
        }
        for (size_t i = 0; i < 2; i++) {
                const RawMessage *message = receive(receiver);

                assert_int_equal(message->unix_fds, 1);
                assert_int_equal(message->n_fds, 1);
                assert_int_equal(write(pipes[i][1], &"ab"[i], 1), 1);
                assert_int_equal(read(message->fds[0], &byte, 1), 1);
                assert_int_equal(byte, "ab"[i]);
                check_body(receiver, 100, 1);
                close(pipes[i][0]);
                close(pipes[i][1]);
        }
        marshal_deinit(&body);
        rawclient_free(sender);
        rawclient_free(receiver);
}

static void emit(RawClient *emitter, unsigned number)
{
        const RawHeader header = {.type = RAWMESSAGE_SIGNAL,
                                  .path = "/t",
                                  .interface = "t.T",
                                  .member = "S",
                                  .signature = "u"};

        assert_int_equal(rawclient_send_header(emitter, &header, NULL, number), 0);
}

static void test_floor_broadcast_reaches_those_with_a_rule(void **state)
{
        RawClient *emitter = open_client(0), *other = open_client(0), *listeners[3];
        unsigned number;

        (void)state;
        for (size_t i = 0; i < 3; i++) {
                listeners[i] = open_client(0);
                call_driver(listeners[i], "AddMatch", "type='signal'", RAWMESSAGE_RETURN);
        }
        emit(emitter, 1);
        emit(emitter, 2);
        for (size_t i = 0; i < 6; i++) {
                const RawMessage *message = receive(listeners[i / 2]);

                assert_int_equal(message->type, RAWMESSAGE_SIGNAL);
                assert_string_equal(message->sender, emitter->unique_name);
                assert_true(rawmessage_read(message, "u", &number));
                assert_int_equal(number, i % 2 + 1);
        }
        call_driver(listeners[1], "RemoveMatch", "type='signal'", RAWMESSAGE_RETURN);
        emit(emitter, 3);
        assert_true(rawmessage_read(receive(listeners[2]), "u", &number));
        assert_int_equal(number, 3);
        /* Nothing came to the others before the answer to this. */
        call_driver(listeners[1], "NameHasOwner", "t.Nobody", RAWMESSAGE_RETURN);
        call_driver(other, "NameHasOwner", "t.Nobody", RAWMESSAGE_RETURN);
        for (size_t i = 0; i < 3; i++)
                rawclient_free(listeners[i]);
        rawclient_free(emitter);
        rawclient_free(other);
}

static void test_floor_names_lead_to_their_owner_until_it_leaves(void **state)
{
        RawClient *caller = open_client(0), *owner = open_client(0);
        RawHeader header = call_to("t.Name"), request = call_to("org.freedesktop.DBus");
        const RawMessage *message;
        const char *text;
        unsigned result;

        (void)state;
        request.member = "RequestName";
        request.signature = "su";
        assert_int_equal(rawclient_send_header(owner, &request, NULL, "t.Name", 0), 0);
        assert_true(rawmessage_read(receive(owner), "u", &result));
        assert_int_equal(result, 1);
        message = call_driver(caller, "GetNameOwner", "t.Name", RAWMESSAGE_RETURN);
        assert_true(rawmessage_read(message, "s", &text));
        assert_string_equal(text, owner->unique_name);
        assert_int_equal(rawclient_send_header(caller, &header, NULL), 0);
        assert_string_equal(receive(owner)->destination, "t.Name");
        message = call_driver(owner, "ReleaseName", "t.Name", RAWMESSAGE_RETURN);
        assert_true(rawmessage_read(message, "u", &result));
        assert_int_equal(result, 1);
        assert_int_equal(rawclient_send_header(caller, &header, NULL), 0);
        assert_string_equal(receive(caller)->error_name,
                            "org.freedesktop.DBus.Error.ServiceUnknown");
        call_driver(caller, "ListActivatableNames", "", RAWMESSAGE_ERROR);
        rawclient_free(owner);
        header.destination = ":1.999999";
        assert_int_equal(rawclient_send_header(caller, &header, NULL), 0);
        assert_int_equal(receive(caller)->type, RAWMESSAGE_ERROR);
        rawclient_free(caller);
}

/* Writes until the floor has stopped reading. Returns how many whole messages were written. */
static size_t flood(RawClient *sender, const Marshal *message)
{
        size_t written = 0;

        assert_int_equal(fcntl(sender->fd, F_SETFL, O_NONBLOCK), 0);
        while (written < FLOOD_MAX) {
                struct pollfd writable = {.fd = sender->fd, .events = POLLOUT};
                size_t at = written % message->size;
                ssize_t n;

                if (poll(&writable, 1, FLOOD_QUIET_MS) == 0)
                        break;
                n = send(sender->fd, message->data + at, message->size - at, MSG_NOSIGNAL);
                if (n > 0)
                        written += (size_t)n;
                else
                        assert_int_equal(errno, EAGAIN);
        }
        assert_true(written < FLOOD_MAX);
        return written / message->size;
}

static void test_floor_receiver_that_does_not_read_stops_its_sender_only(void **state)
{
        RawClient *sender = open_client(0), *receiver = open_client(0);
        RawHeader header = call_to(receiver->unique_name);
        Marshal body, message;
        size_t n;

        (void)state;
        header.serial = 99;
        header.signature = "ay";
        header.flags = RAWMESSAGE_NO_REPLY_EXPECTED;
        fill_body(&body, FLOOD_BODY, 5);
        marshal_init(&message, false);
        rawmessage_build(&header, &body, &message);
        n = flood(sender, &message);
        assert_true(n * message.size > MIB);
        check_call(0, NULL); /* others go on */
        for (size_t i = 0; i < n; i++)
                check_body(receiver, FLOOD_BODY, 5);
        /* And it is read from again. */
        assert_true(flood(sender, &message) > 0);
        marshal_deinit(&message);
        marshal_deinit(&body);
        rawclient_free(sender);
        rawclient_free(receiver);
}

static void test_floor_bytes_that_are_no_message_end_the_connection(void **state)
{
        static const uint8_t garbage[32] = {'x', 1, 0, 1};
        RawClient *client = open_client(0);
        RawMessage *message;

        (void)state;
        assert_int_equal(rawclient_send(client, garbage, sizeof(garbage)), 0);
        assert_int_equal(rawclient_receive(client, RAWCLIENT_TIMEOUT_MS, &message), -ECONNRESET);
        rawclient_free(client);
        check_call(0, NULL);
}

static long count_fds(void)
{
        char path[64];
        struct dirent *entry;
        long n = 0;
        DIR *fds;

        snprintf(path, sizeof(path), "/proc/%d/fd", (int)broker.pid);
        fds = opendir(path);
        assert_non_null(fds);
        while ((entry = readdir(fds)))
                n += entry->d_name[0] != '.';
        closedir(fds);
        return n;
}

/* They come and go while others have messages for them. */
static void test_floor_connections_that_close_leave_nothing_behind(void **state)
{
        const struct timespec pause = {.tv_nsec = 10000000};
        RawClient *sender = open_client(0);
        long n_fds = count_fds();

        (void)state;
        for (unsigned i = 0; i < 300; i++) {
                RawClient *brief = open_client(RAWCLIENT_PIPELINE);

                call_driver(brief, "AddMatch", "type='signal'", RAWMESSAGE_RETURN);
                emit(sender, i);
                send_body(sender, brief->unique_name, 20000, i);
                rawclient_free(brief);
        }
        for (unsigned i = 0; i < RAWCLIENT_TIMEOUT_MS / 10 && count_fds() > n_fds; i++)
                nanosleep(&pause, NULL);
        assert_true(count_fds() <= n_fds);
        rawclient_free(sender);
        check_call(0, NULL);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_floor_call_arrives_with_its_sender),
                cmocka_unit_test(test_floor_forged_sender_is_replaced),
                cmocka_unit_test(test_floor_bodies_of_all_sizes_arrive_whole_and_in_order),
                cmocka_unit_test(test_floor_message_byte_by_byte_arrives),
                cmocka_unit_test(test_floor_fds_stay_with_their_message),
                cmocka_unit_test(test_floor_broadcast_reaches_those_with_a_rule),
                cmocka_unit_test(test_floor_names_lead_to_their_owner_until_it_leaves),
                cmocka_unit_test(test_floor_receiver_that_does_not_read_stops_its_sender_only),
                cmocka_unit_test(test_floor_bytes_that_are_no_message_end_the_connection),
                cmocka_unit_test(test_floor_connections_that_close_leave_nothing_behind),
        };

        return cmocka_run_group_tests(tests, start, stop);
}
