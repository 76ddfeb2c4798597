/* SPDX-License-Identifier: Apache-2.0 */

/*
 * See random_check.h. A client's AddMatch and RemoveMatch calls (its *operations*) act in the
 * order in which it made them, each somewhere between two positions that its log gives: not before
 * what the client had read when it called, nor before its own earlier broadcasts; not after what
 * it read behind the reply, nor after its own later broadcasts (d).
 *
 * So at each position a few numbers of operations are possible: at least those which had certainly
 * acted, at most those which may have. A broadcast is owed if the rules match after each of these
 * numbers, and must not come if they match after none (e).
 */

#include <stdlib.h>

#include "tests/order/random_check.h"
#include "tests/order/random_rules.h"
#include "tests/support/rawmessage.h"

typedef struct Operation {
        uint32_t low;  /* it acts after this position */
        uint32_t high; /* and before this one */
        unsigned rule;
        bool add;
} Operation;

typedef struct Rules {
        RandomHistory *history;
        const RandomIncarnation *client;
        Operation *operations;
        uint32_t n;
        uint32_t n_certain;            /* operations that have acted at the current position */
        uint32_t n_possible;           /* that may have */
        unsigned counts[RANDOM_RULES]; /* after n_certain */
        uint32_t mask;                 /* of those that are not 0 */
        uint32_t *read;                /* by position: index + 1 of the record */
} Rules;

static uint32_t lesser(uint32_t a, uint32_t b)
{
        return a < b ? a : b;
}

static uint32_t greater(uint32_t a, uint32_t b)
{
        return a > b ? a : b;
}

static void add_operation(Rules *rules, uint32_t index)
{
        const RandomIncarnation *client = rules->client;
        const RandomRecord *sent = client->records[index];
        uint32_t serial = sent->serial, answer = client->answer[serial];
        Operation *operation = &rules->operations[rules->n++];

        operation->rule = sent->value;
        operation->add = sent->method == RANDOM_METHOD_ADD_MATCH;
        operation->low = greater(client->before[index], client->own_before[serial]);
        operation->high = lesser(answer ? client->after[answer - 1] : RANDOM_NEVER,
                                 client->own_after[serial]);
}

static void collect(Rules *rules)
{
        const RandomIncarnation *client = rules->client;

        for (uint32_t i = 0; i < client->n_records; i++) {
                const RandomRecord *record = client->records[i];

                if (record->what == RANDOM_SENT && record->to == RANDOM_TO_DRIVER &&
                    (record->method == RANDOM_METHOD_ADD_MATCH ||
                     record->method == RANDOM_METHOD_REMOVE_MATCH) &&
                    record->value < RANDOM_RULES)
                        add_operation(rules, i);
                if (client->at[i])
                        rules->read[client->at[i]] = i + 1;
        }
        for (uint32_t i = 1; i < rules->n; i++)
                rules->operations[i].low =
                        greater(rules->operations[i].low, rules->operations[i - 1].low);
        for (uint32_t i = rules->n; i-- > 1;)
                rules->operations[i - 1].high =
                        lesser(rules->operations[i - 1].high, rules->operations[i].high);
}

static void act(const Operation *operation, unsigned *counts, uint32_t *mask)
{
        unsigned *count = &counts[operation->rule];

        if (operation->add)
                ++*count;
        else if (*count > 0)
                --*count;
        if (*count)
                *mask |= 1U << operation->rule;
        else
                *mask &= ~(1U << operation->rule);
}

/* Whether all, and whether any, of the possible sets of rules match. */
static void match(const Rules *rules, uint32_t wanted, bool *ret_all, bool *ret_any)
{
        unsigned counts[RANDOM_RULES];
        uint32_t mask = rules->mask;
        bool all = mask & wanted, any = all;

        if (rules->n_possible > rules->n_certain) {
                for (unsigned i = 0; i < RANDOM_RULES; i++)
                        counts[i] = rules->counts[i];
        }
        for (uint32_t i = rules->n_certain; i < rules->n_possible; i++) {
                act(&rules->operations[i], counts, &mask);
                if (mask & wanted)
                        any = true;
                else
                        all = false;
        }
        *ret_all = all;
        *ret_any = any;
}

/* The record at which a report about a position that was not read points: what was read next. */
static uint32_t record_behind(const Rules *rules, uint32_t position)
{
        for (; position <= rules->history->n_positions; position++) {
                if (rules->read[position])
                        return rules->read[position] - 1;
        }
        return rules->client->n_records - 1;
}

static void check_position(Rules *rules, uint32_t at)
{
        const RandomPosition *position = &rules->history->positions[at];
        bool is_own = position->peer == rules->client->unique, all, any;
        uint32_t wanted = position->mask | (is_own ? 1U << RANDOM_RULE_SELF : 0);

        match(rules, wanted, &all, &any);
        if (all || !any)
                random_history_count(rules->history, is_own ? 'd' : 'e');
        if (all && !rules->read[at])
                random_history_report(rules->history, is_own ? 'd' : 'e', rules->client,
                                      record_behind(rules, at),
                                      is_own ? "its own broadcast before this, which a rule added "
                                               "earlier matches, was not received"
                                             : "a broadcast before this, which a rule matches, "
                                               "was not received");
        if (!any && rules->read[at])
                random_history_report(rules->history, is_own ? 'd' : 'e', rules->client,
                                      rules->read[at] - 1,
                                      "a broadcast that no rule can have matched");
}

static void sweep(Rules *rules)
{
        const RandomIncarnation *client = rules->client;
        uint32_t last = client->end == RANDOM_END_FINISHED ? rules->history->n_positions
                                                           : client->before[client->n_records - 1];

        for (uint32_t at = rules->n ? rules->operations[0].low + 1 : last + 1; at <= last; at++) {
                while (rules->n_certain < rules->n &&
                       rules->operations[rules->n_certain].high <= at)
                        act(&rules->operations[rules->n_certain++], rules->counts, &rules->mask);
                rules->n_possible = greater(rules->n_possible, rules->n_certain);
                while (rules->n_possible < rules->n &&
                       rules->operations[rules->n_possible].low < at)
                        rules->n_possible++;
                check_position(rules, at);
        }
}

void random_check_rules(RandomHistory *history)
{
        for (uint32_t i = 0; i < history->n_incarnations; i++) {
                const RandomIncarnation *client = &history->incarnations[i];
                Rules rules = {.history = history, .client = client};

                rules.operations = calloc(client->n_records + 1, sizeof(*rules.operations));
                rules.read = calloc(history->n_positions + 2, sizeof(*rules.read));
                if (!rules.operations || !rules.read)
                        abort();
                collect(&rules);
                sweep(&rules);
                free(rules.operations);
                free(rules.read);
        }
}
