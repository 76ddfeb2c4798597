/* SPDX-License-Identifier: Apache-2.0 */

/* org.freedesktop.DBus.Debug.Stats: keys, types and what is counted. What ringbus adds to the
 * reference's keys comes behind them. */

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/wire/expect.h"
#include "tests/wire/pressure.h"
#include "tests/wire/stats.h"

enum { BODY_SIZE = 16384, N_QUEUED = 200, N_FDS = 3 };

/* "key:type " for each entry, up to `n`. */
static void expect_keys(const Stats *stats, size_t n, const char *all)
{
        char keys[1024] = "";
        size_t at = 0;

        assert_true(stats->n >= n);
        for (size_t i = 0; i < n; i++)
                at += (size_t)snprintf(keys + at, sizeof(keys) - at, "%s:%c ",
                                       stats->entries[i].key, stats->entries[i].type);
        assert_string_equal(keys, all);
}

/* Those behind the reference's, which has none. */
static void expect_own_keys(const Scene *scene, const Stats *stats, size_t n)
{
        if (!scene->bus.is_ringbus)
                assert_int_equal(stats->n, n);
        else
                assert_true(stats->n > n);
        for (size_t i = n; i < stats->n; i++)
                assert_int_equal(strncmp(stats->entries[i].key, "Ringbus", 7), 0);
}

static void test_stats_of_the_bus_have_the_reference_keys_in_order(void **state)
{
        Scene *scene = *state;
        RawClient *client = scene_join(scene);
        Stats stats;

        stats_get(client, NULL, &stats);
        expect_keys(&stats, 12,
                    "Serial:u ListMemPoolUsedBytes:u ListMemPoolCachedBytes:u "
                    "ListMemPoolAllocatedBytes:u ActiveConnections:u IncompleteConnections:u "
                    "MatchRules:u PeakMatchRules:u PeakMatchRulesPerConnection:u BusNames:u "
                    "PeakBusNames:u PeakBusNamesPerConnection:u ");
        expect_own_keys(scene, &stats, 12);
        assert_true(stats_value(&stats, "ListMemPoolUsedBytes") > 0);
        assert_true(stats_value(&stats, "ListMemPoolAllocatedBytes") >=
                    stats_value(&stats, "ListMemPoolUsedBytes"));
}

static void test_stats_of_a_connection_have_the_reference_keys_in_order(void **state)
{
        Scene *scene = *state;
        RawClient *client = scene_join(scene);
        Stats stats;

        stats_get(client, client->unique_name, &stats);
        expect_keys(&stats, 16,
                    "Serial:u MatchRules:u PeakMatchRules:u BusNames:u PeakBusNames:u "
                    "UniqueName:s IncomingMessages:u IncomingBytes:u IncomingFDs:u "
                    "PeakIncomingBytes:u PeakIncomingFDs:u OutgoingMessages:u OutgoingBytes:u "
                    "OutgoingFDs:u PeakOutgoingBytes:u PeakOutgoingFDs:u ");
        expect_own_keys(scene, &stats, 16);
        assert_string_equal(stats.entries[5].text, client->unique_name);
}

static void test_stats_serial_counts_the_calls_of_each_method(void **state)
{
        RawClient *client = scene_join(*state);
        uint64_t bus = stats_get_value(client, NULL, "Serial");
        uint64_t connection = stats_get_value(client, client->unique_name, "Serial");

        assert_int_equal(stats_get_value(client, NULL, "Serial"), bus + 1);
        assert_int_equal(stats_get_value(client, NULL, "Serial"), bus + 2);
        assert_int_equal(stats_get_value(client, client->unique_name, "Serial"), connection + 1);
}

static void test_stats_connection_is_found_by_any_name(void **state)
{
        RawClient *client = scene_join(*state);
        Stats stats;

        scene_own(client, "t.Known");
        stats_get(client, "t.Known", &stats);
        assert_string_equal(stats.entries[5].text, client->unique_name);
        expect_error(client, stats_call(client, "GetConnectionStats", "t.Nobody"), "NameHasNoOwner",
                     "Could not get statistics of name 't.Nobody': no such name");
        expect_error(client, stats_call(client, "GetConnectionStats", ""), "NameHasNoOwner",
                     "Could not get statistics of name '': no such name");
        expect_error(client, stats_call(client, "GetConnectionStats", SCENE_DRIVER), "InvalidArgs",
                     "GetConnectionStats is not meaningful for the message bus "
                     "\"org.freedesktop.DBus\" itself");
}

