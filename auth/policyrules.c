/* SPDX-License-Identifier: Apache-2.0 */
/* The list; see policyrule.h. */
#include <errno.h>
#include <string.h>

#include "auth/policyrule.h"
#include "broker/base/alloc.h"

static int policyrules_reserve(PolicyRules *rules, size_t n)
{
        size_t capacity = rules->capacity ? rules->capacity : 16;
        PolicyRule *grown;

        if (n <= rules->capacity)
                return 0;
        while (capacity < n)
                capacity *= 2;
        grown = alloc_resize(rules->items, capacity * sizeof(*grown));
        if (!grown)
                return -ENOMEM;
        rules->items = grown;
        rules->capacity = capacity;
        return 0;
}

int policyrules_add(PolicyRules *rules, PolicyRule *rule)
{
        int r = policyrules_reserve(rules, rules->n + 1);

        if (r < 0)
                return r;
        rules->items[rules->n++] = *rule;
        rule->interface = rule->member = rule->path = rule->error = rule->name = NULL;
        return 0;
}

int policyrules_append(PolicyRules *rules, PolicyRules *more)
{
        int r = policyrules_reserve(rules, rules->n + more->n);

        if (r < 0)
                return r;
        if (more->n > 0)
                memcpy(&rules->items[rules->n], more->items, more->n * sizeof(*more->items));
        rules->n += more->n;
        more->n = 0;
        policyrules_deinit(more);
        return 0;
}

void policyrules_deinit(PolicyRules *rules)
{
        for (size_t i = 0; i < rules->n; i++)
                policyrule_deinit(&rules->items[i]);
        alloc_free(rules->items);
        *rules = (PolicyRules){0};
}
