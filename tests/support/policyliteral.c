/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/policyliteral.h"

#include <stdlib.h>
#include <string.h>

#include "broker/base/assert.h"

/* The rules of one kind for one connection, in the order in which they are read. */
typedef struct FlatList {
        const PolicyRule **items;
        size_t n;
} FlatList;

static void append_context(FlatList *list, const PolicyRules *rules, PolicyRuleKind kind,
                           PolicyContext context, uint32_t id)
{
        for (size_t i = 0; i < rules->n; i++) {
                const PolicyRule *rule = &rules->items[i];
                const bool has_id =
                        context == POLICY_CONTEXT_GROUP || context == POLICY_CONTEXT_USER;

                if (rule->kind == kind && rule->context == context &&
                    (!has_id || rule->context_id == id))
                        list->items[list->n++] = rule;
        }
}

/* A rule that names no type, path, interface, member, error and connection makes all earlier ones
 * of its kind void. */
static void strike_out(FlatList *list)
{
        for (size_t i = list->n; i > 0; i--) {
                const PolicyRule *rule = list->items[i - 1];

                if (rule->type != 0 || rule->path || rule->interface || rule->member ||
                    rule->error || rule->name)
                        continue;
                list->items += i - 1;
                list->n -= i - 1;
                return;
        }
}

static FlatList make_list(const PolicyRules *rules, PolicyRuleKind kind,
                          const PolicyCaseParty *party, const PolicyRule ***ret_memory)
{
        FlatList list = {.items = calloc(rules->n * (party->n_gids + 4) + 1, sizeof(*list.items))};

        ASSERT(list.items);
        *ret_memory = list.items;
        append_context(&list, rules, kind, POLICY_CONTEXT_DEFAULT, 0);
        for (size_t i = 0; i < party->n_gids; i++)
                append_context(&list, rules, kind, POLICY_CONTEXT_GROUP, party->gids[i]);
        append_context(&list, rules, kind, POLICY_CONTEXT_USER, party->uid);
        append_context(&list, rules, kind, POLICY_CONTEXT_CONSOLE, 0);
        append_context(&list, rules, kind, POLICY_CONTEXT_MANDATORY, 0);
        strike_out(&list);
        return list;
}

static bool begins_with_words(const char *name, const char *prefix)
{
        const size_t size = strlen(prefix);

        return strncmp(name, prefix, size) == 0 && (name[size] == '\0' || name[size] == '.');
}

static bool fits(const char *name, const PolicyRule *rule)
{
        return rule->name_is_prefix ? begins_with_words(name, rule->name)
                                    : strcmp(name, rule->name) == 0;
}

static bool party_fits(const PolicyCaseParty *party, const char *text, const PolicyRule *rule)
{
        if (!rule->name)
                return true;
        if (!party) /* the bus: what the header says */
                return text && fits(text, rule);
        for (size_t i = 0; i < party->n_names; i++)
                if (fits(party->names[i], rule))
                        return true;
        return false;
}

static bool message_fits(const PolicyCaseMessage *message, const PolicyRule *rule)
{
        if (rule->type != 0 && rule->type != message->type)
                return false;
        if (message->is_reply) {
                if (!message->requested && rule->allow && rule->requested_reply && !rule->eavesdrop)
                        return false;
                if (message->requested && !rule->allow && !rule->requested_reply)
                        return false;
        }
        if (rule->path && message->path && strcmp(rule->path, message->path) != 0)
                return false;
        if (rule->interface && !message->interface && rule->allow)
                return false;
        if (rule->interface && message->interface &&
            strcmp(rule->interface, message->interface) != 0)
                return false;
        if (rule->member && message->member && strcmp(rule->member, message->member) != 0)
                return false;
        if (rule->error && message->error && strcmp(rule->error, message->error) != 0)
                return false;
        return message->n_fds >= rule->min_fds && message->n_fds <= rule->max_fds;
}

