/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/router/judge_private.h"

#include "broker/base/trace.h"
#include "broker/router/mediate.h"
#include "broker/router/step.h"

/* A message on trial. */
typedef struct Judge {
        RouterThread *thread;
        const Policy *policy;
        const Header *header;
        JudgeParty sender;
        PolicyShape shape; /* without what depends on the recipient */
} Judge;

/* NULL: the bus. */
static const PolicyParty *judge_party(const JudgeParty *self)
{
        return self->endpoint ? &self->party : NULL;
}

/* `bus_name`: what the header calls the side that is the bus, or TEXT_NONE. */
static void judge_begin(Judge *judge, RouterThread *thread, const Endpoint *sender,
                        const Header *header, Text bus_name)
{
        judge->thread = thread;
        judge->policy = thread->root->policy;
        judge->header = header;
        judge_begin_party(&judge->sender, sender);
        policy_shape(judge->policy, header, bus_name, &judge->shape);
}

static Verdict judge_decide(const Judge *judge, const JudgeParty *recipient,
                            const PolicyShape *shape)
{
        const PolicyParty *from = judge_party(&judge->sender), *to = judge_party(recipient);
        PolicyVerdict sending = {.allowed = true};

        if (from)
                sending = policy_decide_send(judge->policy, from, to, shape);
        if (!sending.allowed)
                return VERDICT_NO_SEND;
        if (to && !policy_decide_receive(judge->policy, to, from, shape).allowed)
                return VERDICT_NO_RECEIVE;
        return sending.log ? VERDICT_LOGGED : VERDICT_ALLOWED;
}

static uint64_t judge_id(const Endpoint *endpoint)
{
        return endpoint ? endpoint->id : ENDPOINT_NO_ID;
}

static uint64_t judge_serial(const JudgeParty *self, bool asked)
{
        return asked && self->endpoint && self->names ? self->names->serial : 0;
}

static PolicyShape judge_shape(const Judge *judge, unsigned flags)
{
        PolicyShape shape = judge->shape;

        shape.flags |= (uint8_t)flags;
        return shape;
}

static const Mediator *judge_mediate(const Judge *judge, const Endpoint *to, unsigned flags)
{
        return judge->sender.endpoint ? mediate_send(judge->thread, judge->sender.endpoint, to,
                                                     judge->header, flags & POLICY_SHAPE_REQUESTED)
                                      : NULL;
}

/* What the security modules and the policy say about the message as sent to one recipient. */
static Verdict judge_ask(Judge *judge, const Endpoint *to, unsigned flags)
{
        RouterThread *thread = judge->thread;
        JudgeParty recipient;
        VerdictKey key;
        Verdict verdict;

        if (mediate_is_needed(thread)) {
                if (judge_mediate(judge, to, flags))
                        return VERDICT_MEDIATED;
                if (judge->policy->allows_all_messages)
                        return VERDICT_ALLOWED;
        }
        judge_begin_party(&recipient, to);
        key = (VerdictKey){.sender = judge_id(judge->sender.endpoint),
                           .recipient = judge_id(to),
                           .sender_names = judge_serial(&judge->sender, judge->policy->asks_sender),
                           .recipient_names =
                                   judge_serial(&recipient, judge->policy->asks_recipient),
                           .shape = judge_shape(judge, flags)};
        verdict = verdicts_find(&thread->verdicts, judge->policy->generation, &key);
        if (LIKELY(verdict != VERDICT_UNKNOWN)) {
                tally_add(&thread->n_verdict_hits, 1);
                return verdict;
        }
        tally_add(&thread->n_verdict_misses, 1);
        verdict = judge_decide(judge, &recipient, &key.shape);
        verdicts_add(&thread->verdicts, &key, verdict);
        return verdict;
}

/* How many rules had a say in it. */
static unsigned judge_count(const Judge *judge, const Endpoint *to, unsigned flags, Verdict verdict)
{
        const PolicyShape shape = judge_shape(judge, flags);
        const PolicyParty *from = judge_party(&judge->sender);
        JudgeParty recipient;

        judge_begin_party(&recipient, to);
        if (verdict == VERDICT_NO_RECEIVE)
                return policy_count_receive(judge->policy, &recipient.party, from, &shape);
        return policy_count_send(judge->policy, from, judge_party(&recipient), &shape);
}

/* Of the module that said no; where answers are not remembered it may say yes by now. */
static const char *judge_complain(const Judge *judge, const Endpoint *to, unsigned flags)
{
        const Mediator *mediator = judge_mediate(judge, to, flags);

        return mediator ? mediator->complaint
                        : "A security policy prevents this sender from sending this message to "
                          "this recipient";
}

/* Puts a verdict into words. */
static void judge_word(const Judge *judge, const Endpoint *to, unsigned flags, Verdict verdict)
{
        RouterThread *thread = judge->thread;
        RefusalsCase what = {.complaint = "Rejected send message",
                             .counts_matches = verdict != VERDICT_MEDIATED,
                             .header = judge->header,
                             .sender = judge->sender.endpoint,
                             .recipient = to,
                             .requested_reply = flags & POLICY_SHAPE_REQUESTED};

        TRACE_WINDOW(TRACE_EXEMPT);
        if (what.counts_matches)
                what.n_matches = judge_count(judge, to, flags, verdict);
        else
                what.complaint = judge_complain(judge, to, flags);
        if (verdict == VERDICT_NO_RECEIVE)
                what.complaint = "Rejected receive message";
        else if (verdict == VERDICT_LOGGED)
                what.complaint = "Would reject message";
        refusals_describe(&thread->refusals, &what);
}

