/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the rules of the configuration to sections: all rules are sorted by domain, context, id of
 * the context and place in the configuration; each run is a section.
 */
#include "auth/policy.h"

#include <errno.h>
#include <stdlib.h>

#include "broker/base/alloc.h"
#include "broker/base/assert.h"

/* A rule at its place. */
typedef struct Entry {
        const PolicyRule *rule;
        PolicyDomain domain;
        uint32_t id; /* 0 where the context has none */
        size_t index;
} Entry;

static PolicyDomain domain_of(const PolicyRule *rule)
{
        switch (rule->kind) {
        case POLICY_RULE_SEND:
                return POLICY_DOMAIN_SEND;
        case POLICY_RULE_RECEIVE:
                return POLICY_DOMAIN_RECEIVE;
        case POLICY_RULE_OWN:
                return POLICY_DOMAIN_OWN;
        case POLICY_RULE_USER:
        case POLICY_RULE_GROUP:
                return POLICY_DOMAIN_CONNECT;
        }
        ASSERT_NOT_REACHED();
}

static int compare_numbers(uint64_t a, uint64_t b)
{
        return (a > b) - (a < b);
}

static int compare_entries(const void *a, const void *b)
{
        const Entry *x = a;
        const Entry *y = b;
        int r = compare_numbers(x->domain, y->domain);

        if (r == 0)
                r = compare_numbers(x->rule->context, y->rule->context);
        if (r == 0)
                r = compare_numbers(x->id, y->id);
        return r != 0 ? r : compare_numbers(x->index, y->index);
}

static Entry *sort_rules(const PolicyRules *rules)
{
        Entry *entries = alloc_zeroed(rules->n + 1, sizeof(*entries));

        if (!entries)
                return NULL;
        for (size_t i = 0; i < rules->n; i++) {
                const PolicyRule *rule = &rules->items[i];
                const bool has_id = rule->context == POLICY_CONTEXT_GROUP ||
                                    rule->context == POLICY_CONTEXT_USER;

                entries[i] = (Entry){.rule = rule,
                                     .domain = domain_of(rule),
                                     .id = has_id ? rule->context_id : 0,
                                     .index = i};
        }
        qsort(entries, rules->n, sizeof(*entries), compare_entries);
        return entries;
}

static const char *field_of(const PolicyRule *rule, PolicyField field)
{
        switch (field) {
        case POLICY_FIELD_INTERFACE:
                return rule->interface;
        case POLICY_FIELD_MEMBER:
                return rule->member;
        case POLICY_FIELD_PATH:
                return rule->path;
        case POLICY_FIELD_ERROR:
                return rule->error;
        case POLICY_FIELDS:
                break;
        }
        ASSERT_NOT_REACHED();
}

static int prepare_texts(const PolicyRules *rules, PolicyTexts *texts)
{
        uint32_t n = 0;
        size_t size = 0;

        for (size_t i = 0; i < rules->n; i++) {
                const PolicyRule *rule = &rules->items[i];

                for (PolicyField field = 0; field < POLICY_FIELDS; field++) {
                        const char *text = field_of(rule, field);

                        n += text != NULL;
                        size += text ? strlen(text) : 0;
                }
                n += rule->name != NULL;
                size += rule->name ? strlen(rule->name) : 0;
        }
        return policytexts_init(texts, n, size);
}

/* Whether it is for messages, or names, of every kind. */
static bool test_is_general(const PolicyTest *test)
{
        return test->type == 0 && test->name == 0 && !test->fields[POLICY_FIELD_INTERFACE] &&
               !test->fields[POLICY_FIELD_MEMBER] && !test->fields[POLICY_FIELD_PATH] &&
               !test->fields[POLICY_FIELD_ERROR];
}

static PolicyTest compile_rule(Policy *policy, const PolicyRule *rule)
{
        PolicyTest test = {.min_fds = rule->min_fds,
                           .max_fds = rule->max_fds,
                           .id = rule->id,
                           .type = rule->type,
                           .broadcast = (uint8_t)rule->broadcast,
                           .allow = rule->allow,
                           .log = rule->log,
                           .eavesdrop = rule->eavesdrop,
                           .requested_reply = rule->requested_reply,
                           .name_is_prefix = rule->name_is_prefix,
                           .by_group = rule->kind == POLICY_RULE_GROUP};

        for (PolicyField field = 0; field < POLICY_FIELDS; field++) {
                const Text text = text_from(field_of(rule, field));

                if (!text_present(text))
                        continue;
                test.fields[field] = policytexts_add(&policy->texts, text);
                policy->sizes[field] |= UINT64_C(1) << text.size % 64;
        }
        if (rule->name)
                test.name = policytexts_add(&policy->texts, text_from(rule->name));
        test.discards = test_is_general(&test);
        if (rule->kind == POLICY_RULE_SEND && rule->name)
                policy->asks_recipient = true;
        if (rule->kind == POLICY_RULE_RECEIVE && rule->name)
                policy->asks_sender = true;
        if (rule->min_fds > 0 || rule->max_fds != POLICY_FDS_MAX)
                policy->counts_fds = true;
        return test;
}

