/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The policy. The input is a case as text, a line each:
 *
 *      rule allow|deny CONTEXT ID KIND KEY=VALUE ...    CONTEXT and KIND by number, as in
 *                                                       auth/policyrule.h
 *      party UID GID GID ... NAME NAME ...              gids first, ascending; the unique name is
 *                                                       the first one
 *      message TYPE KEY=VALUE ...
 *
 * What must hold: the compiled policy and its literal description (tests/support/policyliteral.h)
 * say the same, by the same number of rules, to every question that the case has. With too little
 * memory there is no policy at all.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "broker/base/assert.h"
#include "broker/base/hash.h"
#include "tests/support/policycase.h"
#include "tests/support/shortage.h"

enum { TEXT_MAX = 4096, RULES_MAX = 40, NUMBER_MAX = 1000 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The next word of a line, cut off with a NUL, or NULL. */
static char *next_word(char **line)
{
        char *word = *line + strspn(*line, " ");
        size_t size = strcspn(word, " ");

        if (size == 0)
                return NULL;
        *line = word + size;
        if (word[size] != '\0')
                (*line)++;
        word[size] = '\0';
        return word;
}

static uint32_t number_of(const char *text)
{
        return text ? (uint32_t)strtoul(text, NULL, 10) % NUMBER_MAX : 0;
}

static uint32_t next_number(char **line)
{
        return number_of(next_word(line));
}

/* The value behind "KEY=", or NULL if the word has another key. */
static const char *value_of(const char *word, const char *key)
{
        const size_t size = strlen(key);

        return strncmp(word, key, size) == 0 && word[size] == '=' ? word + size + 1 : NULL;
}

static void set_text(const char *word, const char *key, char **field)
{
        const char *value = value_of(word, key);

        if (!value || *field)
                return;
        *field = strdup(value);
        ASSERT(*field);
}

static void set_number(const char *word, const char *key, uint32_t *field)
{
        const char *value = value_of(word, key);

        if (value)
                *field = number_of(value);
}

static void set_flag(const char *word, const char *key, bool *field)
{
        const char *value = value_of(word, key);

        if (value)
                *field = *value == '1';
}

static void set_rule_value(const char *word, PolicyRule *rule)
{
        uint32_t type = rule->type, broadcast = rule->broadcast;

        set_text(word, "interface", &rule->interface);
        set_text(word, "member", &rule->member);
        set_text(word, "path", &rule->path);
        set_text(word, "error", &rule->error);
        set_text(word, "name", &rule->name);
        set_flag(word, "prefix", &rule->name_is_prefix);
        set_flag(word, "log", &rule->log);
        set_flag(word, "eavesdrop", &rule->eavesdrop);
        set_flag(word, "requested", &rule->requested_reply);
        set_number(word, "min", &rule->min_fds);
        set_number(word, "max", &rule->max_fds);
        set_number(word, "id", &rule->id);
        set_number(word, "type", &type);
        set_number(word, "broadcast", &broadcast);
        rule->type = (uint8_t)(type % 5);
        rule->broadcast = (PolicyBroadcast)(broadcast % 3);
        if (strcmp(word, "id=*") == 0)
                rule->id = POLICY_ID_ANY;
}

/* Without a name there is none to be a prefix. */
static void read_rule(PolicyCase *self, char *line)
{
        const char *verb = next_word(&line);
        const uint32_t context = next_number(&line), id = next_number(&line);
        const uint32_t kind = next_number(&line);
        const char *word;
        PolicyRule rule;

        if (self->rules.n >= RULES_MAX || !verb)
                return;
        policyrule_init(&rule, (PolicyContext)(context % 5), (PolicyRuleKind)(kind % 5),
                        strcmp(verb, "allow") == 0);
        rule.context_id = id;
        while ((word = next_word(&line)))
                set_rule_value(word, &rule);
        rule.name_is_prefix = rule.name_is_prefix && rule.name;
        ASSERT(policyrules_add(&self->rules, &rule) == 0);
}

static void read_party(PolicyCase *self, char *line)
{
        PolicyCaseParty *party = &self->parties[self->n_parties];
        char *word;

        if (self->n_parties >= POLICYCASE_PARTIES)
                return;
        *party = (PolicyCaseParty){.uid = next_number(&line)};
        while ((word = next_word(&line))) {
                const bool is_gid = word[0] >= '0' && word[0] <= '9';
                const uint32_t gid = number_of(word);
                const bool ascends = party->n_gids == 0 || party->gids[party->n_gids - 1] < gid;

                if (is_gid && ascends && party->n_gids < POLICYCASE_GIDS)
                        party->gids[party->n_gids++] = gid;
                if (!is_gid && party->n_names < POLICYCASE_NAMES)
                        party->names[party->n_names++] = word;
        }
        self->n_parties++;
}

static void take_text(const char *word, const char *key, const char **field)
{
        const char *value = value_of(word, key);

        if (value)
                *field = value;
}

static void read_message(PolicyCase *self, char *line)
{
        PolicyCaseMessage *message = &self->messages[self->n_messages];
        const char *word;

        if (self->n_messages >= POLICYCASE_MESSAGES)
                return;
        *message = (PolicyCaseMessage){.type = (uint8_t)(1 + next_number(&line) % 4)};
        while ((word = next_word(&line))) {
                take_text(word, "interface", &message->interface);
                take_text(word, "member", &message->member);
                take_text(word, "path", &message->path);
                take_text(word, "error", &message->error);
                take_text(word, "destination", &message->destination);
                take_text(word, "sender", &message->sender);
                set_number(word, "fds", &message->n_fds);
                set_flag(word, "reply", &message->is_reply);
                set_flag(word, "requested", &message->requested);
                set_flag(word, "addressed", &message->addressed);
        }
        self->n_messages++;
}

static void read_line(PolicyCase *self, char *line)
{
        const char *word = next_word(&line);

        if (!word)
                return;
        if (strcmp(word, "rule") == 0)
                read_rule(self, line);
        else if (strcmp(word, "party") == 0)
                read_party(self, line);
        else if (strcmp(word, "message") == 0)
                read_message(self, line);
}

/* In two lists that become one, as those of an included file do. */
static void join_two_lists(PolicyRules *rules)
{
        PolicyRules lists[2] = {0};
        const size_t n = rules->n;

        for (size_t i = 0; i < n; i++)
                ASSERT(policyrules_add(&lists[i >= n / 2], &rules->items[i]) == 0);
        policyrules_deinit(rules);
        ASSERT(policyrules_append(&lists[0], &lists[1]) == 0 && lists[0].n == n);
        *rules = lists[0];
}

/* Compiled with memory for a part of it: not at all. The open policy asks nothing. */
static void check_short_of_memory(const PolicyCase *self, size_t choice)
{
        Policy *policy = NULL;
        long n_allocations;

        shortage_begin(SHORTAGE_NEVER);
        ASSERT(policy_compile(&self->rules, 1, &policy) == 0);
        n_allocations = shortage_count();
        policy = policy_free(policy);
        if (n_allocations > 0) {
                shortage_begin((long)(choice % (size_t)n_allocations));
                ASSERT(policy_compile(&self->rules, 1, &policy) == -ENOMEM && !policy);
                shortage_begin(SHORTAGE_NEVER);
        }
        ASSERT(policy_compile_open(1, &policy) == 0 && policy->allows_all_messages);
        policy_free(policy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static bool hashed;
        char text[TEXT_MAX + 1], *line = text, *end, reason[512];
        PolicyCase self = {0};

        ASSERT(hashed || hash_init() == 0);
        hashed = true;
        if (size == 0 || size > TEXT_MAX)
                return 0;
        memcpy(text, data, size);
        text[size] = '\0';
        do {
                end = strchr(line, '\n');
                if (end)
                        *end = '\0';
                read_line(&self, line);
                line = end ? end + 1 : line;
        } while (end);
        join_two_lists(&self.rules);
        (void)policycase_compare(&self, reason, sizeof(reason));
        if (reason[0])
                fprintf(stderr, "fuzz_policy: %s\n", reason);
        ASSERT(reason[0] == '\0');
        check_short_of_memory(&self, size * 7919 + data[size / 2]);
        policyrules_deinit(&self.rules);
        return 0;
}
