/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_TESTS_ORDER_RANDOM_HISTORY_H
#define RINGBUS_TESTS_ORDER_RANDOM_HISTORY_H

/*
 * The logs of one round, indexed for the checks.
 *
 * Broadcasts (client signals without destination, and NameOwnerChanged) have one order for all
 * (clause c). The first observer is sent every one of them, so its log is that order: each has a
 * *position*, from 1. Position 0 is before all. Changes of names are positions themselves, so the
 * owner of a name is known at each position; and every other record lies, seen from its client,
 * between two positions: the last broadcast read before it and the first one read after it.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/order/random_log.h"
#include "tests/order/random_shared.h"

enum {
        RANDOM_NEVER = 0xffffffff, /* a position after all */
};

typedef struct RandomReport {
        unsigned n[26]; /* violations of each clause, from 'a' */
        unsigned n_total;
        uint64_t n_checked[26]; /* occasions on which a violation would have shown */
        unsigned n_printed;
        bool quiet; /* count, do not print */
} RandomReport;

typedef struct RandomIncarnation {
        unsigned client;
        uint32_t unique;
        bool joined;
        RandomEnd end;
        uint32_t written;             /* the last serial that was written */
        const RandomRecord **records; // into the log's bytes
        uint32_t n_records;
        uint32_t *before;   /* for each record: position of the last broadcast read, including it */
        uint32_t *after;    /* for each record: of the first one read after it, or RANDOM_NEVER */
        uint32_t *at;       /* for each record: its own position, 0 if it has none */
        bool *late;         /* for each record: it came after a later position */
        uint32_t n_serials; /* arrays by serial have one more element */
        uint32_t *sent;     /* index of the record + 1; 0: no such message */
        uint32_t *place;    /* position of that broadcast, or 0 */
        uint32_t *own_before; /* greatest position of own broadcasts of lower serials */
        uint32_t *own_after;  /* least position of own broadcasts of higher serials */
        uint32_t *answer;     /* index + 1 of the record that answers it; 0: none */
        uint32_t *receiver;   /* unicast: index + 1 of the incarnation that received it */
        uint32_t *received;   /* and of the record there */
        uint32_t born, died;  /* positions; born 0: before all; died 0: never */
        uint32_t started;     /* record from which on an observer misses nothing */
} RandomIncarnation;

/* One broadcast. */
typedef struct RandomPosition {
        uint32_t peer; /* unique, or RANDOM_DRIVER */
        uint32_t serial;
        uint32_t mask;     /* the rules that it matches, but for SELF */
        uint32_t old, new; /* NameOwnerChanged: N + 1, or 0 */
        uint32_t unique;   /* of the name, if it is a unique one */
        uint8_t name;
        bool requested; /* the new owner was told so in reply to its RequestName */
        bool resolved;  /* or its log shows that it was not */
} RandomPosition;

/* Who owns a name from a position on. */
typedef struct RandomOwner {
        uint32_t position;
        uint32_t owner; /* N + 1, or 0 */
} RandomOwner;

typedef struct RandomHistory {
        unsigned n_clients;   /* without the observers */
        bool lenient;         /* see RandomOptions */
        RandomReport *report; // borrowed
        RandomIncarnation *incarnations;
        uint32_t n_incarnations;
        uint32_t *by_unique; /* index + 1 */
        uint32_t n_uniques;
        RandomPosition *positions; /* from 1 */
        uint32_t n_positions;
        uint64_t *lists; /* for each position: the hash of all names from there on */
        RandomOwner *owners[RANDOM_NAMES];
        uint32_t n_owners[RANDOM_NAMES];
        uint64_t n_sent[5];     /* by type */
        uint64_t n_received[5]; /* by type */
        uint64_t n_changes;     /* of well-known names */
        uint64_t n_ends[5];     /* incarnations, by RandomEnd */
} RandomHistory;

/* One log in memory, of the client of the same index. */
typedef struct RandomLogBytes {
        const uint8_t *data; // borrowed by the history
        size_t size;
} RandomLogBytes;

/* `logs` are those of n_clients clients and of the observers. */
void random_history_init(RandomHistory *history, const RandomLogBytes *logs, unsigned n_clients,
                         RandomReport *report);
void random_history_deinit(RandomHistory *history);

/* Counts an occasion to find a violation. */
static inline void random_history_count(RandomHistory *history, char clause)
{
        history->report->n_checked[clause - 'a']++;
}

/* Finds the position of every record; reports violations of c. */
void random_history_place(RandomHistory *history);

/* NULL if there was none. */
RandomIncarnation *random_history_find(const RandomHistory *history, uint32_t unique);

/* What is behind a record. */
const RandomKnown *random_history_known(const RandomRecord *record);

/* The record of a message that was sent, or NULL. */
const RandomRecord *random_history_sent(const RandomIncarnation *sender, uint32_t serial);

/* Who owns the name (N + 1, or 0) once everything up to that position has happened. */
uint32_t random_history_owner(const RandomHistory *history, unsigned name, uint32_t position);
bool random_history_is_alive(const RandomIncarnation *incarnation, uint32_t position);

/* When the bus did what record `index` (an answer) says, as the client knows: in [low, high). */
void random_history_window(const RandomIncarnation *client, uint32_t index, uint32_t *ret_low,
                           uint32_t *ret_high);

/* Reports a violation by `client` having (or not having) received record `index`. */
void random_history_report(RandomHistory *history, char clause, const RandomIncarnation *client,
                           uint32_t index, const char *what);

#endif
