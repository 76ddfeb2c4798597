/* SPDX-License-Identifier: Apache-2.0 */

/*
 * See random_check.h. An answer about names must have been true at some position between the last
 * broadcast that the client read before the answer and the first one behind it. A client that
 * reads NameOwnerChanged leaves no room: all changes lie at positions that it has read.
 */

#include "tests/order/random_check.h"
#include "tests/support/rawmessage.h"

typedef struct Query {
        const RandomHistory *history;
        const RandomRecord *call;
        const RandomRecord *answer;
} Query;

/* N + 1 of the owner at a position. */
static uint32_t owner_at(const Query *query, uint32_t position)
{
        const RandomIncarnation *subject;

        if (query->call->name < RANDOM_NAMES)
                return random_history_owner(query->history, query->call->name, position);
        subject = random_history_find(query->history, query->call->old);
        return subject && random_history_is_alive(subject, position) ? query->call->old + 1 : 0;
}

static bool is_true_at(const Query *query, uint32_t position)
{
        uint32_t owner;

        if (query->call->method == RANDOM_METHOD_LIST_NAMES)
                return query->history->lists[position] == query->answer->hash;
        owner = owner_at(query, position);
        if (query->answer->error == RANDOM_ERROR_NO_OWNER)
                return owner == 0;
        if (query->call->method == RANDOM_METHOD_HAS_OWNER)
                return (owner != 0) == (query->answer->value != 0);
        return owner == query->answer->value;
}

/* Whether it is an answer about names at all. */
static bool is_query(const Query *query)
{
        const RandomRecord *call = query->call;

        if (call->to == RANDOM_TO_NAME)
                return query->answer->error == RANDOM_ERROR_NO_OWNER && call->name < RANDOM_NAMES;
        return call->to == RANDOM_TO_DRIVER && (call->method == RANDOM_METHOD_GET_OWNER ||
                                                call->method == RANDOM_METHOD_HAS_OWNER ||
                                                call->method == RANDOM_METHOD_LIST_NAMES);
}

static void check_answer(RandomHistory *history, const RandomIncarnation *client, uint32_t index)
{
        Query query = {.history = history, .answer = client->records[index]};
        uint32_t low, high;

        query.call = random_history_sent(client, query.answer->reply_serial);
        if (!query.call || !is_query(&query))
                return;
        random_history_window(client, index, &low, &high);
        high = high > history->n_positions ? history->n_positions + 1 : high;
        if (high == low + 1) /* otherwise more than one answer could be right */
                random_history_count(history, query.call->to == RANDOM_TO_NAME ? 'h' : 'f');
        for (uint32_t at = low; at < high; at++) {
                if (is_true_at(&query, at))
                        return;
        }
        random_history_report(history, query.call->to == RANDOM_TO_NAME ? 'h' : 'f', client, index,
                              query.call->to == RANDOM_TO_NAME
                                      ? "refused, but the name had an owner all the time"
                                      : "an answer about names that was not true at the time");
}

void random_check_queries(RandomHistory *history)
{
        for (uint32_t i = 0; i < history->n_incarnations; i++) {
                const RandomIncarnation *client = &history->incarnations[i];

                for (uint32_t k = client->started; k < client->n_records; k++) {
                        const RandomRecord *record = client->records[k];

                        if (record->what == RANDOM_RECEIVED && record->peer == RANDOM_DRIVER &&
                            record->reply_serial)
                                check_answer(history, client, k);
                }
        }
}