/* And into the log. */
static void judge_report(const Judge *judge, const Endpoint *to, unsigned flags, Verdict verdict)
{
        Refusals *refusals = &judge->thread->refusals;

        judge_word(judge, to, flags, verdict);
        refusals_log(refusals, refusals->text);
}

/* A message that passes, by a rule that says log="true": put into words only if it is written. */
static void judge_note(const Judge *judge, const Endpoint *to, unsigned flags)
{
        Refusals *refusals = &judge->thread->refusals;

        if (!refusals_may_log(refusals))
                return;
        judge_word(judge, to, flags, VERDICT_LOGGED);
        refusals_write(refusals, refusals->text);
}

Verdict judge_unicast(RouterThread *thread, const Endpoint *sender, const Endpoint *to,
                      const Header *header, bool requested)
{
        const unsigned flags = requested ? POLICY_SHAPE_REQUESTED : 0;
        Verdict verdict;
        Judge judge;

        judge_begin(&judge, thread, sender, header, TEXT_NONE);
        verdict = judge_ask(&judge, to, flags);
        if (UNLIKELY(verdict == VERDICT_LOGGED))
                judge_note(&judge, to, flags);
        return verdict;
}

void judge_refuse(RouterThread *thread, const Endpoint *sender, const Endpoint *to,
                  const Header *header, bool requested, Verdict verdict)
{
        Judge judge;

        judge_begin(&judge, thread, sender, header, TEXT_NONE);
        tally_add(&thread->n_denied, 1);
        judge_report(&judge, to, requested ? POLICY_SHAPE_REQUESTED : 0, verdict);
}

bool judge_hello(RouterThread *thread, const Endpoint *sender, const Header *header)
{
        Judge judge;

        if (!mediate_is_needed(thread))
                return true;
        judge_begin(&judge, thread, sender, header, header->destination);
        if (!judge_mediate(&judge, NULL, 0))
                return true;
        judge_report(&judge, NULL, 0, VERDICT_MEDIATED);
        tally_add(&thread->n_denied, 1);
        return false;
}

bool judge_to_bus(RouterThread *thread, const Endpoint *sender, const Header *header)
{
        Verdict verdict;
        Judge judge;

        if (!judge_is_needed(thread))
                return true;
        judge_begin(&judge, thread, sender, header, header->destination);
        verdict = judge_ask(&judge, NULL, 0);
        if (verdict == VERDICT_ALLOWED)
                return true;
        if (verdict == VERDICT_LOGGED) {
                judge_note(&judge, NULL, 0);
                return true;
        }
        judge_report(&judge, NULL, 0, verdict);
        tally_add(&thread->n_denied, 1);
        return false;
}

bool judge_from_bus(RouterThread *thread, const Endpoint *to, const Message *message)
{
        const uint8_t *body;
        unsigned flags;
        Header header;
        Judge judge;

        if (!judge_is_needed(thread) || to->id == ENDPOINT_NO_ID)
                return true;
        step_parse_own(message, &header, &body);
        judge_begin(&judge, thread, NULL, &header, header.sender);
        flags = judge.shape.flags & POLICY_SHAPE_REPLY ? POLICY_SHAPE_REQUESTED : 0;
        if (!judge_is_refusal(judge_ask(&judge, to, flags)))
                return true;
        tally_add(&thread->n_denied, 1);
        return false;
}

const char *judge_word_own(RouterThread *thread, const Endpoint *to, const Header *header)
{
        unsigned flags;
        Judge judge;

        judge_begin(&judge, thread, NULL, header, header->sender);
        flags = judge.shape.flags & POLICY_SHAPE_REPLY ? POLICY_SHAPE_REQUESTED : 0;
        judge_word(&judge, to, flags, judge_ask(&judge, to, flags));
        return thread->refusals.text;
}

void judge_targets(RouterThread *thread, const Endpoint *sender, const Header *header,
                   JudgeLocks locks)
{
        unsigned n = 0, flags;
        Judge judge;

        if (!judge_is_needed(thread) || thread->n_targets == 0)
                return;
        flags = text_present(header->destination) ? POLICY_SHAPE_EAVESDROPS : 0;
        judge_begin(&judge, thread, sender, header, sender ? TEXT_NONE : header->sender);
        for (unsigned i = 0; i < thread->n_targets; i++) {
                Endpoint *to = thread->targets[i];
                const Verdict verdict = judge_ask(&judge, to, flags);

                if (UNLIKELY(verdict == VERDICT_LOGGED) && locks == JUDGE_NO_LOCK)
                        judge_note(&judge, to, flags);
                if (!judge_is_refusal(verdict))
                        thread->targets[n++] = to;
                else
                        thread->sorted[thread->n_denied_targets++] = to;
        }
        tally_add(&thread->n_denied, thread->n_targets - n);
        thread->n_targets = n;
}

const char *judge_word_target(RouterThread *thread, const Endpoint *sender, const Header *header,
                              const Endpoint *to)
{
        const unsigned flags = text_present(header->destination) ? POLICY_SHAPE_EAVESDROPS : 0;
        Judge judge;

        judge_begin(&judge, thread, sender, header, sender ? TEXT_NONE : header->sender);
        judge_word(&judge, to, flags, judge_ask(&judge, to, flags));
        return thread->refusals.text;
}
