/* SPDX-License-Identifier: Apache-2.0 */

/*
 * See random_check.h. Unicast to a unique name must arrive if its receiver read on to the end of
 * the round and its sender's connection did not end in the middle; and if the receiver left
 * early, what it received of each sender must be the beginning of what was sent to it.
 */

#include <stdlib.h>

#include "tests/order/random_check.h"
#include "tests/support/rawmessage.h"

/* What was sent to one receiver by its unique name, by sender, then in order. */
typedef struct Inbound {
        uint32_t sender; /* index of the incarnation */
        uint32_t serial;
} Inbound;

typedef struct Losses {
        RandomHistory *history;
        Inbound *inbound;
        uint32_t *first; /* by receiver: its first one in `inbound`; one more element */
} Losses;

static bool is_unicast(const RandomRecord *sent)
{
        return sent && (sent->to == RANDOM_TO_UNIQUE || sent->to == RANDOM_TO_NAME);
}

/* Who received what. Each message has one receiver. */
static void note_receivers(RandomHistory *history, uint32_t receiver)
{
        const RandomIncarnation *client = &history->incarnations[receiver];

        for (uint32_t i = 0; i < client->n_records; i++) {
                const RandomRecord *record = client->records[i];
                RandomIncarnation *sender;

                if (record->what != RANDOM_RECEIVED || record->peer == RANDOM_DRIVER)
                        continue;
                sender = random_history_find(history, record->peer);
                if (!sender || !is_unicast(random_history_sent(sender, record->serial)))
                        continue;
                if (sender->receiver[record->serial] &&
                    sender->receiver[record->serial] != receiver + 1)
                        random_history_report(history, 'a', client, i,
                                              "a message that somebody else received, too");
                if (sender->receiver[record->serial])
                        continue;
                sender->receiver[record->serial] = receiver + 1;
                sender->received[record->serial] = i;
        }
}

static const RandomIncarnation *receiver_of(const RandomHistory *history, const RandomRecord *sent)
{
        return sent && sent->to == RANDOM_TO_UNIQUE ? random_history_find(history, sent->peer)
                                                    : NULL;
}

/* Goes through all that was sent to unique names: counts it by receiver, or fills it in. */
static void sort_sent(Losses *losses, uint32_t *slots, bool fill)
{
        RandomHistory *history = losses->history;

        for (uint32_t i = 0; i < history->n_incarnations; i++) {
                const RandomIncarnation *sender = &history->incarnations[i];

                for (uint32_t s = 1; s <= sender->n_serials; s++) {
                        const RandomIncarnation *to =
                                receiver_of(history, random_history_sent(sender, s));
                        uint32_t *slot = to ? &slots[to - history->incarnations] : NULL;

                        if (slot && fill)
                                losses->inbound[*slot] = (Inbound){.sender = i, .serial = s};
                        if (slot)
                                ++*slot;
                }
        }
}

static void sort_inbound(Losses *losses)
{
        uint32_t n = losses->history->n_incarnations, sum = 0;
        uint32_t *slots = calloc(n + 1, sizeof(uint32_t));

        losses->first = calloc(n + 1, sizeof(uint32_t));
        if (!slots || !losses->first)
                abort();
        sort_sent(losses, slots, false);
        for (uint32_t i = 0; i < n; i++) {
                losses->first[i] = sum;
                sum += slots[i];
                slots[i] = losses->first[i];
        }
        losses->first[n] = sum;
        losses->inbound = calloc((size_t)sum + 1, sizeof(Inbound));
        if (!losses->inbound)
                abort();
        sort_sent(losses, slots, true);
        free(slots);
}

/* Whether the bus must have processed all that was written. */
static bool is_processed(const RandomHistory *history, const RandomIncarnation *sender)
{
        return sender->end == RANDOM_END_FINISHED || sender->end == RANDOM_END_ORDERLY ||
               (sender->end == RANDOM_END_ABRUPT && !history->lenient);
}

/* Whether the bus told the sender that it did not deliver this, or may have wanted to. */
static bool is_refused(const RandomIncarnation *sender, uint32_t serial)
{
        uint8_t flags = random_history_sent(sender, serial)->flags;
        uint32_t answer = sender->answer[serial];

        if (flags & RANDOM_FLAG_DENIED ||
            (flags & RANDOM_FLAG_BY_TURNS && sender->end != RANDOM_END_FINISHED))
                return true;
        return answer && sender->records[answer - 1]->peer == RANDOM_DRIVER;
}

