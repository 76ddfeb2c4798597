/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Debug.Stats.GetAllMatchRules. A bus has a hundred thousand rules and more, so nothing is locked
 * for long: connections and rules are listed without a lock (matches_list.c), and written to text
 * once. The caller's worker is busy meanwhile, about a microsecond for each rule; the others go
 * on.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "broker/base/alloc.h"
#include "broker/driver/driver_private.h"

enum {
        STRING_OVERHEAD = 8,      /* of a string in an array: size, NUL, padding */
        CONNECTION_OVERHEAD = 32, /* of a connection's entry: padding, its name, the array */
        TEXTS_FIRST = 64 * 1024,
};

/* A rule's text: where it begins, among all texts. */
typedef struct DriverRule {
        uint64_t id; /* of the connection */
        size_t at;
        uint32_t size;
        uint32_t n; /* added so often */
} DriverRule;

typedef struct DriverRules {
        Endpoint **endpoints; /* by id, as the rules */
        size_t n_endpoints;
        DriverRule *rules;
        size_t n_rules;
        char *texts;
        size_t texts_size, texts_capacity;
        size_t reply_size; /* at most */
} DriverRules;

static int driver_compare_endpoints(const void *a, const void *b)
{
        const Endpoint *const *left = a, *const *right = b;

        return (*left)->id < (*right)->id ? -1 : (*left)->id > (*right)->id;
}

static int driver_compare_rules(const void *a, const void *b)
{
        const DriverRule *left = a, *right = b;

        return left->id < right->id ? -1 : left->id > right->id;
}

static int driver_list_connections(DriverRules *rules, const Names *names)
{
        int r = names_list_endpoints(names, &rules->endpoints, &rules->n_endpoints);

        if (r < 0)
                return r;
        qsort(rules->endpoints, rules->n_endpoints, sizeof(Endpoint *), driver_compare_endpoints);
        for (size_t i = 0; i < rules->n_endpoints; i++)
                rules->reply_size += CONNECTION_OVERHEAD + rules->endpoints[i]->unique_name_size;
        return 0;
}

/* Room for one text more. 0 or -ENOMEM. */
static int driver_grow_texts(DriverRules *rules)
{
        size_t capacity = rules->texts_capacity ? 2 * rules->texts_capacity : TEXTS_FIRST;
        char *grown;

        if (rules->texts_capacity - rules->texts_size >= MATCHRULE_CANONICAL_MAX)
                return 0;
        grown = alloc_resize(rules->texts, capacity);
        if (!grown)
                return -ENOMEM;
        rules->texts = grown;
        rules->texts_capacity = capacity;
        return 0;
}

/* 0, -ENOMEM or -EMSGSIZE: the reply would be larger than that. */
static int driver_write_texts(DriverRules *rules, const MatchesListed *listed, size_t n,
                              size_t size_max)
{
        rules->rules = alloc_zeroed(n, sizeof(*rules->rules));
        if (!rules->rules)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++) {
                DriverRule *rule = &rules->rules[i];

                if (driver_grow_texts(rules) < 0)
                        return -ENOMEM;
                rule->id = matches_entry_endpoint(listed[i].entry)->id;
                rule->at = rules->texts_size;
                rule->size = (uint32_t)matches_entry_write(listed[i].entry,
                                                           rules->texts + rules->texts_size);
                rule->n = listed[i].n;
                rules->texts_size += rule->size;
                rules->reply_size += (size_t)rule->n * (rule->size + STRING_OVERHEAD);
                if (rules->reply_size > size_max)
                        return -EMSGSIZE;
        }
        rules->n_rules = n;
        qsort(rules->rules, n, sizeof(*rules->rules), driver_compare_rules);
        return 0;
}

static int driver_list_rules(DriverRules *rules, const Router *router, Turn *turn, size_t size_max)
{
        MatchesListed *listed;
        size_t n;
        int r = driver_list_connections(rules, &router->names);

        if (r < 0)
                return r;
        r = matches_list(&router->matches, turn, &listed, &n);
        if (r < 0)
                return r;
        r = driver_write_texts(rules, listed, n, size_max);
        alloc_free(listed);
        return r;
}

static void driver_write_rule(Writer *writer, const DriverRules *rules, const DriverRule *rule)
{
        const Text text = {.data = rules->texts + rule->at, .size = rule->size};

        for (uint32_t i = 0; i < rule->n; i++)
                writer_string(writer, text);
}

/* Rules of a connection that is not on the list, for it came meanwhile, are left out. */
static void driver_write_rules(Writer *writer, const void *context)
{
        const DriverRules *rules = context;
        size_t at = 0;

        writer_open_array(writer, '{');
        for (size_t i = 0; i < rules->n_endpoints; i++) {
                const Endpoint *endpoint = rules->endpoints[i];

                writer_open_struct(writer);
                writer_string(writer, endpoint_name(endpoint));
                writer_open_array(writer, 's');
                while (at < rules->n_rules && rules->rules[at].id < endpoint->id)
                        at++;
                for (; at < rules->n_rules && rules->rules[at].id == endpoint->id; at++)
                        driver_write_rule(writer, rules, &rules->rules[at]);
                writer_close_array(writer);
        }
        writer_close_array(writer);
}

void driver_get_all_rules(DriverCall *call)
{
        Router *router = call->driver->router;
        const uint64_t limit = call->thread->root->limits.max_message_size;
        const size_t size_max = limit < FRAME_ARRAY_MAX ? (size_t)limit : FRAME_ARRAY_MAX;
        DriverRules rules = {0};

        switch (driver_list_rules(&rules, router, &router->turn, size_max)) {
        case 0:
                driver_reply(call, "a{sas}", driver_write_rules, &rules);
                break;
        case -EMSGSIZE:
                driver_fail(call, "LimitsExceeded",
                            "The match rules of all connections do not fit into a message of %zu "
                            "bytes (increase max_message_size if that is less than %d)",
                            size_max, FRAME_ARRAY_MAX);
                break;
        default:
                driver_fail(call, "NoMemory", "Out of memory");
                break;
        }
        alloc_free(rules.endpoints);
        alloc_free(rules.rules);
        alloc_free(rules.texts);
}
