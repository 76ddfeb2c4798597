/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/driver/environment.h"

#include <errno.h>

#include "broker/base/alloc.h"

typedef struct EnvironmentVariable EnvironmentVariable;
struct EnvironmentVariable {
        ListNode node;
        EnvironmentVariable *replaced; /* borrowed; in environment_apply(): has the same key */
        size_t key_size;
        size_t size;
        char text[]; /* KEY=VALUE, NUL */
};

void environment_set_init(EnvironmentSet *set)
{
        list_init(&set->variables);
        set->n_variables = 0;
        set->n_bytes = 0;
}

void environment_set_deinit(EnvironmentSet *set)
{
        LIST_FOREACH(&set->variables, node)
        alloc_free(CONTAINER_OF(node, EnvironmentVariable, node));
        environment_set_init(set);
}

void environment_init(Environment *environment)
{
        lock_init(&environment->lock);
        environment_set_init(&environment->set);
}

void environment_deinit(Environment *environment)
{
        environment_set_deinit(&environment->set);
        lock_deinit(&environment->lock);
}

static EnvironmentVariable *environment_find(const EnvironmentSet *set, Text key)
{
        LIST_FOREACH(&set->variables, node)
        {
                EnvironmentVariable *variable = CONTAINER_OF(node, EnvironmentVariable, node);

                if (variable->key_size == key.size &&
                    memcmp(variable->text, key.data, key.size) == 0)
                        return variable;
        }
        return NULL;
}

static EnvironmentVariable *environment_new_variable(Text key, Text value)
{
        const size_t size = key.size + value.size + 2;
        EnvironmentVariable *variable = alloc_bytes(sizeof(*variable) + size);

        if (!variable)
                return NULL;
        variable->node = (ListNode){0};
        variable->replaced = NULL;
        variable->key_size = key.size;
        variable->size = size;
        memcpy(variable->text, key.data, key.size);
        variable->text[key.size] = '=';
        memcpy(variable->text + key.size + 1, value.data, value.size);
        variable->text[size - 1] = '\0';
        return variable;
}

/* Puts a variable into the set. The one that it replaces is the caller's. */
static void environment_put(EnvironmentSet *set, EnvironmentVariable *variable,
                            EnvironmentVariable *replaced)
{
        if (replaced)
                list_remove(&replaced->node);
        set->n_variables += !replaced;
        set->n_bytes += variable->size - (replaced ? replaced->size : 0);
        list_push_back(&set->variables, &variable->node);
}

static bool environment_fits(unsigned n_variables, size_t n_bytes)
{
        return n_variables <= ENVIRONMENT_VARIABLES_MAX && n_bytes <= ENVIRONMENT_BYTES_MAX;
}

int environment_set_add(EnvironmentSet *set, Text key, Text value)
{
        EnvironmentVariable *old = environment_find(set, key);
        EnvironmentVariable *variable;

        if (!environment_fits(set->n_variables + !old,
                              set->n_bytes - (old ? old->size : 0) + key.size + value.size + 2))
                return -E2BIG;
        variable = environment_new_variable(key, value);
        if (!variable)
                return -ENOMEM;
        environment_put(set, variable, old);
        alloc_free(old);
        return 0;
}

/* Finds what the variables of `set` replace. Whether there is room for them; under the lock. */
static bool environment_prepare(const EnvironmentSet *in_force, const EnvironmentSet *set)
{
        unsigned n_variables = in_force->n_variables + set->n_variables;
        size_t n_bytes = in_force->n_bytes + set->n_bytes;

        LIST_FOREACH(&set->variables, node)
        {
                EnvironmentVariable *variable = CONTAINER_OF(node, EnvironmentVariable, node);
                Text key = {variable->text, variable->key_size};

                variable->replaced = environment_find(in_force, key);
                if (variable->replaced) {
                        n_variables--;
                        n_bytes -= variable->replaced->size;
                }
        }
        return environment_fits(n_variables, n_bytes);
}

int environment_apply(Environment *environment, EnvironmentSet *set)
{
        List replaced;
        ListNode *node;
        int r = -E2BIG;

        list_init(&replaced);
        lock_acquire(&environment->lock);
        if (environment_prepare(&environment->set, set)) {
                while ((node = list_take_first(&set->variables))) {
                        EnvironmentVariable *variable =
                                CONTAINER_OF(node, EnvironmentVariable, node);

                        environment_put(&environment->set, variable, variable->replaced);
                        if (variable->replaced)
                                list_push_back(&replaced, &variable->replaced->node);
                }
                r = 0;
        }
        lock_release(&environment->lock);
        while ((node = list_take_first(&replaced)))
                alloc_free(CONTAINER_OF(node, EnvironmentVariable, node));
        if (r == 0)
                environment_set_init(set);
        return r;
}

char *environment_get(Environment *environment, Text key)
{
        EnvironmentVariable *variable;
        char *value = NULL;

        lock_acquire(&environment->lock);
        variable = environment_find(&environment->set, key);
        if (variable)
                value = alloc_string(variable->text + key.size + 1,
                                     strlen(variable->text + key.size + 1));
        lock_release(&environment->lock);
        return value;
}
