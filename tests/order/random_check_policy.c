/* SPDX-License-Identifier: Apache-2.0 */

/*
 * See random_check.h. What the policy denies is refused and reaches nobody; what it denies by turns
 * is refused or reaches somebody, never both, and as the policy says if there was no other between
 * sending it and reading what became of it.
 */

#include "tests/order/random_check.h"
#include "tests/order/random_policy.h"
#include "tests/support/rawmessage.h"

typedef struct Judged {
        RandomHistory *history;
        const RandomIncarnation *sender;
        const RandomRecord *sent;
        uint32_t serial;
        const RandomIncarnation *receiver; /* or NULL */
        uint32_t received;                 /* record there */
        const RandomRecord *answer;        /* or NULL */
} Judged;

static void report(const Judged *judged, const char *what)
{
        random_history_report(judged->history, 'l', judged->sender,
                              judged->sender->sent[judged->serial] - 1, what);
}

static bool is_refused(const Judged *judged)
{
        return judged->answer && judged->answer->peer == RANDOM_DRIVER &&
               judged->answer->error == RANDOM_ERROR_DENIED;
}

/* One policy was in force from before the message was sent until this was read. */
static bool is_in_one_state(const Judged *judged, uint32_t later)
{
        return judged->sent->old == later && random_policy_is_settled(later);
}

static void check_by_turns(const Judged *judged)
{
        bool denies = random_policy_denies(judged->sent->old);

        if (judged->receiver && is_refused(judged))
                report(judged, "refused, and received all the same");
        if (is_refused(judged) && is_in_one_state(judged, judged->answer->old)) {
                random_history_count(judged->history, 'l');
                if (!denies)
                        report(judged, "refused by a policy that is not in force any more");
        }
        if (judged->receiver &&
            is_in_one_state(judged, judged->receiver->records[judged->received]->old)) {
                random_history_count(judged->history, 'l');
                if (denies)
                        report(judged, "let pass by a policy that is not in force any more");
        }
}

static void check_denied(const Judged *judged)
{
        random_history_count(judged->history, 'l');
        if (judged->receiver)
                report(judged, "received, though the policy denies it");
        else if (judged->answer && !is_refused(judged) &&
                 judged->answer->error != RANDOM_ERROR_NO_OWNER)
                report(judged, "denied by the policy, but something else is the answer");
        else if (!judged->answer && judged->sender->end == RANDOM_END_FINISHED &&
                 judged->sent->to != RANDOM_TO_NOBODY)
                report(judged, "denied by the policy, and nobody said so");
}

static void check_sent(RandomHistory *history, const RandomIncarnation *sender, uint32_t serial)
{
        Judged judged = {.history = history,
                         .sender = sender,
                         .sent = random_history_sent(sender, serial),
                         .serial = serial};

        if (!judged.sent)
                return;
        if (sender->answer[serial])
                judged.answer = sender->records[sender->answer[serial] - 1];
        if (sender->receiver[serial])
                judged.receiver = &history->incarnations[sender->receiver[serial] - 1];
        judged.received = sender->received[serial];
        if (judged.sent->flags & RANDOM_FLAG_DENIED)
                check_denied(&judged);
        else if (judged.sent->flags & RANDOM_FLAG_BY_TURNS)
                check_by_turns(&judged);
        else if (is_refused(&judged))
                report(&judged, "refused, though the policy allows it");
}

void random_check_policy(RandomHistory *history)
{
        for (uint32_t i = 0; i < history->n_incarnations; i++) {
                const RandomIncarnation *sender = &history->incarnations[i];

                for (uint32_t serial = 1; serial <= sender->n_serials; serial++)
                        check_sent(history, sender, serial);
        }
}
