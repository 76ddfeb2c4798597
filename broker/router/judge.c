/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/router/judge.h"

#include <stdio.h>

#include "broker/base/trace.h"
#include "broker/router/step.h"

/* A connection with one snapshot of its names, for the key and the decision alike. */
typedef struct JudgeParty {
        PolicyParty party;
        const Endpoint *endpoint; /* NULL: the bus */
        const NameSet *names;
} JudgeParty;

/* A message on trial. */
typedef struct Judge {
        RouterThread *thread;
        const Policy *policy;
        const Header *header;
        JudgeParty sender;
        PolicyShape shape; /* without what depends on the recipient */
} Judge;

static bool judge_name_fits(Text mine, Text name, bool is_prefix)
{
        if (!is_prefix)
                return text_equal(mine, name);
        return text_starts_with(mine, name) &&
               (mine.size == name.size || mine.data[name.size] == '.');
}

static bool judge_has_name(const void *context, Text name, bool is_prefix)
{
        const JudgeParty *self = context;
        const unsigned n = self->names ? self->names->n : 0;

        if (judge_name_fits(endpoint_name(self->endpoint), name, is_prefix))
                return true;
        for (unsigned i = 0; i < n; i++)
                if (judge_name_fits(names_text(self->names->items[i]), name, is_prefix))
                        return true;
        return false;
}

static void judge_begin_party(JudgeParty *self, const Endpoint *endpoint)
{
        const Credentials *credentials;

        *self = (JudgeParty){.endpoint = endpoint};
        if (!endpoint)
                return;
        credentials = endpoint->credentials;
        self->names = cell_get(&endpoint->names);
        self->party =
                (PolicyParty){.uid = endpoint->uid, .has_name = judge_has_name, .context = self};
        if (credentials && credentials->groups) {
                self->party.gids = credentials->groups;
                self->party.n_gids = credentials->n_groups;
        } else if (credentials) { /* a kernel that does not tell: at least this one is known */
                self->party.gids = &credentials->gid;
                self->party.n_gids = 1;
        }
}

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

/* What the policy says about the message as sent to one recipient. */
static Verdict judge_ask(Judge *judge, const Endpoint *to, unsigned flags)
{
        RouterThread *thread = judge->thread;
        JudgeParty recipient;
        VerdictKey key;
        Verdict verdict;

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

/* Puts a verdict into words. */
static void judge_word(const Judge *judge, const Endpoint *to, unsigned flags, Verdict verdict)
{
        RouterThread *thread = judge->thread;
        RefusalsCase what = {.complaint = "Rejected send message",
                             .n_matches = judge_count(judge, to, flags, verdict),
                             .header = judge->header,
                             .sender = judge->sender.endpoint,
                             .recipient = to,
                             .requested_reply = flags & POLICY_SHAPE_REQUESTED};

        TRACE_WINDOW(TRACE_EXEMPT);
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

bool judge_name(RouterThread *thread, const Endpoint *endpoint, Text name)
{
        Refusals *refusals = &thread->refusals;
        JudgeParty self;

        if (thread->root->policy->allows_all_names)
                return true;
        judge_begin_party(&self, endpoint);
        if (policy_decide_own(thread->root->policy, &self.party, name))
                return true;
        tally_add(&thread->n_denied, 1);
        snprintf(refusals->text, sizeof(refusals->text),
                 "Connection \"%.*s\" is not allowed to own the service \"%.*s\" due to security "
                 "policies in the configuration file",
                 TEXT_FORMAT(endpoint_name(endpoint)), TEXT_FORMAT(name));
        refusals_log(refusals, refusals->text);
        return false;
}
