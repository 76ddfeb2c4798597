/* SPDX-License-Identifier: Apache-2.0 */

/* See random_history.h: reading and indexing the logs. */

#include "tests/order/random_history.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/order/random_rules.h"
#include "tests/support/rawmessage.h"

enum {
        HISTORY_PRINTED_MAX = 20,
};

static void *allocate(size_t n, size_t size)
{
        void *memory = calloc(n ? n : 1, size);

        if (!memory) {
                fputs("random: out of memory\n", stderr);
                abort();
        }
        return memory;
}

const RandomKnown *random_history_known(const RandomRecord *record)
{
        return (const RandomKnown *)(const void *)(record + 1);
}

static size_t size_of(const RandomRecord *record)
{
        return sizeof(*record) + record->n_known * sizeof(RandomKnown);
}

/* Calls `handle` for each record of a log. */
static void walk(RandomHistory *history, unsigned client, const RandomLogBytes *log,
                 void (*handle)(RandomHistory *, unsigned, const RandomRecord *, bool first))
{
        bool first = true;

        for (size_t at = 0; at + sizeof(RandomRecord) <= log->size;) {
                const RandomRecord *record = (const RandomRecord *)(const void *)(log->data + at);

                if (size_of(record) > log->size - at)
                        break;
                handle(history, client, record, first);
                first = record->what == RANDOM_ENDED;
                at += size_of(record);
        }
}

static void count_incarnation(RandomHistory *history, unsigned client, const RandomRecord *record,
                              bool first)
{
        (void)client;
        (void)record;
        history->n_incarnations += first;
}

static void count_record(RandomHistory *history, unsigned client, const RandomRecord *record,
                         bool first)
{
        RandomIncarnation *incarnation;

        history->n_incarnations += first;
        incarnation = &history->incarnations[history->n_incarnations - 1];
        incarnation->client = client;
        incarnation->n_records++;
        if (record->what == RANDOM_SENT && record->serial > incarnation->n_serials)
                incarnation->n_serials = record->serial;
        if (record->what == RANDOM_JOINED && record->peer >= history->n_uniques)
                history->n_uniques = record->peer + 1;
}

static void note_in_record(RandomHistory *history, RandomIncarnation *incarnation,
                           const RandomRecord *record, uint32_t index)
{
        uint8_t type = record->type < 5 ? record->type : 0;

        switch ((RandomWhat)record->what) {
        case RANDOM_JOINED:
                incarnation->unique = record->peer;
                incarnation->joined = true;
                history->by_unique[record->peer] =
                        (uint32_t)(incarnation - history->incarnations) + 1;
                break;
        case RANDOM_STARTED:
                incarnation->started = index;
                break;
        case RANDOM_SENT:
                incarnation->sent[record->serial] = index + 1;
                history->n_sent[type]++;
                break;
        case RANDOM_RECEIVED:
                history->n_received[type]++;
                break;
        case RANDOM_ENDED:
                incarnation->end = (RandomEnd)record->type;
                incarnation->written = record->serial;
                history->n_ends[type]++;
                break;
        case RANDOM_SNAPSHOT:
                break;
        }
}

static void add_record(RandomHistory *history, unsigned client, const RandomRecord *record,
                       bool first)
{
        RandomIncarnation *incarnation;

        (void)client;
        history->n_incarnations += first;
        incarnation = &history->incarnations[history->n_incarnations - 1];
        incarnation->records[incarnation->n_records] = record;
        note_in_record(history, incarnation, record, incarnation->n_records++);
}

static void allocate_incarnation(RandomIncarnation *incarnation)
{
        size_t n_records = incarnation->n_records, n_serials = incarnation->n_serials + 2;

        incarnation->records = allocate(n_records, sizeof(*incarnation->records));
        incarnation->before = allocate(n_records, sizeof(uint32_t));
        incarnation->after = allocate(n_records, sizeof(uint32_t));
        incarnation->at = allocate(n_records, sizeof(uint32_t));
        incarnation->late = allocate(n_records, sizeof(bool));
        incarnation->sent = allocate(n_serials, sizeof(uint32_t));
        incarnation->place = allocate(n_serials, sizeof(uint32_t));
        incarnation->own_before = allocate(n_serials, sizeof(uint32_t));
        incarnation->own_after = allocate(n_serials, sizeof(uint32_t));
        incarnation->answer = allocate(n_serials, sizeof(uint32_t));
        incarnation->receiver = allocate(n_serials, sizeof(uint32_t));
        incarnation->received = allocate(n_serials, sizeof(uint32_t));
        incarnation->n_records = 0;
        incarnation->end = RANDOM_END_STUCK;
}