/* Each run of equal domain, context and id becomes a section. */
static void compile_sections(Policy *policy, const Entry *entries, size_t n)
{
        uint32_t n_sections = 0;

        for (size_t i = 0; i < n; i++) {
                const Entry *entry = &entries[i];
                PolicySections *context = &policy->contexts[entry->domain][entry->rule->context];

                policy->tests[i] = compile_rule(policy, entry->rule);
                if (context->n == 0 || policy->sections[n_sections - 1].id != entry->id) {
                        if (context->n++ == 0)
                                context->first = n_sections;
                        policy->sections[n_sections++] =
                                (PolicySection){.id = entry->id, .first = (uint32_t)i};
                }
                policy->sections[n_sections - 1].n++;
        }
}

/* Whether this test lets everything in its domain pass, whoever is concerned. */
static bool test_is_open(const PolicyTest *test, PolicyDomain domain)
{
        if (!test->discards || test->broadcast != POLICY_BROADCAST_ANY || test->min_fds > 0 ||
            test->max_fds != POLICY_FDS_MAX)
                return false;
        switch (domain) {
        case POLICY_DOMAIN_SEND:
                return test->eavesdrop || !test->requested_reply;
        case POLICY_DOMAIN_RECEIVE:
                return test->eavesdrop;
        case POLICY_DOMAIN_OWN:
                return true;
        case POLICY_DOMAIN_CONNECT:
        case POLICY_DOMAINS:
                break;
        }
        return false;
}

/* Whether such a test stands in a context of everybody, and nothing after it denies, logs, or
 * discards it to let less pass. */
static bool domain_is_open(const Policy *policy, const Entry *entries, size_t n,
                           PolicyDomain domain)
{
        for (size_t i = n; i > 0; i--) {
                const PolicyTest *test = &policy->tests[i - 1];
                const PolicyContext context = entries[i - 1].rule->context;

                if (entries[i - 1].domain != domain)
                        continue;
                if (!test->allow || test->log)
                        return false;
                if (!test->discards)
                        continue;
                if (!test_is_open(test, domain))
                        return false;
                if (context != POLICY_CONTEXT_GROUP && context != POLICY_CONTEXT_USER)
                        return true;
        }
        return false;
}

int policy_compile(const PolicyRules *rules, uint64_t generation, Policy **ret_policy)
{
        Policy *policy = alloc_zeroed(1, sizeof(*policy));
        Entry *entries = sort_rules(rules);

        if (!policy || !entries || prepare_texts(rules, &policy->texts) < 0)
                goto out_of_memory;
        policy->generation = generation;
        policy->tests = alloc_zeroed(rules->n + 1, sizeof(*policy->tests));
        policy->sections = alloc_zeroed(rules->n + 1, sizeof(*policy->sections));
        if (!policy->tests || !policy->sections)
                goto out_of_memory;
        compile_sections(policy, entries, rules->n);
        policytexts_link(&policy->texts);
        policy->allows_all_messages =
                domain_is_open(policy, entries, rules->n, POLICY_DOMAIN_SEND) &&
                domain_is_open(policy, entries, rules->n, POLICY_DOMAIN_RECEIVE);
        policy->allows_all_names = domain_is_open(policy, entries, rules->n, POLICY_DOMAIN_OWN);
        alloc_free(entries);
        *ret_policy = policy;
        return 0;
out_of_memory:
        alloc_free(entries);
        policy_free(policy);
        return -ENOMEM;
}

int policy_compile_open(uint64_t generation, Policy **ret_policy)
{
        PolicyRule items[3];
        PolicyRules rules = {.items = items, .n = ARRAY_SIZE(items)};

        policyrule_init(&items[0], POLICY_CONTEXT_DEFAULT, POLICY_RULE_SEND, true);
        policyrule_init(&items[1], POLICY_CONTEXT_DEFAULT, POLICY_RULE_RECEIVE, true);
        policyrule_init(&items[2], POLICY_CONTEXT_DEFAULT, POLICY_RULE_OWN, true);
        items[0].eavesdrop = items[1].eavesdrop = true;
        return policy_compile(&rules, generation, ret_policy);
}

Policy *policy_free(Policy *policy)
{
        if (!policy)
                return NULL;
        policytexts_deinit(&policy->texts);
        alloc_free(policy->tests);
        alloc_free(policy->sections);
        return alloc_free(policy);
}
