/* SPDX-License-Identifier: Apache-2.0 */

/*
 * See random_check.h. The positions say when each name went from whom to whom. A client's
 * NameAcquired and NameLost must say the same, one for one, and lie where the change lies among
 * the broadcasts that it read: NameLost, NameOwnerChanged, NameAcquired, reply.
 */

#include <stdlib.h>

#include "tests/order/random_check.h"
#include "tests/support/rawmessage.h"

typedef struct Names {
        RandomHistory *history;
        const RandomIncarnation *client;
        uint32_t *gains[RANDOM_NAMES]; /* positions at which it became the owner */
        uint32_t *losses[RANDOM_NAMES];
        uint32_t n_gains[RANDOM_NAMES], n_losses[RANDOM_NAMES];
        uint32_t gained[RANDOM_NAMES], lost[RANDOM_NAMES]; /* as told so far */
        bool has[RANDOM_NAMES];
        bool has_unique;
        uint32_t
                fresh[RANDOM_NAMES]; /* position of a change that no reply has followed yet; or 0 */
} Names;

static void report(Names *names, char clause, uint32_t index, const char *what)
{
        random_history_report(names->history, clause, names->client, index, what);
}

static void collect(Names *names, unsigned name)
{
        const RandomOwner *owners = names->history->owners[name];
        uint32_t n = names->history->n_owners[name], self = names->client->unique + 1, old = 0;

        names->gains[name] = malloc((n + 1) * sizeof(uint32_t));
        names->losses[name] = malloc((n + 1) * sizeof(uint32_t));
        if (!names->gains[name] || !names->losses[name])
                abort();
        for (uint32_t i = 0; i < n; i++) {
                if (owners[i].owner == self)
                        names->gains[name][names->n_gains[name]++] = owners[i].position;
                if (old == self)
                        names->losses[name][names->n_losses[name]++] = owners[i].position;
                old = owners[i].owner;
        }
}

static void read_acquired(Names *names, uint32_t index, unsigned name)
{
        uint32_t k = names->gained[name]++, at;

        random_history_count(names->history, 'h');

        if (names->has[name])
                report(names, 'h', index, "NameAcquired for a name that it has already");
        names->has[name] = true;
        if (k >= names->n_gains[name]) {
                report(names, 'h', index, "NameAcquired without NameOwnerChanged");
                return;
        }
        at = names->fresh[name] = names->gains[name][k];
        if (names->client->before[index] > at)
                report(names, 'h', index, "NameAcquired after a later broadcast");
        if (names->client->after[index] <= at)
                report(names, 'h', index, "NameAcquired before its NameOwnerChanged");
}

static void read_lost(Names *names, uint32_t index, unsigned name)
{
        uint32_t k = names->lost[name]++, at;

        random_history_count(names->history, 'h');

        if (!names->has[name])
                report(names, 'h', index, "NameLost for a name that it does not have");
        names->has[name] = false;
        if (k >= names->n_losses[name]) {
                report(names, 'h', index, "NameLost without NameOwnerChanged");
                return;
        }
        at = names->losses[name][k];
        if (names->client->before[index] >= at)
                report(names, 'h', index, "NameLost after its NameOwnerChanged");
        if (names->client->after[index] < at)
                report(names, 'h', index, "NameLost before an earlier broadcast");
}

/* A message that its sender addressed to a well-known name. */
static void read_addressed(Names *names, uint32_t index)
{
        const RandomRecord *record = names->client->records[index];
        const RandomIncarnation *sender = random_history_find(names->history, record->peer);
        unsigned name = record->name;
        uint32_t seen, gained = names->gained[name];

        random_history_count(names->history, 'h');

        if (!names->has[name]) {
                report(names, 'h', index,
                       gained ? "addressed to a name after its NameLost"
                              : "addressed to a name before its NameAcquired");
                return;
        }
        if (gained <= names->n_gains[name] &&
            names->client->after[index] <= names->gains[name][gained - 1])
                report(names, 'h', index, "addressed to a name before its NameOwnerChanged");
        if (!sender || !random_history_sent(sender, record->serial))
                return;
        seen = sender->before[sender->sent[record->serial] - 1];
        if (names->lost[name] < names->n_losses[name] &&
            names->losses[name][names->lost[name]] <= seen)
                report(names, 'h', index,
                       "addressed to a name by somebody who had read that it has another owner");
}

