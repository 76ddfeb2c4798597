/* SPDX-License-Identifier: Apache-2.0 */

/*
 * See random_check.h. What the monitor saw is one order of all messages: each once, a reply behind
 * its request. Everybody received what was for him in just this order, and all that was sent is in
 * it. (Messages of the bus are told apart by their serials, which are unique; the reference counts
 * them for each connection: there they are left out.)
 */

#include <stdlib.h>

#include "tests/order/random_check.h"
#include "tests/support/rawmessage.h"

typedef struct Seen {
        RandomHistory *history;
        const RandomSeen *log;
        size_t n;
        uint32_t *slots; /* index + 1 by sender and serial: open addressing */
        size_t mask;
} Seen;

static size_t slot_of(const Seen *seen, uint32_t peer, uint32_t serial)
{
        uint64_t key = ((uint64_t)peer << 32 | serial) * 0x9e3779b97f4a7c15ULL;
        size_t at = (size_t)(key >> 32) & seen->mask;

        while (seen->slots[at]) {
                const RandomSeen *other = &seen->log[seen->slots[at] - 1];

                if (other->peer == peer && other->serial == serial)
                        break;
                at = (at + 1) & seen->mask;
        }
        return at;
}

/* Index + 1 of the message, or 0. */
static uint32_t find(const Seen *seen, uint32_t peer, uint32_t serial)
{
        return seen->slots[slot_of(seen, peer, serial)];
}

/* Reported as of the incarnation that it was from or for. */
static void report(const Seen *seen, uint32_t i, const char *what)
{
        const RandomSeen *message = &seen->log[i];
        const uint32_t unique = message->peer != RANDOM_DRIVER ? message->peer
                                : message->to                  ? message->to - 1
                                                               : RANDOM_DRIVER;
        const RandomIncarnation *who = random_history_find(seen->history, unique);
        uint32_t index = 0;

        if (!who)
                who = seen->history->incarnations;
        else if (message->peer != RANDOM_DRIVER && message->serial <= who->n_serials &&
                 who->sent[message->serial])
                index = who->sent[message->serial] - 1;
        random_history_report(seen->history, 'j', who, index, what);
}

/* Whether this test's clients have to do with it, and it can be told from others. */
static bool is_known(const Seen *seen, const RandomSeen *message)
{
        if (message->peer == RANDOM_DRIVER)
                return !seen->history->lenient;
        return random_history_find(seen->history, message->peer) != NULL;
}

static void check_stream(Seen *seen)
{
        for (uint32_t i = 0; i < seen->n; i++) {
                const RandomSeen *message = &seen->log[i];
                size_t at;

                if (!is_known(seen, message))
                        continue;
                random_history_count(seen->history, 'j');
                at = slot_of(seen, message->peer, message->serial);
                if (seen->slots[at])
                        report(seen, i, "the monitor saw a message twice");
                seen->slots[at] = i + 1;
                if (message->reply_serial && message->to &&
                    random_history_find(seen->history, message->to - 1) &&
                    !find(seen, message->to - 1, message->reply_serial))
                        report(seen, i, "the monitor saw a reply before its request");
        }
}

/* In the order in which the monitor saw it, and nothing that it did not see. */
static void check_received(const Seen *seen, const RandomIncarnation *client)
{
        uint32_t last = 0;

        for (uint32_t i = 0; i < client->n_records; i++) {
                const RandomRecord *record = client->records[i];
                uint32_t at;

                if (record->what != RANDOM_RECEIVED ||
                    (record->peer == RANDOM_DRIVER && seen->history->lenient))
                        continue;
                random_history_count(seen->history, 'j');
                at = find(seen, record->peer, record->serial);
                if (!at)
                        random_history_report(seen->history, 'j', client, i,
                                              "received, and not seen by the monitor");
                else if (at < last)
                        random_history_report(seen->history, 'j', client, i,
                                              "received in another order than the monitor saw");
                if (at)
                        last = at;
        }
}

/* All that the bus has processed for certain: seen, whatever became of it. */
static void check_sent(const Seen *seen, const RandomIncarnation *client)
{
        if (client->end != RANDOM_END_FINISHED && client->end != RANDOM_END_ORDERLY)
                return;
        for (uint32_t serial = 2; serial <= client->written && serial <= client->n_serials;
             serial++) {
                if (!client->sent[serial])
                        continue;
                random_history_count(seen->history, 'j');
                if (!find(seen, client->unique, serial))
                        random_history_report(seen->history, 'j', client, client->sent[serial] - 1,
                                              "sent, and not seen by the monitor");
        }
}

void random_check_monitor(RandomHistory *history, const RandomSeen *log, size_t n)
{
        Seen seen = {.history = history, .log = log, .n = n, .mask = 1024};

        while (seen.mask < 2 * n)
                seen.mask *= 2;
        seen.slots = calloc(seen.mask, sizeof(*seen.slots));
        if (!seen.slots)
                abort();
        seen.mask--;
        check_stream(&seen);
        for (uint32_t i = 0; i < history->n_incarnations; i++) {
                check_received(&seen, &history->incarnations[i]);
                check_sent(&seen, &history->incarnations[i]);
        }
        free(seen.slots);
}