static void test_stats_are_at_the_path_of_the_bus_only(void **state)
{
        RawClient *client = scene_join(*state);
        RawHeader header = {.type = RAWMESSAGE_CALL,
                            .path = "/t",
                            .interface = "org.freedesktop.DBus.Debug.Stats",
                            .member = "GetStats",
                            .destination = SCENE_DRIVER};

        expect_error(client, scene_send(client, &header), "UnknownInterface", NULL);
        expect_error(client, stats_call(client, "GetStats", "x"), "InvalidArgs", NULL);
        expect_error(client, stats_call(client, "GetConnectionStats", NULL), "InvalidArgs", NULL);
        expect_error(client, stats_call(client, "GetNothing", NULL), "UnknownMethod", NULL);
}

static void test_stats_count_connections_and_incomplete_ones(void **state)
{
        Scene *scene = *state;
        RawClient *client = scene_join(scene), *late;

        stats_await_at_most(client, NULL, "IncompleteConnections", 0);
        assert_int_equal(stats_get_value(client, NULL, "ActiveConnections"), 2);
        late = scene_open(scene, 0);
        assert_int_equal(stats_get_value(client, NULL, "ActiveConnections"), 2);
        assert_int_equal(stats_get_value(client, NULL, "IncompleteConnections"), 1);
        assert_int_equal(rawclient_hello(late), 0);
        assert_int_equal(stats_get_value(client, NULL, "ActiveConnections"), 3);
        stats_await_at_most(client, NULL, "IncompleteConnections", 0);
        scene_leave(scene, late);
        stats_await_at_most(client, NULL, "ActiveConnections", 2);
}

/* Unique names and places in queues count. */
static void test_stats_count_names_and_their_peaks(void **state)
{
        Scene *scene = *state;
        RawClient *client = scene_join(scene), *other = scene_join(scene);
        uint64_t before = stats_get_value(client, NULL, "BusNames");
        uint32_t serial;
        Stats stats;

        assert_int_equal(before, 3);
        scene_own(client, "t.A");
        scene_own(client, "t.B");
        expect_u32(other, scene_call(other, "RequestName", "su", "t.A", 0U), 2);
        expect_u32(other, scene_call(other, "RequestName", "su", "t.A", 0U), 2);
        stats_get(client, NULL, &stats);
        assert_int_equal(stats_value(&stats, "BusNames"), before + 3);
        assert_true(stats_value(&stats, "PeakBusNames") >= before + 3);
        assert_true(stats_value(&stats, "PeakBusNamesPerConnection") >= 3);
        serial = scene_call(client, "ReleaseName", "s", "t.B");
        expect_name_signal(client, "NameLost", "t.B");
        expect_u32(client, serial, 1);
        stats_get(client, client->unique_name, &stats);
        assert_int_equal(stats_value(&stats, "BusNames"), 2);
        assert_int_equal(stats_value(&stats, "PeakBusNames"), 3);
        assert_int_equal(stats_get_value(client, other->unique_name, "BusNames"), 2);
        scene_leave(scene, other);
        stats_await_at_most(client, NULL, "BusNames", before); /* one less, t.A more */
        assert_int_equal(stats_get_value(client, NULL, "BusNames"), before);
}

static void test_stats_count_rules_and_their_peaks(void **state)
{
        Scene *scene = *state;
        RawClient *client = scene_join(scene), *other = scene_join(scene);
        uint64_t before = stats_get_value(client, NULL, "MatchRules");
        Stats stats;

        scene_match(client, "type='error'");
        scene_match(client, "type='error'");
        scene_match(other, "sender='t.Anybody'");
        stats_get(client, NULL, &stats);
        assert_int_equal(stats_value(&stats, "MatchRules"), before + 3);
        assert_true(stats_value(&stats, "PeakMatchRules") >= before + 3);
        assert_true(stats_value(&stats, "PeakMatchRulesPerConnection") >= 2);
        expect_empty(client, scene_call(client, "RemoveMatch", "s", "type='error'"));
        stats_get(client, client->unique_name, &stats);
        assert_int_equal(stats_value(&stats, "MatchRules"), 1);
        assert_int_equal(stats_value(&stats, "PeakMatchRules"), 2);
        scene_leave(scene, other);
        stats_await_at_most(client, NULL, "MatchRules", before + 1);
}

static void send_to(RawClient *sender, const RawHeader *header)
{
        Marshal body;

        pressure_body(&body, BODY_SIZE);
        assert_int_equal(rawclient_send_body(sender, header, &body, NULL, 0), 0);
        marshal_deinit(&body);
}

