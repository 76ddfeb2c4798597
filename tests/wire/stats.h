/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_TESTS_WIRE_STATS_H
#define RINGBUS_TESTS_WIRE_STATS_H

/* Calls of org.freedesktop.DBus.Debug.Stats, and their answers taken apart. */

#include "tests/wire/scene.h"

enum { STATS_ENTRIES_MAX = 48, STATS_KEY_MAX = 40 };

typedef struct StatsEntry {
        char key[STATS_KEY_MAX];
        char type;                     /* of the value; 'a' for all arrays */
        uint64_t value;                /* of u, t and b */
        char text[RAWCLIENT_NAME_MAX]; /* of s */
        size_t at, end;                /* of an array: its elements in the body */
} StatsEntry;

typedef struct Stats {
        StatsEntry entries[STATS_ENTRIES_MAX];
        size_t n;
} Stats;

/* Calls a method, with one string unless that is NULL; the serial. */
uint32_t stats_call(RawClient *client, const char *member, const char *argument);

/* GetConnectionStats of that connection, or GetStats if it is NULL. Nothing else may be under way
 * to the client. */
void stats_get(RawClient *client, const char *name, Stats *ret_stats);

/* The value of a key, which must be there. */
uint64_t stats_value(const Stats *stats, const char *key);
uint64_t stats_get_value(RawClient *client, const char *name, const char *key);

/* Asks until the value is at least, or at most, that one. */
void stats_await_at_least(RawClient *client, const char *name, const char *key, uint64_t value);
void stats_await_at_most(RawClient *client, const char *name, const char *key, uint64_t value);

#endif
