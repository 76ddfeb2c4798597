/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Real client libraries open a connection through the gate and accept its side of the handshake.
 * The test then plays a bus that can answer Hello, with messages that libdbus writes.
 */

#include <stdlib.h>
#include <unistd.h>

#include <dbus/dbus.h>
#include <systemd/sd-bus.h>

#include "broker/base/clock.h"
#include "tests/unit/gate_fixture.h"

static void format_address(const Fixture *fixture, char *buffer, size_t size)
{
        const FixtureListener *listener = &fixture->listeners[0];
        size_t n = listener->address_size - offsetof(struct sockaddr_un, sun_path) - 1;

        snprintf(buffer, size, "unix:abstract=%.*s", (int)n, listener->address.sun_path + 1);
}

static bool is_delivered(Fixture *fixture)
{
        bool delivered;

        pthread_mutex_lock(&fixture->mutex);
        delivered = fixture->n_delivered > fixture->n_taken;
        pthread_mutex_unlock(&fixture->mutex);
        return delivered;
}

/* The first message: what the gate kept of it, and what is still in the socket. */
static DBusMessage *read_message(const GateConnection *connection)
{
        uint64_t end_ns = clock_now_ns() + FIXTURE_WAIT_MS * CLOCK_NS_PER_MS;
        char buffer[1024];
        size_t n = connection->n_bytes;
        DBusMessage *message;

        assert_true(n <= sizeof(buffer));
        if (n)
                memcpy(buffer, connection->bytes, n);
        for (;;) {
                int needed = dbus_message_demarshal_bytes_needed(buffer, (int)n);
                ssize_t r;

                assert_true(needed >= 0 && (size_t)needed <= sizeof(buffer));
                if (needed > 0 && n >= (size_t)needed)
                        break;
                assert_true(clock_now_ns() < end_ns);
                r = recv(connection->fd, buffer + n, sizeof(buffer) - n, MSG_DONTWAIT);
                if (r > 0)
                        n += (size_t)r;
                else
                        usleep(1000);
        }
        message = dbus_message_demarshal(buffer, (int)n, NULL);
        assert_non_null(message);
        return message;
}

static void answer_hello(Fixture *fixture, GateConnection *connection)
{
        DBusMessage *hello = read_message(connection);
        const char *name = ":1.0";
        DBusMessage *reply;
        char *bytes;
        int size;

        assert_true(dbus_message_is_method_call(hello, DBUS_INTERFACE_DBUS, "Hello"));
        reply = dbus_message_new_method_return(hello);
        assert_true(dbus_message_append_args(reply, DBUS_TYPE_STRING, &name, DBUS_TYPE_INVALID));
        dbus_message_set_sender(reply, DBUS_SERVICE_DBUS);
        dbus_message_set_destination(reply, name);
        dbus_message_set_serial(reply, 1);
        assert_true(dbus_message_marshal(reply, &bytes, &size));
        fixture_send(connection->fd, bytes, (size_t)size);
        dbus_free(bytes);
        dbus_message_unref(reply);
        dbus_message_unref(hello);
        assert_true(connection->passes_fds);
        assert_int_equal(connection->credentials.pid, getpid());
        gate_complete(fixture->gate, connection->ticket);
}

