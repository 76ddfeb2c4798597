/* SPDX-License-Identifier: Apache-2.0 */

/*
 * See random_check.h. For each receiver: how far it knows each sender, directly (a) and through
 * others (b), by the clocks in the messages. And, since broadcasts have positions, how far they
 * must have got when a message is received: a later broadcast at or below that *floor* came too
 * late, though its cause had been read by whoever sent the message (b).
 */

#include <stdlib.h>

#include "tests/order/random_check.h"
#include "tests/support/rawmessage.h"

typedef struct Reader {
        RandomHistory *history;
        const RandomIncarnation *client;
        uint32_t *direct; /* by incarnation: the last serial received from it */
        uint32_t *known;  /* by incarnation: the last serial heard of */
        uint32_t floor;
        char floor_clause;
} Reader;

static void raise_floor(Reader *reader, uint32_t position, char clause)
{
        if (position <= reader->floor)
                return;
        reader->floor = position;
        reader->floor_clause = clause;
}

static void check_sequence(Reader *reader, uint32_t index, uint32_t sender)
{
        const RandomRecord *record = reader->client->records[index];
        const RandomKnown *known = random_history_known(record);

        random_history_count(reader->history, 'a');
        random_history_count(reader->history, 'b');

        if (record->serial <= reader->direct[sender])
                random_history_report(reader->history, 'a', reader->client, index,
                                      "received twice, or after a later one of the same sender");
        else if (record->serial <= reader->known[sender])
                random_history_report(reader->history, 'b', reader->client, index,
                                      "received after a message that was sent because of a later "
                                      "one of this sender");
        else
                reader->direct[sender] = record->serial;
        if (record->serial > reader->known[sender])
                reader->known[sender] = record->serial;
        for (uint32_t i = 0; i < record->n_known; i++) {
                const RandomIncarnation *other =
                        random_history_find(reader->history, known[i].unique);
                uint32_t *entry =
                        other ? &reader->known[other - reader->history->incarnations] : NULL;

                if (entry && known[i].serial > *entry)
                        *entry = known[i].serial;
        }
}

/* Is it what was sent, and for this receiver? */
static void check_content(Reader *reader, uint32_t index, const RandomRecord *sent)
{
        const RandomRecord *record = reader->client->records[index];
        const char *what = NULL;

        if (record->n_fds > 0)
                random_history_count(reader->history, 'k');
        if (record->flags & RANDOM_FLAG_BAD_FDS || (sent && sent->n_fds != record->n_fds))
                random_history_report(reader->history, 'k', reader->client, index,
                                      "the fds are not those of this message");
        if (record->flags & RANDOM_FLAG_BAD_BODY)
                what = "the body is damaged";
        else if (record->flags & RANDOM_FLAG_BAD_SENDER)
                what = "SENDER is not who wrote the message";
        else if (!sent)
                what = "a message that was not sent";
        else if (sent->type != record->type || sent->to != record->to ||
                 sent->reply_serial != record->reply_serial)
                what = "not the message that was sent";
        else if (sent->to == RANDOM_TO_UNIQUE && sent->peer != reader->client->unique)
                what = "a message for somebody else";
        else if (sent->to == RANDOM_TO_NAME && sent->name != record->name)
                what = "a message for another name";
        if (what)
                random_history_report(reader->history, 'a', reader->client, index, what);
}

static void read_message(Reader *reader, uint32_t index)
{
        const RandomIncarnation *client = reader->client;
        const RandomRecord *record = client->records[index];
        const RandomIncarnation *sender = random_history_find(reader->history, record->peer);
        const RandomRecord *sent = sender ? random_history_sent(sender, record->serial) : NULL;

        check_content(reader, index, sent);
        if (!sent)
                return;
        check_sequence(reader, index, (uint32_t)(sender - reader->history->incarnations));
        if (sender->died)
                random_history_count(reader->history, 'i');
        if (sender->died && client->before[index] >= sender->died)
                random_history_report(reader->history, 'i', client, index,
                                      "received after its sender's last NameOwnerChanged");
        raise_floor(reader, sender->born, 'g');
        if (record->to != RANDOM_TO_ALL) /* what the sender had read when it sent this */
                raise_floor(reader, sender->before[sender->sent[record->serial] - 1], 'b');
}

/* The callee of a call that the bus answered with NoReply. */
static void read_no_reply(Reader *reader, const RandomRecord *record)
{
        const RandomRecord *call = random_history_sent(reader->client, record->reply_serial);
        const RandomIncarnation *callee = call && call->to == RANDOM_TO_UNIQUE
                                                  ? random_history_find(reader->history, call->peer)
                                                  : NULL;

        if (callee)
                raise_floor(reader, callee->died, 'i');
}

static void check_floor(Reader *reader, uint32_t index)
{
        uint32_t position = reader->client->at[index];

        if (position && !reader->client->late[index])
                random_history_count(reader->history, 'b');
        if (!position || position > reader->floor)
                return;
        random_history_report(reader->history, reader->floor_clause, reader->client, index,
                              "a broadcast received after something that came later");
        reader->floor = position - 1; /* once is enough */
}

static void read_log(Reader *reader)
{
        const RandomIncarnation *client = reader->client;

        for (uint32_t i = client->started; i < client->n_records; i++) {
                const RandomRecord *record = client->records[i];

                if (record->what != RANDOM_RECEIVED)
                        continue;
                check_floor(reader, i);
                if (record->peer != RANDOM_DRIVER)
                        read_message(reader, i);
                else if (record->error == RANDOM_ERROR_NO_REPLY)
                        read_no_reply(reader, record);
        }
}

void random_check_order(RandomHistory *history)
{
        for (uint32_t i = 0; i < history->n_incarnations; i++) {
                Reader reader = {.history = history,
                                 .client = &history->incarnations[i],
                                 .direct = calloc(history->n_incarnations, sizeof(uint32_t)),
                                 .known = calloc(history->n_incarnations, sizeof(uint32_t))};

                if (!reader.direct || !reader.known)
                        abort();
                read_log(&reader);
                free(reader.direct);
                free(reader.known);
        }
}
