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
        for (size_t i = 0; i < config->n_service_dirs; i++)
                alloc_free(config->service_dirs[i].path);
        for (size_t i = 0; i < config->n_associations; i++) {
                alloc_free(config->associations[i].own);
                alloc_free(config->associations[i].context);
        }
        alloc_free(config->listen);
        alloc_free(config->service_dirs);
        alloc_free(config->associations);
        alloc_free(config->type);
        alloc_free(config->user);
        alloc_free(config->pidfile);
        alloc_free(config->servicehelper);
        policyrules_deinit(&config->policy_rules);
        *draft = (ConfigDraft){0};
}

int config_draft_set(char **member, const char *text)
{
        char *copy = alloc_string(text, strlen(text));

        if (!copy)
                return -ENOMEM;
        alloc_free(*member);
        *member = copy;
        return 0;
}

int config_draft_add_listen(ConfigDraft *draft, const char *address)
{
        Config *config = &draft->config;
        char **grown = alloc_resize(config->listen, (config->n_listen + 1) * sizeof(*grown));

        if (!grown)
                return -ENOMEM;
        config->listen = grown;
        grown[config->n_listen] = alloc_string(address, strlen(address));
        if (!grown[config->n_listen])
                return -ENOMEM;
        config->n_listen++;
        return 0;
}

int config_draft_add_service_dir(ConfigDraft *draft, const char *path, bool strict, bool watched)
{
        Config *config = &draft->config;
        ConfigServiceDir *grown;

        for (size_t i = 0; i < config->n_service_dirs; i++) {
                if (strcmp(config->service_dirs[i].path, path) == 0)
                        return 0;
        }
        if (config->n_service_dirs == CONFIG_DRAFT_DIRS_MAX)
                return -E2BIG;
        grown = alloc_resize(config->service_dirs, (config->n_service_dirs + 1) * sizeof(*grown));
        if (!grown)
                return -ENOMEM;
        config->service_dirs = grown;
        grown += config->n_service_dirs;
        *grown = (ConfigServiceDir){
                .path = alloc_string(path, strlen(path)), .strict = strict, .watched = watched};
        if (!grown->path)
                return -ENOMEM;
        config->n_service_dirs++;
        return 0;
}

int config_draft_associate(ConfigDraft *draft, const char *own, const char *context)
{
        Config *config = &draft->config;
        ConfigAssociation *grown;

        for (size_t i = 0; i < config->n_associations; i++) {
                if (strcmp(config->associations[i].own, own) == 0)
                        return config_draft_set(&config->associations[i].context, context);
        }
        if (config->n_associations == CONFIG_DRAFT_ASSOCIATIONS_MAX)
                return -E2BIG;
        grown = alloc_resize(config->associations, (config->n_associations + 1) * sizeof(*grown));
        if (!grown)
                return -ENOMEM;
        config->associations = grown;
        grown += config->n_associations;
        *grown = (ConfigAssociation){.own = alloc_string(own, strlen(own)),
                                     .context = alloc_string(context, strlen(context))};
        if (!grown->own || !grown->context) {
                alloc_free(grown->own);
                alloc_free(grown->context);
                return -ENOMEM;
        }
        config->n_associations++;
        return 0;
}

static void merge_string(char **into, char **from)
{
        if (!*from)
                return;
        alloc_free(*into);
        *into = *from;
        *from = NULL;
}

static int merge_lists(ConfigDraft *draft, const Config *from)
{
        int r = 0;

        for (size_t i = 0; r == 0 && i < from->n_listen; i++)
                r = config_draft_add_listen(draft, from->listen[i]);
        for (size_t i = 0; r == 0 && i < from->n_service_dirs; i++)
                r = config_draft_add_service_dir(draft, from->service_dirs[i].path,
                                                 from->service_dirs[i].strict,
                                                 from->service_dirs[i].watched);
        for (size_t i = 0; r == 0 && i < from->n_associations; i++)
                r = config_draft_associate(draft, from->associations[i].own,
                                           from->associations[i].context);
        return r;
}

/* <syslog> is the one flag that an included file does not pass on: the reference forgets it. */
int config_draft_merge(ConfigDraft *draft, ConfigDraft *included)
{
        Config *into = &draft->config;
        Config *from = &included->config;
        int r = merge_lists(draft, from);

        if (r == 0)
                r = policyrules_append(&into->policy_rules, &from->policy_rules);
        if (r < 0)
                return r;
        merge_string(&into->type, &from->type);
        merge_string(&into->user, &from->user);
        merge_string(&into->pidfile, &from->pidfile);
        merge_string(&into->servicehelper, &from->servicehelper);
        into->fork |= from->fork;
        into->keep_umask |= from->keep_umask;
        into->allow_anonymous |= from->allow_anonymous;
        into->mechanisms |= from->mechanisms;
        into->limits = from->limits;
        if (included->has_apparmor) {
                draft->has_apparmor = true;
                into->apparmor = from->apparmor;
        }
        config_draft_deinit(included);
        return 0;
}
