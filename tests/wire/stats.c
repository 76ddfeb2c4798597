/* SPDX-License-Identifier: Apache-2.0 */

/* See stats.h. */

#include "tests/wire/stats.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "tests/wire/expect.h"
#include "tests/wire/pressure.h"

uint32_t stats_call(RawClient *client, const char *member, const char *argument)
{
        const RawHeader header = {.type = RAWMESSAGE_CALL,
                                  .path = SCENE_DRIVER_PATH,
                                  .interface = "org.freedesktop.DBus.Debug.Stats",
                                  .member = member,
                                  .destination = SCENE_DRIVER,
                                  .signature = argument ? "s" : NULL};

        return argument ? scene_send(client, &header, argument) : scene_send(client, &header);
}

static void read_value(MarshalReader *reader, const char *signature, StatsEntry *entry)
{
        entry->type = signature[0];
        switch (signature[0]) {
        case 'u':
        case 'b':
                entry->value = marshal_reader_u32(reader);
                break;
        case 't':
                entry->value = marshal_reader_u64(reader);
                break;
        case 's':
                snprintf(entry->text, sizeof(entry->text), "%s", marshal_reader_string(reader));
                break;
        case 'a': {
                uint32_t size = marshal_reader_u32(reader);

                marshal_reader_align(reader, signature[1] == '{' ? 8 : 4);
                entry->at = reader->at;
                reader->at += size;
                entry->end = reader->at;
                break;
        }
        default:
                fail_msg("a value of type %s", signature);
        }
}

void stats_get(RawClient *client, const char *name, Stats *ret_stats)
{
        uint32_t serial = stats_call(client, name ? "GetConnectionStats" : "GetStats", name);
        RawMessage *message = expect_return(client, serial);
        MarshalReader reader;
        size_t end;

        assert_string_equal(message->signature, "a{sv}");
        marshal_reader_init(&reader, message->body, message->body_size, message->big_endian);
        end = marshal_reader_u32(&reader);
        marshal_reader_align(&reader, 8);
        end += reader.at;
        *ret_stats = (Stats){0};
        while (reader.at < end && !reader.bad) {
                StatsEntry *entry = &ret_stats->entries[ret_stats->n++];

                assert_true(ret_stats->n <= STATS_ENTRIES_MAX);
                marshal_reader_align(&reader, 8);
                snprintf(entry->key, sizeof(entry->key), "%s", marshal_reader_string(&reader));
                read_value(&reader, marshal_reader_signature(&reader), entry);
        }
        assert_false(reader.bad);
        assert_int_equal(reader.at, message->body_size);
}

uint64_t stats_value(const Stats *stats, const char *key)
{
        for (size_t i = 0; i < stats->n; i++)
                if (!strcmp(stats->entries[i].key, key))
                        return stats->entries[i].value;
        fail_msg("no key %s", key);
        return 0;
}

uint64_t stats_get_value(RawClient *client, const char *name, const char *key)
{
        Stats stats;

        stats_get(client, name, &stats);
        return stats_value(&stats, key);
}

static void await(RawClient *client, const char *name, const char *key, uint64_t least,
                  uint64_t most)
{
        const struct timespec pause = {.tv_nsec = 2000000};
        const int64_t until = pressure_now_ms() + RAWCLIENT_TIMEOUT_MS;
        uint64_t value;

        while (value = stats_get_value(client, name, key), value < least || value > most) {
                if (pressure_now_ms() > until)
                        fail_msg("%s is %llu", key, (unsigned long long)value);
                nanosleep(&pause, NULL);
        }
}

void stats_await_at_least(RawClient *client, const char *name, const char *key, uint64_t value)
{
        await(client, name, key, value, UINT64_MAX);
}

void stats_await_at_most(RawClient *client, const char *name, const char *key, uint64_t value)
{
        await(client, name, key, 0, value);
}