static void test_stats_show_what_waits_for_a_client_that_does_not_read(void **state)
{
        Scene *scene = *state;
        RawClient *sender = scene_join(scene), *slow = scene_join(scene),
                  *asker = scene_join(scene);
        const RawHeader signal = scene_signal(slow->unique_name, "S", "s");
        Stats queued, sending;

        for (unsigned i = 0; i < N_QUEUED; i++)
                send_to(sender, &signal);
        expect_nothing(sender);
        stats_get(asker, slow->unique_name, &queued);
        stats_get(asker, sender->unique_name, &sending);
        assert_true(stats_value(&queued, "OutgoingBytes") > 1000000);
        assert_true(stats_value(&queued, "OutgoingMessages") > 1000000 / BODY_SIZE);
        assert_true(stats_value(&queued, "OutgoingMessages") <= N_QUEUED);
        assert_true(stats_value(&queued, "PeakOutgoingBytes") >=
                    stats_value(&queued, "OutgoingBytes"));
        assert_true(stats_value(&sending, "IncomingBytes") > 1000000);
        assert_true(stats_value(&sending, "PeakIncomingBytes") >=
                    stats_value(&sending, "IncomingBytes"));
        for (unsigned i = 0; i < N_QUEUED; i++)
                (void)expect_signal(slow, sender->unique_name, "S");
        stats_await_at_most(asker, slow->unique_name, "OutgoingBytes", 0);
        stats_await_at_most(asker, slow->unique_name, "OutgoingMessages", 0);
        stats_await_at_most(asker, sender->unique_name, "IncomingBytes", 0);
        assert_true(stats_get_value(asker, slow->unique_name, "PeakOutgoingBytes") > 1000000);
        assert_true(stats_get_value(asker, sender->unique_name, "PeakIncomingBytes") > 1000000);
}

/* The counts of an open a{st}: the sum of those called `key`. */
static uint64_t read_count(MarshalReader *reader, const char *key)
{
        size_t end = marshal_reader_u32(reader);
        uint64_t sum = 0;

        marshal_reader_align(reader, 8);
        end += reader->at;
        while (reader->at < end && !reader->bad) {
                bool wanted;
                uint64_t value;

                marshal_reader_align(reader, 8);
                wanted = !strcmp(marshal_reader_string(reader), key);
                value = marshal_reader_u64(reader);
                sum += wanted ? value : 0;
        }
        assert_false(reader->bad);
        return sum;
}

static StatsEntry find_entry(const Stats *stats, const char *key)
{
        for (size_t i = 0; i < stats->n; i++)
                if (!strcmp(stats->entries[i].key, key))
                        return stats->entries[i];
        fail_msg("no key %s", key);
        return (StatsEntry){0};
}

/* What ringbus has for each worker, summed up. */
static uint64_t sum_of_workers(RawClient *client, const char *key)
{
        StatsEntry entry;
        MarshalReader reader;
        uint64_t sum = 0;
        Stats stats;

        stats_get(client, NULL, &stats);
        entry = find_entry(&stats, "RingbusWorkers");
        marshal_reader_init(&reader, client->message->body, client->message->body_size, false);
        reader.at = entry.at;
        while (reader.at < entry.end)
                sum += read_count(&reader, key);
        return sum;
}

/* And for the user who runs this test, who is the only one. */
static uint64_t count_of_user(RawClient *client, const char *key)
{
        StatsEntry entry;
        MarshalReader reader;
        uint64_t value;
        Stats stats;

        stats_get(client, NULL, &stats);
        entry = find_entry(&stats, "RingbusUsers");
        marshal_reader_init(&reader, client->message->body, client->message->body_size, false);
        reader.at = entry.at;
        assert_int_equal(marshal_reader_u32(&reader), geteuid());
        value = read_count(&reader, key);
        assert_int_equal(reader.at, entry.end);
        return value;
}

/* What other threads have not counted yet they will soon. */
static void await_count(RawClient *client, uint64_t (*count)(RawClient *client, const char *key),
                        const char *key, uint64_t least, uint64_t most)
{
        const int64_t until = pressure_now_ms() + RAWCLIENT_TIMEOUT_MS;
        uint64_t found;

        while (found = count(client, key), found < least || found > most)
                if (pressure_now_ms() > until)
                        fail_msg("%s is %llu", key, (unsigned long long)found);
}