static bool send_fits(const PolicyRule *rule, const PolicyCaseParty *recipient,
                      const PolicyCaseMessage *message)
{
        const bool broadcast = message->type == FRAME_TYPE_SIGNAL && !message->destination;

        if (broadcast && rule->broadcast == POLICY_BROADCAST_NO)
                return false;
        if (!broadcast && rule->broadcast == POLICY_BROADCAST_YES)
                return false;
        return message_fits(message, rule) && party_fits(recipient, message->destination, rule);
}

static bool receive_fits(const PolicyRule *rule, const PolicyCaseParty *sender,
                         const PolicyCaseMessage *message)
{
        const bool eavesdropping = !message->addressed && message->destination;

        if (eavesdropping && rule->allow && !rule->eavesdrop)
                return false;
        if (!eavesdropping && !rule->allow && rule->eavesdrop)
                return false;
        return message_fits(message, rule) && party_fits(sender, message->sender, rule);
}

PolicyCaseAnswer policyliteral_send(const PolicyRules *rules, const PolicyCaseParty *sender,
                                    const PolicyCaseParty *recipient,
                                    const PolicyCaseMessage *message)
{
        PolicyCaseAnswer answer = {.allowed = false};
        const PolicyRule **memory;
        FlatList list = make_list(rules, POLICY_RULE_SEND, sender, &memory);

        for (size_t i = 0; i < list.n; i++) {
                if (!send_fits(list.items[i], recipient, message))
                        continue;
                answer.allowed = list.items[i]->allow;
                answer.log = list.items[i]->log;
                answer.n_matches++;
        }
        free(memory);
        return answer;
}

PolicyCaseAnswer policyliteral_receive(const PolicyRules *rules, const PolicyCaseParty *recipient,
                                       const PolicyCaseParty *sender,
                                       const PolicyCaseMessage *message)
{
        PolicyCaseAnswer answer = {.allowed = false};
        const PolicyRule **memory;
        FlatList list = make_list(rules, POLICY_RULE_RECEIVE, recipient, &memory);

        for (size_t i = 0; i < list.n; i++) {
                if (!receive_fits(list.items[i], sender, message))
                        continue;
                answer.allowed = list.items[i]->allow;
                answer.log = list.items[i]->log;
                answer.n_matches++;
        }
        free(memory);
        return answer;
}

bool policyliteral_own(const PolicyRules *rules, const PolicyCaseParty *party, const char *name)
{
        const PolicyRule **memory;
        FlatList list = make_list(rules, POLICY_RULE_OWN, party, &memory);
        bool allowed = false;

        for (size_t i = 0; i < list.n; i++)
                if (!list.items[i]->name || fits(name, list.items[i]))
                        allowed = list.items[i]->allow;
        free(memory);
        return allowed;
}

static bool user_fits(const PolicyCaseParty *party, const PolicyRule *rule)
{
        if (rule->kind != POLICY_RULE_USER && rule->kind != POLICY_RULE_GROUP)
                return false;
        if (rule->id == POLICY_ID_ANY)
                return true;
        if (rule->kind == POLICY_RULE_USER)
                return rule->id == party->uid;
        for (size_t i = 0; i < party->n_gids; i++)
                if (party->gids[i] == rule->id)
                        return true;
        return false;
}

bool policyliteral_connect(const PolicyRules *rules, const PolicyCaseParty *party, bool owns_bus)
{
        bool allowed = owns_bus;

        for (size_t i = 0; i < rules->n; i++)
                if (rules->items[i].context == POLICY_CONTEXT_DEFAULT &&
                    user_fits(party, &rules->items[i]))
                        allowed = rules->items[i].allow;
        for (size_t i = 0; i < rules->n; i++)
                if (rules->items[i].context == POLICY_CONTEXT_MANDATORY &&
                    user_fits(party, &rules->items[i]))
                        allowed = rules->items[i].allow;
        return allowed;
}
