/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/policycase.h"

#include <stdio.h>

#include "broker/base/assert.h"
#include "tests/support/policyliteral.h"

typedef struct Question {
        const char *what;
        const PolicyCaseParty *asked;
        const PolicyCaseParty *other; /* NULL: the bus */
        size_t number;
} Question;

/* A comparison under way. */
typedef struct Comparison {
        const PolicyCase *self;
        const Policy *policy;
        unsigned n_questions;
        char *text;
        size_t size;
        bool disagrees;
} Comparison;

void policycase_header(const PolicyCaseMessage *message, Header *ret_header)
{
        *ret_header = (Header){.frame.type = message->type,
                               .path = text_from(message->path),
                               .interface = text_from(message->interface),
                               .member = text_from(message->member),
                               .error_name = text_from(message->error),
                               .destination = text_from(message->destination),
                               .sender = text_from(message->sender),
                               .signature = TEXT(""),
                               .reply_serial = message->is_reply ? 7 : 0,
                               .n_unix_fds = message->n_fds};
}

static bool has_name(const void *context, Text name, bool is_prefix)
{
        const PolicyCaseParty *party = context;

        for (size_t i = 0; i < party->n_names; i++) {
                const Text mine = text_from(party->names[i]);

                if (is_prefix ? text_starts_with(mine, name) &&
                                        (mine.size == name.size || mine.data[name.size] == '.')
                              : text_equal(mine, name))
                        return true;
        }
        return false;
}

PolicyParty policycase_party(const PolicyCaseParty *party)
{
        return (PolicyParty){.uid = party->uid,
                             .gids = party->gids,
                             .n_gids = party->n_gids,
                             .has_name = has_name,
                             .context = party};
}

unsigned policycase_flags(const PolicyCaseMessage *message)
{
        unsigned flags = 0;

        if (message->is_reply && message->requested)
                flags |= POLICY_SHAPE_REQUESTED;
        if (!message->addressed && message->destination)
                flags |= POLICY_SHAPE_EAVESDROPS;
        return flags;
}

static int number_of(const Comparison *comparison, const PolicyCaseParty *party)
{
        return party ? (int)(party - comparison->self->parties) : -1;
}

static void compare(Comparison *comparison, const Question *question, PolicyCaseAnswer literal,
                    PolicyCaseAnswer compiled)
{
        comparison->n_questions++;
        if (comparison->disagrees ||
            (literal.allowed == compiled.allowed && literal.n_matches == compiled.n_matches &&
             (literal.n_matches == 0 || literal.log == compiled.log)))
                return;
        comparison->disagrees = true;
        snprintf(comparison->text, comparison->size,
                 "%s, connection %d, other %d, question %zu: literally %s by %u rules%s, compiled "
                 "%s by %u%s",
                 question->what, number_of(comparison, question->asked),
                 number_of(comparison, question->other), question->number,
                 literal.allowed ? "allowed" : "denied", literal.n_matches,
                 literal.log ? " (log)" : "", compiled.allowed ? "allowed" : "denied",
                 compiled.n_matches, compiled.log ? " (log)" : "");
}

static PolicyShape shape_of(const Comparison *comparison, const PolicyCaseMessage *message,
                            Text bus_name)
{
        PolicyShape shape;
        Header header;

        policycase_header(message, &header);
        policy_shape(comparison->policy, &header, bus_name, &shape);
        shape.flags |= (uint8_t)policycase_flags(message);
        return shape;
}

/* Everything allowed at compile time must be what each question says. */
static void compare_open(Comparison *comparison, bool is_open, PolicyCaseAnswer literal)
{
        if (is_open)
                compare(comparison, &(Question){.what = "flag"}, literal,
                        (PolicyCaseAnswer){.allowed = true, .n_matches = literal.n_matches});
}

