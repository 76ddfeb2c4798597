/* SPDX-License-Identifier: Apache-2.0 */

/*
 * See random_history.h: the one order of broadcasts, and each client's view of it.
 *
 * A client's broadcast is known by its sender and serial. A NameOwnerChanged is known only by what
 * it says, and N0 may go from A to B more than once; so it is looked for between the client
 * broadcasts (*anchors*) that were read before and after it. While a rule for it is being added,
 * only the last changes before the next anchor were delivered; otherwise all of them, or none, or,
 * while the rule is being removed, the first ones. Clients add and remove such a rule between two
 * anchors of their own.
 */

#include <stdlib.h>

#include "tests/order/random_history.h"
#include "tests/order/random_rules.h"
#include "tests/support/rawmessage.h"

static bool is_broadcast(const RandomRecord *record)
{
        return record->what == RANDOM_RECEIVED && record->type == RAWMESSAGE_SIGNAL &&
               record->to == RANDOM_TO_ALL;
}

static bool is_change(const RandomRecord *record)
{
        return is_broadcast(record) && record->peer == RANDOM_DRIVER &&
               record->method == RANDOM_METHOD_CHANGED;
}

static void add_owner(RandomHistory *history, const RandomPosition *position, uint32_t at)
{
        uint32_t *n = &history->n_owners[position->name];
        RandomOwner *owners = history->owners[position->name];

        if ((*n & (*n - 1)) == 0) {
                owners = realloc(owners, (*n ? 2 * *n : 1) * sizeof(*owners));
                if (!owners)
                        abort();
                history->owners[position->name] = owners;
        }
        owners[(*n)++] = (RandomOwner){.position = at, .owner = position->new};
        history->n_changes++;
}

/* A change of names: who owns what from here on. Checks that each begins where the last ended. */
static void apply_change(RandomHistory *history, const RandomIncarnation *observer, uint32_t index,
                         RandomPosition *position)
{
        const RandomRecord *record = observer->records[index];
        uint32_t at = history->n_positions;
        uint64_t *list = &history->lists[at];
        RandomIncarnation *subject;

        *position = (RandomPosition){.peer = RANDOM_DRIVER,
                                     .old = record->old,
                                     .new = record->value,
                                     .unique = (uint32_t)record->hash,
                                     .name = record->name,
                                     .mask = random_rules_mask_change(record->name)};
        if (record->name < RANDOM_NAMES) {
                if (random_history_owner(history, record->name, at) != record->old ||
                    record->old == record->value)
                        random_history_report(history, 'h', observer, index,
                                              "NameOwnerChanged does not begin with the owner "
                                              "that the one before it named");
                *list += record->old ? 0 : random_log_hash_name(record->name);
                *list -= record->value ? 0 : random_log_hash_name(record->name);
                add_owner(history, position, at);
        } else if (record->name == RANDOM_NAME_UNIQUE) {
                subject = random_history_find(history, position->unique);
                *list += record->value ? random_log_hash_unique(position->unique) : 0;
                *list -= record->old ? random_log_hash_unique(position->unique) : 0;
                if (!subject)
                        return;
                if (record->value ? subject->born : subject->died)
                        random_history_report(history, 'i', observer, index,
                                              "a connection came or left twice");
                *(record->value ? &subject->born : &subject->died) = at;
        }
}

/* A client's broadcast as the first observer received it. */
static void apply_signal(RandomHistory *history, const RandomIncarnation *observer, uint32_t index,
                         RandomPosition *position)
{
        const RandomRecord *record = observer->records[index];
        RandomIncarnation *sender = random_history_find(history, record->peer);
        const RandomRecord *sent = sender ? random_history_sent(sender, record->serial) : NULL;

        *position = (RandomPosition){
                .peer = record->peer, .serial = record->serial, .name = RANDOM_NAME_NONE};
        if (!sent || sent->to != RANDOM_TO_ALL) {
                random_history_report(history, 'a', observer, index,
                                      "a broadcast that nobody sent");
                return;
        }
        position->mask = random_rules_mask(sent->value);
        for (unsigned i = 0; i < RANDOM_NAMES; i++) {
                if (random_history_owner(history, i, history->n_positions) == record->peer + 1)
                        position->mask |= 1U << (RANDOM_RULE_OWNER + i);
        }
        if (!sender->place[record->serial])
                sender->place[record->serial] = history->n_positions;
}

static RandomIncarnation *first_observer(const RandomHistory *history)
{
        for (uint32_t i = 0; i < history->n_incarnations; i++) {
                if (history->incarnations[i].client == history->n_clients)
                        return &history->incarnations[i];
        }
        return NULL;
}

static void make_positions(RandomHistory *history)
{
        const RandomIncarnation *observer = first_observer(history);
        uint32_t n = observer ? observer->n_records : 0;

        history->positions = calloc(n + 2, sizeof(*history->positions));
        history->lists = calloc(n + 2, sizeof(*history->lists));
        if (!history->positions || !history->lists)
                abort();
        if (observer)
                history->lists[0] = random_log_hash_unique(observer->unique);
        for (uint32_t i = observer ? observer->started : 0; i < n; i++) {
                const RandomRecord *record = observer->records[i];
                RandomPosition *position;

                if (!is_broadcast(record))
                        continue;
                position = &history->positions[++history->n_positions];
                history->lists[history->n_positions] = history->lists[history->n_positions - 1];
                if (is_change(record))
                        apply_change(history, observer, i, position);
                else
                        apply_signal(history, observer, i, position);
                observer->at[i] = history->n_positions;
        }
}

