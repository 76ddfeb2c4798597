/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/policyrandom.h"

#include <stdio.h>
#include <stdlib.h>

#include "broker/base/assert.h"

enum { RULES_MAX = 14, UIDS = 3, GIDS = 4, FDS = 4 };

static const char *const interfaces[] = {"a.b", "a.c", "org.freedesktop.DBus", "long.Interface"};
static const char *const members[] = {"M", "N", "Get", "Set"};
static const char *const paths[] = {"/", "/a", "/a/b", "/c"};
static const char *const errors[] = {"a.E", "a.F", "a.b"};
static const char *const names[] = {"a.b",
                                    "a.b.c",
                                    "a.bc",
                                    "a",
                                    "com.x",
                                    "com.x.y.z",
                                    "com.x.y",
                                    ":1.1",
                                    "other",
                                    ":1",
                                    "org.freedesktop.DBus",
                                    ":1.2"};
static const char *const uniques[] = {":1.0", ":1.1", ":1.2"};

_Static_assert(ARRAY_SIZE(uniques) == POLICYCASE_PARTIES, "one for each");

unsigned policyrandom_below(PolicyRandom *random, unsigned n)
{
        uint64_t x = random->state += UINT64_C(0x9e3779b97f4a7c15); /* splitmix64 */

        x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
        x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
        return (unsigned)((x ^ (x >> 31)) % n);
}

static bool one_in(PolicyRandom *random, unsigned n)
{
        return policyrandom_below(random, n) == 0;
}

static const char *pick(PolicyRandom *random, const char *const *words, size_t n)
{
        return words[policyrandom_below(random, (unsigned)n)];
}

/* Absent once in `absent`; such texts of a message are borrowed, those of a rule its own. */
#define MAYBE(random, absent, words)                                                               \
        (one_in(random, absent) ? NULL : pick(random, words, ARRAY_SIZE(words)))

static char *copy(const char *text)
{
        char *mine = text ? strdup(text) : NULL;

        ASSERT(mine || !text);
        return mine;
}

static void fill_message_rule(PolicyRandom *random, PolicyRule *rule)
{
        const bool general = one_in(random, 9);

        rule->eavesdrop = one_in(random, 3);
        if (one_in(random, 3))
                rule->requested_reply = one_in(random, 2);
        if (one_in(random, 5))
                rule->min_fds = policyrandom_below(random, FDS);
        if (one_in(random, 5))
                rule->max_fds = policyrandom_below(random, FDS);
        if (rule->kind == POLICY_RULE_SEND) {
                rule->log = one_in(random, 6);
                rule->broadcast =
                        (PolicyBroadcast)(one_in(random, 2) ? 0 : policyrandom_below(random, 3));
        }
        if (general)
                return;
        rule->type = (uint8_t)(one_in(random, 2) ? 0 : policyrandom_below(random, 5));
        rule->interface = copy(one_in(random, 3) ? pick(random, interfaces, 4) : NULL);
        rule->member = copy(one_in(random, 3) ? pick(random, members, 4) : NULL);
        rule->path = copy(one_in(random, 3) ? pick(random, paths, 4) : NULL);
        rule->error = copy(one_in(random, 5) ? pick(random, errors, 3) : NULL);
        rule->name = copy(MAYBE(random, 2, names));
        rule->name_is_prefix = rule->name && one_in(random, 2);
}