static void compare_send(Comparison *comparison, const PolicyCaseParty *sender,
                         const PolicyCaseParty *recipient, size_t at)
{
        const PolicyCaseMessage *message = &comparison->self->messages[at];
        const PolicyShape shape = shape_of(comparison, message,
                                           recipient ? TEXT_NONE : text_from(message->destination));
        const PolicyParty from = policycase_party(sender);
        const PolicyParty to = recipient ? policycase_party(recipient) : from;
        const PolicyParty *other = recipient ? &to : NULL;
        const PolicyVerdict verdict = policy_decide_send(comparison->policy, &from, other, &shape);
        const PolicyCaseAnswer literal =
                policyliteral_send(&comparison->self->rules, sender, recipient, message);

        compare(comparison, &(Question){"send", sender, recipient, at}, literal,
                (PolicyCaseAnswer){
                        .allowed = verdict.allowed,
                        .log = verdict.log,
                        .n_matches = policy_count_send(comparison->policy, &from, other, &shape)});
        compare_open(comparison, comparison->policy->allows_all_messages, literal);
}

static void compare_receive(Comparison *comparison, const PolicyCaseParty *recipient,
                            const PolicyCaseParty *sender, size_t at)
{
        const PolicyCaseMessage *message = &comparison->self->messages[at];
        const PolicyShape shape =
                shape_of(comparison, message, sender ? TEXT_NONE : text_from(message->sender));
        const PolicyParty to = policycase_party(recipient);
        const PolicyParty from = sender ? policycase_party(sender) : to;
        const PolicyParty *other = sender ? &from : NULL;
        const PolicyVerdict verdict = policy_decide_receive(comparison->policy, &to, other, &shape);
        const PolicyCaseAnswer literal =
                policyliteral_receive(&comparison->self->rules, recipient, sender, message);

        compare(comparison, &(Question){"receive", recipient, sender, at}, literal,
                (PolicyCaseAnswer){
                        .allowed = verdict.allowed,
                        .log = verdict.log,
                        .n_matches = policy_count_receive(comparison->policy, &to, other, &shape)});
        compare_open(comparison, comparison->policy->allows_all_messages, literal);
}

static void compare_own(Comparison *comparison, const PolicyCaseParty *party, const char *name,
                        size_t at)
{
        const PolicyParty self = policycase_party(party);
        const PolicyCaseAnswer literal = {
                .allowed = policyliteral_own(&comparison->self->rules, party, name)};
        const PolicyCaseAnswer compiled = {
                .allowed = policy_decide_own(comparison->policy, &self, text_from(name))};

        compare(comparison, &(Question){"own", party, NULL, at}, literal, compiled);
        compare_open(comparison, comparison->policy->allows_all_names, literal);
}

static void compare_connect(Comparison *comparison, const PolicyCaseParty *party, bool owns_bus)
{
        const PolicyCaseAnswer literal = {
                .allowed = policyliteral_connect(&comparison->self->rules, party, owns_bus)};
        const PolicyCaseAnswer compiled = {
                .allowed = policy_decide_connect(comparison->policy, party->uid, party->gids,
                                                 party->n_gids, owns_bus)};

        compare(comparison, &(Question){"connect", party, NULL, owns_bus}, literal, compiled);
}

static void compare_party(Comparison *comparison, const PolicyCaseParty *party)
{
        const PolicyCase *self = comparison->self;

        for (size_t at = 0; at < self->n_messages; at++) {
                compare_send(comparison, party, NULL, at);
                compare_receive(comparison, party, NULL, at);
                for (size_t i = 0; i < self->n_parties; i++) {
                        compare_send(comparison, party, &self->parties[i], at);
                        compare_receive(comparison, party, &self->parties[i], at);
                }
        }
        for (size_t i = 0; i < self->n_parties; i++)
                for (size_t k = 0; k < self->parties[i].n_names; k++)
                        compare_own(comparison, party, self->parties[i].names[k], k);
        compare_connect(comparison, party, true);
        compare_connect(comparison, party, false);
}

unsigned policycase_compare(const PolicyCase *self, char *ret_text, size_t size)
{
        Comparison comparison = {.self = self, .text = ret_text, .size = size};
        Policy *policy;

        ret_text[0] = '\0';
        ASSERT(policy_compile(&self->rules, 1, &policy) == 0);
        comparison.policy = policy;
        for (size_t i = 0; i < self->n_parties; i++)
                compare_party(&comparison, &self->parties[i]);
        policy_free(policy);
        return comparison.n_questions;
}