void random_history_init(RandomHistory *history, const RandomLogBytes *logs, unsigned n_clients,
                         RandomReport *report)
{
        unsigned n_logs = n_clients + RANDOM_OBSERVERS;
        uint32_t n;

        *history = (RandomHistory){.n_clients = n_clients, .report = report};
        for (unsigned i = 0; i < n_logs; i++)
                walk(history, i, &logs[i], count_incarnation);
        n = history->n_incarnations;
        history->incarnations = allocate(n, sizeof(*history->incarnations));
        history->n_incarnations = 0;
        for (unsigned i = 0; i < n_logs; i++)
                walk(history, i, &logs[i], count_record);
        history->by_unique = allocate(history->n_uniques, sizeof(uint32_t));
        for (uint32_t i = 0; i < n; i++)
                allocate_incarnation(&history->incarnations[i]);
        history->n_incarnations = 0;
        for (unsigned i = 0; i < n_logs; i++)
                walk(history, i, &logs[i], add_record);
}

void random_history_deinit(RandomHistory *history)
{
        for (uint32_t i = 0; i < history->n_incarnations; i++) {
                RandomIncarnation *incarnation = &history->incarnations[i];

                free(incarnation->records);
                free(incarnation->before);
                free(incarnation->after);
                free(incarnation->at);
                free(incarnation->late);
                free(incarnation->sent);
                free(incarnation->place);
                free(incarnation->own_before);
                free(incarnation->own_after);
                free(incarnation->answer);
                free(incarnation->receiver);
                free(incarnation->received);
        }
        for (unsigned i = 0; i < RANDOM_NAMES; i++)
                free(history->owners[i]);
        free(history->incarnations);
        free(history->by_unique);
        free(history->positions);
        free(history->lists);
}

RandomIncarnation *random_history_find(const RandomHistory *history, uint32_t unique)
{
        uint32_t index = unique < history->n_uniques ? history->by_unique[unique] : 0;

        return index ? &history->incarnations[index - 1] : NULL;
}

const RandomRecord *random_history_sent(const RandomIncarnation *sender, uint32_t serial)
{
        uint32_t index = serial <= sender->n_serials ? sender->sent[serial] : 0;

        return index ? sender->records[index - 1] : NULL;
}

uint32_t random_history_owner(const RandomHistory *history, unsigned name, uint32_t position)
{
        const RandomOwner *owners = history->owners[name];
        uint32_t low = 0, high = history->n_owners[name];

        while (low < high) {
                uint32_t middle = (low + high) / 2;

                if (owners[middle].position <= position)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low ? owners[low - 1].owner : 0;
}

bool random_history_is_alive(const RandomIncarnation *incarnation, uint32_t position)
{
        return incarnation->born <= position &&
               (!incarnation->died || position < incarnation->died);
}

void random_history_window(const RandomIncarnation *client, uint32_t index, uint32_t *ret_low,
                           uint32_t *ret_high)
{
        uint32_t serial = client->records[index]->reply_serial;
        uint32_t low = client->before[index], high = client->after[index];

        if (serial <= client->n_serials) {
                low = client->own_before[serial] > low ? client->own_before[serial] : low;
                high = client->own_after[serial] < high ? client->own_after[serial] : high;
        }
        *ret_low = low;
        *ret_high = high;
}

void random_history_report(RandomHistory *history, char clause, const RandomIncarnation *client,
                           uint32_t index, const char *what)
{
        RandomReport *report = history->report;
        char text[300] = "";

        report->n[clause - 'a']++;
        report->n_total++;
        if (report->quiet || report->n_printed++ >= HISTORY_PRINTED_MAX)
                return;
        if (index < client->n_records)
                random_log_describe(client->records[index], text, sizeof(text));
        printf("VIOLATION of clause %c: %s\n"
               "    client %u :1.%u, record %u (between positions %u and %u): %s\n",
               clause, what, client->client, client->unique, index,
               index < client->n_records ? client->before[index] : 0,
               index < client->n_records ? client->after[index] : 0, text);
}
