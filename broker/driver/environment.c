/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/driver/environment.h"

#include <errno.h>

#include "broker/base/alloc.h"

typedef struct EnvironmentVariable {
        ListNode node;
        size_t key_size;
        size_t size;
        char text[]; /* KEY=VALUE, NUL */
} EnvironmentVariable;

void environment_init(Environment *environment)
{
        lock_init(&environment->lock);
        list_init(&environment->variables);
        environment->n_variables = 0;
        environment->n_bytes = 0;
}

void environment_deinit(Environment *environment)
{
        LIST_FOREACH(&environment->variables, node)
        alloc_free(CONTAINER_OF(node, EnvironmentVariable, node));
        list_init(&environment->variables);
        lock_deinit(&environment->lock);
}

static EnvironmentVariable *environment_find(Environment *environment, Text key)
{
        LIST_FOREACH(&environment->variables, node)
        {
                EnvironmentVariable *variable = CONTAINER_OF(node, EnvironmentVariable, node);

                if (variable->key_size == key.size &&
                    memcmp(variable->text, key.data, key.size) == 0)
                        return variable;
        }
        return NULL;
}

int environment_set(Environment *environment, Text key, Text value)
{
        const size_t size = key.size + value.size + 2;
        EnvironmentVariable *old, *variable = alloc_bytes(sizeof(*variable) + size);
        int r = 0;

        if (!variable)
                return -ENOMEM;
        variable->node = (ListNode){0};
        variable->key_size = key.size;
        variable->size = size;
        memcpy(variable->text, key.data, key.size);
        variable->text[key.size] = '=';
        memcpy(variable->text + key.size + 1, value.data, value.size);
        variable->text[size - 1] = '\0';
        lock_acquire(&environment->lock);
        old = environment_find(environment, key);
        if (environment->n_variables + !old > ENVIRONMENT_VARIABLES_MAX ||
            environment->n_bytes + size > ENVIRONMENT_BYTES_MAX) {
                old = variable;
                r = -E2BIG;
        } else {
                environment->n_variables += !old;
                environment->n_bytes += size - (old ? old->size : 0);
                if (old)
                        list_remove(&old->node);
                list_push_back(&environment->variables, &variable->node);
        }
        lock_release(&environment->lock);
        alloc_free(old);
        return r;
}

char *environment_get(Environment *environment, Text key)
{
        EnvironmentVariable *variable;
        char *value = NULL;

        lock_acquire(&environment->lock);
        variable = environment_find(environment, key);
        if (variable)
                value = alloc_string(variable->text + key.size + 1,
                                     strlen(variable->text + key.size + 1));
        lock_release(&environment->lock);
        return value;
}
