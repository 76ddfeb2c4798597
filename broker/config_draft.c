/* SPDX-License-Identifier: Apache-2.0 */
/* Drafts of configurations: collecting and merging. */

#include "broker/config_draft.h"

#include <errno.h>
#include <string.h>

#include "broker/base/alloc.h"

void config_draft_init(ConfigDraft *draft, const Limits *limits)
{
        *draft = (ConfigDraft){.config = {.limits = *limits}};
}

void config_draft_deinit(ConfigDraft *draft)
{
        Config *config = &draft->config;

        for (size_t i = 0; i < config->n_listen; i++)
                alloc_free(config->listen[i]);
        config->listen = alloc_free(config->listen);
        config->n_listen = 0;
        config->type = alloc_free(config->type);
}

int config_draft_set_type(ConfigDraft *draft, const char *type)
{
        char *copy = alloc_string(type, strlen(type));

        if (!copy)
                return -ENOMEM;
        alloc_free(draft->config.type);
        draft->config.type = copy;
        return 0;
}

/* Makes room for `n` more addresses; false when out of memory. */
static bool reserve_listen(Config *config, size_t n)
{
        char **grown = alloc_resize(config->listen, (config->n_listen + n) * sizeof(*grown));

        if (!grown)
                return false;
        config->listen = grown;
        return true;
}

int config_draft_add_listen(ConfigDraft *draft, const char *address)
{
        char *copy = alloc_string(address, strlen(address));

        if (!copy || !reserve_listen(&draft->config, 1)) {
                alloc_free(copy);
                return -ENOMEM;
        }
        draft->config.listen[draft->config.n_listen++] = copy;
        return 0;
}

int config_draft_merge(ConfigDraft *draft, ConfigDraft *included)
{
        Config *into = &draft->config;
        Config *from = &included->config;

        if (from->n_listen > 0) {
                if (!reserve_listen(into, from->n_listen))
                        return -ENOMEM;
                memcpy(into->listen + into->n_listen, from->listen,
                       from->n_listen * sizeof(*from->listen));
                into->n_listen += from->n_listen;
                from->n_listen = 0;
        }
        if (from->type) {
                alloc_free(into->type);
                into->type = from->type;
                from->type = NULL;
        }
        into->mechanisms |= from->mechanisms;
        into->limits = from->limits;
        config_policy_merge(&draft->policy, &included->policy);
        config_draft_deinit(included);
        return 0;
}