static void test_stats_of_workers_and_users_add_up(void **state)
{
        Scene *scene = *state;
        RawClient *sender = scene_join(scene), *slow = scene_join(scene),
                  *asker = scene_join(scene);
        const RawHeader signal = scene_signal(slow->unique_name, "S", "s");
        uint64_t routed, bytes;

        if (!scene->bus.is_ringbus) { /* has neither */
                Stats stats;

                stats_get(asker, NULL, &stats);
                assert_int_equal(stats.n, 12);
                return;
        }
        await_count(asker, sum_of_workers, "Connections", 4, 4);
        await_count(asker, count_of_user, "Connections", 4, 4);
        await_count(asker, count_of_user, "OutgoingBytes", 0, 0);
        routed = sum_of_workers(asker, "Routed");
        for (unsigned i = 0; i < N_QUEUED; i++)
                send_to(sender, &signal);
        expect_nothing(sender);
        await_count(asker, sum_of_workers, "Routed", routed + N_QUEUED, UINT64_MAX);
        bytes = stats_get_value(asker, slow->unique_name, "OutgoingBytes");
        assert_true(bytes > 1000000);
        await_count(asker, count_of_user, "OutgoingBytes", bytes, UINT64_MAX);
        await_count(asker, count_of_user, "IncomingMessages", 1000000 / BODY_SIZE + 1, UINT64_MAX);
        for (unsigned i = 0; i < N_QUEUED; i++)
                (void)expect_signal(slow, sender->unique_name, "S");
        await_count(asker, count_of_user, "OutgoingMessages", 0, 0);
}

static void test_stats_show_fds(void **state)
{
        Scene *scene = *state;
        RawClient *sender = scene_join(scene), *receiver = scene_join(scene);
        RawHeader signal = scene_signal(receiver->unique_name, "S", NULL);
        int fds[N_FDS];

        for (int i = 0; i < N_FDS; i++)
                fds[i] = STDERR_FILENO;
        signal.unix_fds = N_FDS;
        assert_int_equal(rawclient_send_body(sender, &signal, NULL, fds, N_FDS), 0);
        assert_int_equal(expect_signal(receiver, sender->unique_name, "S")->n_fds, N_FDS);
        stats_await_at_least(sender, receiver->unique_name, "PeakOutgoingFDs", N_FDS);
        stats_await_at_most(sender, receiver->unique_name, "OutgoingFDs", 0);
        stats_await_at_most(sender, sender->unique_name, "IncomingFDs", 0);
        assert_int_equal(stats_get_value(sender, sender->unique_name, "PeakIncomingFDs"), N_FDS);
        assert_int_equal(stats_get_value(sender, receiver->unique_name, "PeakOutgoingFDs"), N_FDS);
}

static void test_stats_are_announced(void **state)
{
        RawClient *client = scene_join(*state);
        const RawHeader introspect = {.type = RAWMESSAGE_CALL,
                                      .path = SCENE_DRIVER_PATH,
                                      .interface = "org.freedesktop.DBus.Introspectable",
                                      .member = "Introspect",
                                      .destination = SCENE_DRIVER};
        RawMessage *message = expect_return(client, scene_send(client, &introspect));
        const char *text;

        assert_true(rawmessage_read(message, "s", &text));
        assert_non_null(strstr(text, "  <interface name=\"org.freedesktop.DBus.Debug.Stats\">\n"
                                     "    <method name=\"GetStats\">\n"
                                     "      <arg direction=\"out\" type=\"a{sv}\"/>\n"
                                     "    </method>\n"
                                     "    <method name=\"GetConnectionStats\">\n"
                                     "      <arg direction=\"in\" type=\"s\"/>\n"
                                     "      <arg direction=\"out\" type=\"a{sv}\"/>\n"
                                     "    </method>\n"
                                     "    <method name=\"GetAllMatchRules\">\n"
                                     "      <arg direction=\"out\" type=\"a{sas}\"/>\n"
                                     "    </method>\n"
                                     "  </interface>\n"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_teardown(name, scene_clear)
        const struct CMUnitTest tests[] = {
                TEST(test_stats_of_the_bus_have_the_reference_keys_in_order),
                TEST(test_stats_of_a_connection_have_the_reference_keys_in_order),
                TEST(test_stats_serial_counts_the_calls_of_each_method),
                TEST(test_stats_connection_is_found_by_any_name),
                TEST(test_stats_are_at_the_path_of_the_bus_only),
                TEST(test_stats_count_connections_and_incomplete_ones),
                TEST(test_stats_count_names_and_their_peaks),
                TEST(test_stats_count_rules_and_their_peaks),
                TEST(test_stats_show_what_waits_for_a_client_that_does_not_read),
                TEST(test_stats_of_workers_and_users_add_up),
                TEST(test_stats_show_fds),
                TEST(test_stats_are_announced),
        };

        return scene_run("wire/stats", tests, scene_start);
}
