/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Match rules. The input is two rule texts with a NUL byte between them. What must hold: every Text
 * of a rule lies inside its scratch; the canonical text reads back as an equal rule and writes
 * itself again; two rules are equal exactly when their canonical texts are.
 */

#include <stdlib.h>

#include "broker/base/assert.h"
#include "proto/matchrule.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct Parsed {
        MatchRule rule;
        char *scratch;
        size_t scratch_size;
        char canonical[MATCHRULE_CANONICAL_MAX];
        size_t canonical_size;
        bool valid;
} Parsed;

static void check_inside(const Parsed *parsed, Text text)
{
        size_t offset;

        if (!text_present(text))
                return;
        ASSERT(text.data >= parsed->scratch);
        offset = (size_t)(text.data - parsed->scratch);
        ASSERT(offset <= parsed->scratch_size && text.size <= parsed->scratch_size - offset);
}

static void check_rule(const Parsed *parsed)
{
        const MatchRule *rule = &parsed->rule;

        check_inside(parsed, rule->sender);
        check_inside(parsed, rule->interface);
        check_inside(parsed, rule->member);
        check_inside(parsed, rule->path);
        check_inside(parsed, rule->path_namespace);
        check_inside(parsed, rule->destination);
        ASSERT(!text_present(rule->path) || !text_present(rule->path_namespace));
        ASSERT(rule->n_args <= MATCHRULE_TOKENS_MAX);
        for (unsigned i = 0; i < rule->n_args; i++) {
                check_inside(parsed, rule->args[i].value);
                ASSERT(rule->args[i].index <= MATCHRULE_ARG_INDEX_MAX);
                ASSERT(i == 0 || rule->args[i - 1].index < rule->args[i].index);
        }
}

/* Parses into memory of exactly the promised size, so that a sanitizer sees one byte too many. */
static void parse(Parsed *parsed, Text text)
{
        const char *reason = NULL;
        MatchRuleResult result;

        parsed->scratch_size = text.size;
        parsed->scratch = malloc(text.size > 0 ? text.size : 1);
        ASSERT(parsed->scratch);
        result = matchrule_parse(text, parsed->scratch, &parsed->rule, &reason);
        ASSERT((result == MATCHRULE_TOO_LONG) == (text.size > MATCHRULE_TEXT_MAX));
        ASSERT((result == MATCHRULE_INVALID) == (reason != NULL));
        parsed->valid = result == MATCHRULE_OK;
        if (!parsed->valid)
                return;
        check_rule(parsed);
        ASSERT(matchrule_equal(&parsed->rule, &parsed->rule));
        parsed->canonical_size = matchrule_write_canonical(&parsed->rule, parsed->canonical);
        ASSERT(parsed->canonical_size <= sizeof(parsed->canonical));
}

static bool canonical_is_same(const Parsed *a, const Parsed *b)
{
        return a->canonical_size == b->canonical_size &&
               memcmp(a->canonical, b->canonical, a->canonical_size) == 0;
}

static void check_canonical_reads_back(const Parsed *parsed)
{
        static Parsed again;

        parse(&again, (Text){parsed->canonical, parsed->canonical_size});
        if (parsed->canonical_size <= MATCHRULE_TEXT_MAX) {
                ASSERT(again.valid);
                ASSERT(matchrule_equal(&parsed->rule, &again.rule));
                ASSERT(canonical_is_same(parsed, &again));
        }
        free(again.scratch);
}

/* Uses the values as both sides of each relation. */
static void check_relations(const Parsed *a, const Parsed *b)
{
        Text x = a->rule.n_args > 0 ? a->rule.args[0].value : TEXT("/a/b");
        Text y = b->rule.n_args > 0 ? b->rule.args[0].value : TEXT("/a/");

        ASSERT(matchrule_path_overlaps(x, y) == matchrule_path_overlaps(y, x));
        ASSERT(matchrule_path_overlaps(x, x));
        ASSERT(matchrule_name_in_namespace(x, x));
        ASSERT(!matchrule_name_in_namespace(x, y) || text_starts_with(x, y));
        if (text_present(a->rule.path) && text_present(b->rule.path_namespace)) {
                Text path = a->rule.path, prefix = b->rule.path_namespace;

                ASSERT(matchrule_path_in_namespace(path, TEXT("/")));
                ASSERT(matchrule_path_in_namespace(path, path));
                ASSERT(!matchrule_path_in_namespace(path, prefix) || path.size >= prefix.size);
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static Parsed a, b;
        const uint8_t *nul = size > 0 ? memchr(data, 0, size) : NULL;
        Text first = {(const char *)data, nul ? (size_t)(nul - data) : size};
        Text second = TEXT("");

        if (nul)
                second = (Text){(const char *)nul + 1, size - first.size - 1};
        if (size == 0)
                first = TEXT("");
        parse(&a, first);
        parse(&b, second);
        if (a.valid)
                check_canonical_reads_back(&a);
        if (a.valid && b.valid) {
                ASSERT(matchrule_equal(&a.rule, &b.rule) == canonical_is_same(&a, &b));
                ASSERT(matchrule_equal(&b.rule, &a.rule) == matchrule_equal(&a.rule, &b.rule));
                check_relations(&a, &b);
        }
        free(a.scratch);
        free(b.scratch);
        return 0;
}