static bool says(const RandomPosition *position, const RandomRecord *record)
{
        return position->peer == RANDOM_DRIVER && position->name == record->name &&
               position->old == record->old && position->new == record->value &&
               position->unique == (uint32_t)record->hash;
}

/* It is not where it should be: where, then? */
static void place_late_change(RandomHistory *history, RandomIncarnation *client, uint32_t index)
{
        random_history_report(history, 'c', client, index,
                              "NameOwnerChanged in another order than the first observer read it");
        client->late[index] = true;
        for (uint32_t at = 1; at <= history->n_positions; at++) {
                if (says(&history->positions[at], client->records[index]))
                        client->at[index] = at;
        }
}

/* The changes among records [from, to), which were read between the positions low and high. */
static void place_changes(RandomHistory *history, RandomIncarnation *client, const uint32_t *range,
                          const uint32_t *bounds, bool last_ones)
{
        uint32_t low = bounds[0], high = bounds[1];

        for (uint32_t k = 0; k < range[1] - range[0]; k++) {
                uint32_t i = last_ones ? range[1] - 1 - k : range[0] + k;
                uint32_t at = last_ones ? high - 1 : low + 1;

                if (!is_change(client->records[i]))
                        continue;
                random_history_count(history, 'c');
                while (at > low && at < high && !says(&history->positions[at], client->records[i]))
                        at = last_ones ? at - 1 : at + 1;
                if (at <= low || at >= high) {
                        place_late_change(history, client, i);
                        continue;
                }
                client->at[i] = at;
                *(last_ones ? &high : &low) = at;
        }
}

/* Whether this is our own anchor before, or behind, an AddMatch for NameOwnerChanged. */
static bool is_fence(const RandomIncarnation *client, const RandomRecord *anchor, int64_t offset)
{
        int64_t serial = (int64_t)anchor->serial + offset;
        const RandomRecord *next =
                serial > 0 ? random_history_sent(client, (uint32_t)serial) : NULL;
        const RandomRecord *sent = random_history_sent(client, anchor->serial);

        return anchor->peer == client->unique && sent && next &&
               (sent->value & 0xff) == RANDOM_MEMBER_FENCE &&
               next->method == RANDOM_METHOD_ADD_MATCH && next->value < RANDOM_RULE_MEMBER;
}

/* Finds the position of an anchor; the changes since the last one lie between them. */
static uint32_t place_anchor(RandomHistory *history, RandomIncarnation *client, uint32_t index)
{
        const RandomRecord *record = client->records[index];
        RandomIncarnation *sender = random_history_find(history, record->peer);

        if (sender && record->serial <= sender->n_serials)
                client->at[index] = sender->place[record->serial];
        if (!client->at[index])
                random_history_report(history, 'e', client, index,
                                      "a broadcast that the first observer was not sent");
        return client->at[index];
}

static void place_records(RandomHistory *history, RandomIncarnation *client)
{
        uint32_t range[2] = {client->started, 0}, bounds[2] = {0, 0}, at;
        bool adding = false;

        for (uint32_t i = client->started; i < client->n_records; i++) {
                const RandomRecord *record = client->records[i];

                if (!is_broadcast(record) || is_change(record))
                        continue;
                random_history_count(history, 'c');
                at = place_anchor(history, client, i);
                if (at <= bounds[0]) {
                        if (at && history->positions[bounds[0]].peer != record->peer)
                                random_history_report(
                                        history, 'c', client, i,
                                        "a broadcast in another order than the first observer "
                                        "read it");
                        client->late[i] = true;
                        continue;
                }
                range[1] = i;
                bounds[1] = at;
                place_changes(history, client, range, bounds, adding);
                range[0] = i;
                bounds[0] = at;
                if (is_fence(client, record, 1))
                        adding = true;
                else if (is_fence(client, record, -1))
                        adding = false;
        }
        range[1] = client->n_records;
        bounds[1] = history->n_positions + 1;
        if (!adding) /* otherwise it cannot be told which ones they were */
                place_changes(history, client, range, bounds, false);
}

/* What lies between what, for a client whose broadcasts have positions. */
static void bracket(RandomIncarnation *client)
{
        uint32_t last = 0, next = RANDOM_NEVER;

        for (uint32_t i = 0; i < client->n_records; i++) {
                last = client->at[i] > last && !client->late[i] ? client->at[i] : last;
                client->before[i] = last;
        }
        for (uint32_t i = client->n_records; i-- > 0;) {
                client->after[i] = next;
                next = client->at[i] && !client->late[i] ? client->at[i] : next;
        }
        last = 0;
        for (uint32_t s = 0; s <= client->n_serials; s++) {
                client->own_before[s] = last;
                last = client->place[s] > last ? client->place[s] : last;
        }
        next = RANDOM_NEVER;
        for (uint32_t s = client->n_serials + 1; s-- > 0;) {
                client->own_after[s] = next;
                next = client->place[s] && client->place[s] < next ? client->place[s] : next;
        }
}

void random_history_place(RandomHistory *history)
{
        const RandomIncarnation *observer;

        make_positions(history);
        observer = first_observer(history);
        for (uint32_t i = 0; i < history->n_incarnations; i++) {
                if (&history->incarnations[i] != observer)
                        place_records(history, &history->incarnations[i]);
                bracket(&history->incarnations[i]);
        }
}