static void add_rule(PolicyRandom *random, PolicyRules *rules)
{
        static const PolicyRuleKind kinds[] = {
                POLICY_RULE_SEND,    POLICY_RULE_SEND, POLICY_RULE_SEND, POLICY_RULE_RECEIVE,
                POLICY_RULE_RECEIVE, POLICY_RULE_OWN,  POLICY_RULE_USER, POLICY_RULE_GROUP};
        const PolicyRuleKind kind = kinds[policyrandom_below(random, ARRAY_SIZE(kinds))];
        PolicyContext context = (PolicyContext)policyrandom_below(random, 5);
        const bool connects = kind == POLICY_RULE_USER || kind == POLICY_RULE_GROUP;
        PolicyRule rule;

        if (one_in(random, 2))
                context = POLICY_CONTEXT_DEFAULT;
        if (connects && context != POLICY_CONTEXT_DEFAULT)
                context = POLICY_CONTEXT_MANDATORY;
        policyrule_init(&rule, context, kind, one_in(random, 2));
        if (context == POLICY_CONTEXT_USER)
                rule.context_id = policyrandom_below(random, UIDS);
        if (context == POLICY_CONTEXT_GROUP)
                rule.context_id = policyrandom_below(random, GIDS);
        if (connects) {
                rule.id = one_in(random, 5) ? POLICY_ID_ANY : policyrandom_below(random, UIDS);
        } else if (kind == POLICY_RULE_OWN) {
                rule.name = copy(MAYBE(random, 6, names));
                rule.name_is_prefix = rule.name && one_in(random, 2);
        } else {
                fill_message_rule(random, &rule);
        }
        ASSERT(policyrules_add(rules, &rule) == 0);
}

void policyrandom_rename(PolicyRandom *random, PolicyCaseParty *party)
{
        const unsigned n = policyrandom_below(random, POLICYCASE_NAMES);

        party->n_names = 1;
        for (unsigned i = 0; i < n; i++) {
                const char *name = pick(random, names, ARRAY_SIZE(names));

                if (name[0] != ':')
                        party->names[party->n_names++] = name;
        }
}

static void make_party(PolicyRandom *random, PolicyCaseParty *party, const char *unique)
{
        *party = (PolicyCaseParty){.uid = policyrandom_below(random, UIDS), .names = {unique}};
        for (uint32_t gid = 0; gid < GIDS; gid++)
                if (one_in(random, 2))
                        party->gids[party->n_gids++] = gid;
        policyrandom_rename(random, party);
}

static void make_message(PolicyRandom *random, PolicyCaseMessage *message)
{
        *message = (PolicyCaseMessage){.path = MAYBE(random, 3, paths),
                                       .interface = MAYBE(random, 3, interfaces),
                                       .member = MAYBE(random, 3, members),
                                       .error = MAYBE(random, 3, errors),
                                       .destination = MAYBE(random, 3, names),
                                       .sender = MAYBE(random, 4, names),
                                       .n_fds = policyrandom_below(random, FDS),
                                       .type = (uint8_t)(1 + policyrandom_below(random, 4)),
                                       .is_reply = one_in(random, 2),
                                       .addressed = one_in(random, 2)};
        message->requested = message->is_reply && one_in(random, 2);
}

/* Everything is allowed, as far as nothing else follows. */
static void add_session(PolicyRules *rules)
{
        static const PolicyRuleKind kinds[] = {POLICY_RULE_SEND, POLICY_RULE_RECEIVE,
                                               POLICY_RULE_OWN};
        PolicyRule rule;

        for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
                policyrule_init(&rule, POLICY_CONTEXT_DEFAULT, kinds[i], true);
                rule.eavesdrop = true;
                ASSERT(policyrules_add(rules, &rule) == 0);
        }
}

void policyrandom_make(PolicyRandom *random, PolicyCase *ret_case)
{
        const unsigned n_rules = policyrandom_below(random, one_in(random, 4) ? 4 : RULES_MAX);

        *ret_case =
                (PolicyCase){.n_parties = POLICYCASE_PARTIES, .n_messages = POLICYCASE_MESSAGES};
        if (one_in(random, 4))
                add_session(&ret_case->rules);
        for (unsigned i = 0; i < n_rules; i++)
                add_rule(random, &ret_case->rules);
        for (size_t i = 0; i < POLICYCASE_PARTIES; i++)
                make_party(random, &ret_case->parties[i], uniques[i]);
        for (size_t i = 0; i < POLICYCASE_MESSAGES; i++)
                make_message(random, &ret_case->messages[i]);
}

void policyrandom_end(PolicyCase *self)
{
        policyrules_deinit(&self->rules);
}
