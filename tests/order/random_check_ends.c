/* SPDX-License-Identifier: Apache-2.0 */

/*
 * See random_check.h. When a connection ends, its names go in the reverse of the order in which it
 * joined their queues, its unique name last. Its own log says when it joined which; the positions
 * right before its last one say in which order they went.
 */

#include "tests/order/random_check.h"
#include "tests/support/rawmessage.h"

enum {
        ENDS_DO_NOT_QUEUE = 4, /* flag of RequestName */
};

/* What a client knows of its place in the queue of a name. */
typedef struct Membership {
        uint32_t joined; /* a counter; 0: not in the queue */
        uint32_t flags;
        uint32_t n_open; /* calls about it that were not answered */
        bool asked;
} Membership;

typedef struct Ends {
        RandomHistory *history;
        const RandomIncarnation *client;
        Membership names[RANDOM_NAMES];
        uint32_t n_joined;
} Ends;

static void read_result(Ends *ends, const RandomRecord *call, const RandomRecord *answer)
{
        Membership *name = &ends->names[call->name];

        name->n_open--;
        if (call->method == RANDOM_METHOD_RELEASE_NAME ||
            answer->value == 3) { /* released, or refused: out of the queue */
                name->joined = 0;
                return;
        }
        name->flags = call->value;
        if (!name->joined)
                name->joined = ++ends->n_joined;
}

static void read_record(Ends *ends, const RandomRecord *record)
{
        const RandomRecord *call = record;

        if (record->what == RANDOM_RECEIVED && record->peer == RANDOM_DRIVER &&
            record->method == RANDOM_METHOD_LOST && record->name < RANDOM_NAMES) {
                if (ends->names[record->name].flags & ENDS_DO_NOT_QUEUE)
                        ends->names[record->name].joined = 0;
                return;
        }
        if (record->what == RANDOM_RECEIVED)
                call = record->type == RAWMESSAGE_RETURN
                               ? random_history_sent(ends->client, record->reply_serial)
                               : NULL;
        if (!call || call->what != RANDOM_SENT || call->to != RANDOM_TO_DRIVER ||
            call->name >= RANDOM_NAMES ||
            (call->method != RANDOM_METHOD_REQUEST_NAME &&
             call->method != RANDOM_METHOD_RELEASE_NAME))
                return;
        if (record->what == RANDOM_SENT)
                ends->names[call->name].n_open++;
        else
                read_result(ends, call, record);
}

/* Whether the new owner had waited for it: otherwise it took the name, shortly before the end. */
static bool is_promotion(const RandomPosition *position)
{
        return position->new == 0 || (position->resolved && !position->requested);
}

static void check_last_changes(Ends *ends)
{
        const RandomIncarnation *client = ends->client;
        uint32_t later = 0; /* when it joined the name that went before, going backwards */

        for (uint32_t at = client->died - 1; at > 0; at--) {
                const RandomPosition *position = &ends->history->positions[at];
                const Membership *name;

                if (position->peer != RANDOM_DRIVER || position->name >= RANDOM_NAMES ||
                    position->old != client->unique + 1)
                        return;
                name = &ends->names[position->name];
                if (!is_promotion(position) || name->n_open || !name->joined)
                        continue;
                random_history_count(ends->history, 'i');
                if (name->joined < later)
                        random_history_report(ends->history, 'i', client, client->n_records - 1,
                                              "its names did not go in the reverse order of their "
                                              "acquisition");
                later = name->joined;
        }
}

static void check_client(Ends *ends)
{
        const RandomIncarnation *client = ends->client;

        if (!client->died)
                return;
        for (uint32_t i = 0; i < client->n_records; i++)
                read_record(ends, client->records[i]);
        for (unsigned i = 0; i < RANDOM_NAMES; i++) {
                if (random_history_owner(ends->history, i, client->died) == client->unique + 1)
                        random_history_report(ends->history, 'i', client, client->n_records - 1,
                                              "its unique name went before its other names");
        }
        check_last_changes(ends);
}

void random_check_ends(RandomHistory *history)
{
        for (uint32_t i = 0; i < history->n_incarnations; i++) {
                Ends ends = {.history = history, .client = &history->incarnations[i]};

                check_client(&ends);
        }
}