/* A reply to RequestName that says 1: when did that happen? */
static void check_granted(Names *names, uint32_t index, const RandomRecord *call)
{
        const RandomIncarnation *client = names->client;
        uint32_t k = names->gained[call->name], at;

        if (k == 0 || k > names->n_gains[call->name])
                return; /* reported already */
        at = names->gains[call->name][k - 1];
        names->history->positions[at].requested = true;
        if (at <= client->own_before[call->serial] || at >= client->own_after[call->serial])
                report(names, 'd', index,
                       "its name changed before an earlier, or after a later, broadcast of its "
                       "own");
        else if (at <= client->before[client->sent[call->serial] - 1])
                report(names, 'h', index, "RequestName says 1 for an earlier change");
        else if (at >= client->after[index])
                report(names, 'h', index, "RequestName's reply before its NameOwnerChanged");
}

static void read_reply(Names *names, uint32_t index)
{
        const RandomRecord *record = names->client->records[index];
        const RandomRecord *call = random_history_sent(names->client, record->reply_serial);
        bool request;

        if (!call || call->to != RANDOM_TO_DRIVER || call->name >= RANDOM_NAMES ||
            (call->method != RANDOM_METHOD_REQUEST_NAME &&
             call->method != RANDOM_METHOD_RELEASE_NAME))
                return;
        random_history_count(names->history, 'h');
        request = call->method == RANDOM_METHOD_REQUEST_NAME;
        if (record->value < 1 || record->value > (request ? 4 : 3))
                report(names, 'h', index, "a result that does not exist");
        else if (names->has[call->name] != (request && (record->value == 1 || record->value == 4)))
                report(names, 'h', index,
                       "the result does not agree with NameAcquired and NameLost before it");
        else if (request && record->value == 1)
                check_granted(names, index, call);
}

/* The reply to a RequestName that changed the owner is the next one after its NameAcquired. */
static void resolve(Names *names)
{
        for (unsigned i = 0; i < RANDOM_NAMES; i++) {
                if (names->fresh[i])
                        names->history->positions[names->fresh[i]].resolved = true;
                names->fresh[i] = 0;
        }
}

static void read_record(Names *names, uint32_t index)
{
        const RandomRecord *record = names->client->records[index];
        bool ours = record->name < RANDOM_NAMES;

        if (record->what != RANDOM_RECEIVED)
                return;
        if (record->peer != RANDOM_DRIVER) {
                if (record->to == RANDOM_TO_NAME && ours)
                        read_addressed(names, index);
                else if (record->to == RANDOM_TO_NAME)
                        report(names, 'h', index, "addressed to a name that nobody has");
        } else if (record->type == RAWMESSAGE_RETURN) {
                read_reply(names, index);
                resolve(names);
        } else if (record->method == RANDOM_METHOD_ACQUIRED && ours) {
                read_acquired(names, index, record->name);
        } else if (record->method == RANDOM_METHOD_LOST && ours) {
                read_lost(names, index, record->name);
        } else if (record->method == RANDOM_METHOD_ACQUIRED) {
                random_history_count(names->history, 'g');
                if (names->has_unique || record->hash != names->client->unique)
                        report(names, 'g', index, "NameAcquired for a wrong unique name");
                names->has_unique = true;
        } else if (record->method == RANDOM_METHOD_LOST || record->method == RANDOM_METHOD_OTHER) {
                report(names, 'h', index, "an unexpected signal of the bus");
        }
}

static void check_client(Names *names)
{
        const RandomIncarnation *client = names->client;

        for (unsigned i = 0; i < RANDOM_NAMES; i++)
                collect(names, i);
        for (uint32_t i = 0; i < client->n_records; i++)
                read_record(names, i);
        for (unsigned i = 0; i < RANDOM_NAMES; i++) {
                if (client->end == RANDOM_END_FINISHED &&
                    (names->gained[i] < names->n_gains[i] || names->lost[i] < names->n_losses[i]))
                        report(names, 'h', client->n_records - 1,
                               "NameAcquired or NameLost was never received");
                free(names->gains[i]);
                free(names->losses[i]);
        }
}

void random_check_names(RandomHistory *history)
{
        for (uint32_t i = 0; i < history->n_incarnations; i++) {
                Names names = {.history = history, .client = &history->incarnations[i]};

                check_client(&names);
        }
}
