/* SPDX-License-Identifier: Apache-2.0 */

/* See random_check.h: who answers what, and how often. */

#include "tests/order/random_check.h"
#include "tests/support/rawmessage.h"

static bool is_answer(const RandomRecord *record)
{
        return record->what == RANDOM_RECEIVED &&
               (record->type == RAWMESSAGE_RETURN || record->type == RAWMESSAGE_ERROR);
}

static bool expects_answer(const RandomRecord *sent)
{
        return sent->type == RAWMESSAGE_CALL && !(sent->flags & RANDOM_FLAG_NO_REPLY);
}

/* What is wrong about an answer of the bus's, or NULL. */
static const char *judge_driver(const RandomHistory *history, const RandomRecord *sent,
                                const RandomRecord *answer)
{
        const RandomIncarnation *callee;

        if (sent->to == RANDOM_TO_DRIVER)
                return answer->type == RAWMESSAGE_RETURN ||
                                       (answer->error == RANDOM_ERROR_NO_OWNER &&
                                        sent->method == RANDOM_METHOD_GET_OWNER)
                               ? NULL
                               : "a call of the driver failed";
        if (answer->type == RAWMESSAGE_RETURN)
                return "the bus returned what only the callee may";
        if (answer->error == RANDOM_ERROR_NO_REPLY && !expects_answer(sent))
                return "NoReply for a message that wants no reply";
        if (answer->error == RANDOM_ERROR_LIMITS)
                return "LimitsExceeded, though no limit is ever reached";
        if (answer->error == RANDOM_ERROR_DENIED)
                return NULL; /* random_check_policy() */
        if (answer->error != RANDOM_ERROR_NO_REPLY && answer->error != RANDOM_ERROR_NO_OWNER)
                return "an error for which there is no reason";
        callee = sent->to == RANDOM_TO_UNIQUE ? random_history_find(history, sent->peer) : NULL;
        if (callee && !callee->died)
                return "the bus says that a callee is gone which is not";
        return NULL;
}

/* What is wrong about an answer, or NULL. */
static const char *judge(const RandomHistory *history, const RandomRecord *sent,
                         const RandomRecord *answer)
{
        if (!sent)
                return "an answer to nothing";
        if (answer->peer == RANDOM_DRIVER)
                return judge_driver(history, sent, answer);
        if (!expects_answer(sent) || sent->to == RANDOM_TO_DRIVER)
                return "an answer to a message that wants none";
        if (sent->to == RANDOM_TO_UNIQUE && sent->peer != answer->peer)
                return "an answer of somebody else";
        return NULL;
}

static void note_answer(RandomHistory *history, RandomIncarnation *client, uint32_t index)
{
        const RandomRecord *answer = client->records[index];
        const RandomRecord *sent = random_history_sent(client, answer->reply_serial);
        const char *what = judge(history, sent, answer);

        random_history_count(history, 'j');

        if (sent && client->answer[answer->reply_serial])
                what = "a second answer";
        if (what)
                random_history_report(history, 'j', client, index, what);
        if (sent)
                client->answer[answer->reply_serial] = index + 1;
}

static void check_client(RandomHistory *history, RandomIncarnation *client)
{
        for (uint32_t i = 0; i < client->n_records; i++) {
                if (is_answer(client->records[i]))
                        note_answer(history, client, i);
        }
        if (client->end == RANDOM_END_LOST)
                random_history_report(history, 'i', client, client->n_records - 1,
                                      "the bus closed the connection");
        if (client->end != RANDOM_END_FINISHED && client->end != RANDOM_END_STUCK)
                return;
        for (uint32_t s = 1; s <= client->n_serials; s++) {
                const RandomRecord *sent = random_history_sent(client, s);

                if (sent && expects_answer(sent) && !client->answer[s] &&
                    sent->method != RANDOM_METHOD_HELLO)
                        random_history_report(history, 'j', client, client->sent[s] - 1,
                                              "a call that was never answered");
        }
}

void random_check_answers(RandomHistory *history)
{
        for (uint32_t i = 0; i < history->n_incarnations; i++)
                check_client(history, &history->incarnations[i]);
}