static bool has_bytes(const GateConnection *connection)
{
        char byte;

        return connection->n_bytes || recv(connection->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 1;
}

/* It fails when sd-bus does not like what the gate says. */
static void turn_sd_bus(sd_bus *bus)
{
        assert_true(sd_bus_process(bus, NULL) >= 0);
        assert_true(sd_bus_wait(bus, 10000) >= 0);
}

static void test_gate_clients_sd_bus_gets_ready(void **state)
{
        Fixture *fixture = *state;
        GateConnection *connection;
        sd_bus *bus = NULL;
        char address[128];
        const char *name;
        sd_id128_t id;

        fixture_start(fixture);
        format_address(fixture, address, sizeof(address));
        assert_int_equal(sd_bus_new(&bus), 0);
        assert_true(sd_bus_set_address(bus, address) >= 0);
        assert_true(sd_bus_set_bus_client(bus, 1) >= 0);
        assert_true(sd_bus_negotiate_fds(bus, 1) >= 0);
        assert_true(sd_bus_start(bus) >= 0);
        while (!is_delivered(fixture))
                turn_sd_bus(bus);
        connection = fixture_take(fixture);
        while (!has_bytes(connection))
                turn_sd_bus(bus);
        answer_hello(fixture, connection);
        while (sd_bus_is_ready(bus) == 0)
                turn_sd_bus(bus);
        assert_true(sd_bus_get_unique_name(bus, &name) >= 0);
        assert_string_equal(name, ":1.0");
        assert_int_equal(sd_bus_can_send(bus, 'h'), 1);
        assert_true(sd_bus_get_bus_id(bus, &id) >= 0);
        assert_string_equal(SD_ID128_TO_STRING(id), FIXTURE_GUID);
        sd_bus_close_unref(bus);
        gate_connection_free(connection);
}

static void test_gate_clients_libdbus_gets_its_name(void **state)
{
        Fixture *fixture = *state;
        DBusPendingCall *pending = NULL;
        GateConnection *connection;
        DBusConnection *client;
        DBusMessage *message;
        char address[128];
        const char *name;
        char *id;

        fixture_start(fixture);
        format_address(fixture, address, sizeof(address));
        client = dbus_connection_open_private(address, NULL);
        assert_non_null(client);
        message = dbus_message_new_method_call(DBUS_SERVICE_DBUS, DBUS_PATH_DBUS,
                                               DBUS_INTERFACE_DBUS, "Hello");
        assert_true(dbus_connection_send_with_reply(client, message, &pending, FIXTURE_WAIT_MS));
        dbus_message_unref(message);
        while (!is_delivered(fixture))
                assert_true(dbus_connection_read_write(client, 10));
        connection = fixture_take(fixture);
        assert_true(dbus_connection_read_write(client, 0));
        answer_hello(fixture, connection);
        dbus_pending_call_block(pending);
        message = dbus_pending_call_steal_reply(pending);
        assert_true(
                dbus_message_get_args(message, NULL, DBUS_TYPE_STRING, &name, DBUS_TYPE_INVALID));
        assert_string_equal(name, ":1.0");
        assert_true(dbus_connection_get_is_authenticated(client));
        assert_true(dbus_connection_can_send_type(client, DBUS_TYPE_UNIX_FD));
        id = dbus_connection_get_server_id(client);
        assert_string_equal(id, FIXTURE_GUID);
        dbus_free(id);
        dbus_message_unref(message);
        dbus_pending_call_unref(pending);
        dbus_connection_close(client);
        dbus_connection_unref(client);
        gate_connection_free(connection);
}

/* libdbus compares the guid of OK with the one that the address promised. */
static void test_gate_clients_libdbus_wrong_guid_disconnects(void **state)
{
        Fixture *fixture = *state;
        DBusConnection *client;
        char address[128];

        fixture_start(fixture);
        format_address(fixture, address, sizeof(address));
        strcat(address, ",guid=" FIXTURE_OTHER_GUID);
        client = dbus_connection_open_private(address, NULL);
        assert_non_null(client);
        while (dbus_connection_read_write(client, 10))
                continue;
        assert_false(dbus_connection_get_is_authenticated(client));
        dbus_connection_close(client);
        dbus_connection_unref(client);
        fixture_wait_accepted(fixture, 1);
}

static int shut_libdbus_down(void **state)
{
        (void)state;
        dbus_shutdown();
        return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(test_gate_clients_sd_bus_gets_ready),
                TEST(test_gate_clients_libdbus_gets_its_name),
                TEST(test_gate_clients_libdbus_wrong_guid_disconnects),
        };

        return cmocka_run_group_tests(tests, NULL, shut_libdbus_down);
}