static void check_inbound(Losses *losses, uint32_t receiver)
{
        RandomHistory *history = losses->history;
        const RandomIncarnation *client = &history->incarnations[receiver];
        const Inbound *missing = NULL;

        for (uint32_t i = losses->first[receiver]; i < losses->first[receiver + 1]; i++) {
                const Inbound *inbound = &losses->inbound[i];
                const RandomIncarnation *sender = &history->incarnations[inbound->sender];

                if (is_refused(sender, inbound->serial))
                        continue;
                if (missing && missing->sender != inbound->sender)
                        missing = NULL;
                if (sender->receiver[inbound->serial] == 0) {
                        missing = missing ? missing : inbound;
                        if (client->end == RANDOM_END_FINISHED && is_processed(history, sender) &&
                            inbound->serial <= sender->written)
                                random_history_report(
                                        history, sender->end == RANDOM_END_FINISHED ? 'a' : 'i',
                                        sender, sender->sent[inbound->serial] - 1,
                                        "a message that was never received");
                } else if (missing && client->end != RANDOM_END_FINISHED) {
                        random_history_report(history, 'a', sender,
                                              sender->sent[missing->serial] - 1,
                                              "a message that was never received, but a later one");
                        missing = NULL;
                }
        }
}

/*
 * A round trip of the receiver's that began when `known` had been processed ended at record
 * `index`: those messages lie before it.
 */
static void check_barrier(Losses *losses, uint32_t receiver, uint32_t index, uint32_t *next)
{
        RandomHistory *history = losses->history;
        const RandomIncarnation *client = &history->incarnations[receiver];
        const RandomRecord *call =
                random_history_sent(client, client->records[index]->reply_serial);
        uint32_t at = client->sent[call->serial] - 1;
        const RandomRecord *snapshot = at > 0 ? client->records[at - 1] : NULL;
        const RandomKnown *known = snapshot ? random_history_known(snapshot) : NULL;

        if (!snapshot || snapshot->what != RANDOM_SNAPSHOT)
                return;
        for (uint32_t k = 0; k < snapshot->n_known; k++) {
                const RandomIncarnation *sender = random_history_find(history, known[k].unique);
                uint32_t i = sender ? (uint32_t)(sender - history->incarnations) : 0;

                for (; sender && next[i] < losses->first[receiver + 1]; next[i]++) {
                        const Inbound *inbound = &losses->inbound[next[i]];

                        if (inbound->sender != i || inbound->serial > known[k].serial)
                                break;
                        random_history_count(history, 'k');
                        if (sender->receiver[inbound->serial] == receiver + 1 &&
                            sender->received[inbound->serial] > index)
                                random_history_report(
                                        history, 'k', client, sender->received[inbound->serial],
                                        "received after a round trip that began when its "
                                        "sender's round trip was over");
                }
        }
}

static void check_barriers(Losses *losses, uint32_t receiver)
{
        RandomHistory *history = losses->history;
        const RandomIncarnation *client = &history->incarnations[receiver];
        uint32_t *next = malloc((history->n_incarnations + 1) * sizeof(uint32_t));

        if (!next)
                abort();
        for (uint32_t i = 0; i < history->n_incarnations; i++)
                next[i] = losses->first[receiver + 1];
        for (uint32_t i = losses->first[receiver + 1]; i-- > losses->first[receiver];)
                next[losses->inbound[i].sender] = i;
        for (uint32_t i = 0; i < client->n_records; i++) {
                const RandomRecord *record = client->records[i], *call;

                if (record->what != RANDOM_RECEIVED || record->type != RAWMESSAGE_RETURN)
                        continue;
                call = random_history_sent(client, record->reply_serial);
                if (call && call->method == RANDOM_METHOD_GET_ID)
                        check_barrier(losses, receiver, i, next);
        }
        free(next);
}

void random_check_losses(RandomHistory *history)
{
        Losses losses = {.history = history};

        for (uint32_t i = 0; i < history->n_incarnations; i++)
                note_receivers(history, i);
        sort_inbound(&losses);
        for (uint32_t i = 0; i < history->n_incarnations; i++) {
                check_inbound(&losses, i);
                check_barriers(&losses, i);
        }
        free(losses.inbound);
        free(losses.first);
}
