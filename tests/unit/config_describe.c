/* SPDX-License-Identifier: Apache-2.0 */
#include "config_describe.h"

#include <stdio.h>
#include <stdlib.h>

static void describe_text(FILE *out, const char *name, const char *text)
{
        if (text)
                fprintf(out, " %s=\"%s\"", name, text);
}

static void describe_rule(FILE *out, const PolicyRule *rule)
{
        fprintf(out, "rule %d:%u %d %d log=%d eavesdrop=%d requested=%d prefix=%d type=%u",
                rule->context, rule->context_id, rule->kind, rule->allow, rule->log,
                rule->eavesdrop, rule->requested_reply, rule->name_is_prefix, rule->type);
        fprintf(out, " broadcast=%d fds=%u-%u id=%u", rule->broadcast, rule->min_fds, rule->max_fds,
                rule->id);
        describe_text(out, "interface", rule->interface);
        describe_text(out, "member", rule->member);
        describe_text(out, "path", rule->path);
        describe_text(out, "error", rule->error);
        describe_text(out, "name", rule->name);
        fputc('\n', out);
}

char *config_describe(const Config *config)
{
        char *text = NULL;
        size_t size;
        FILE *out = open_memstream(&text, &size);

        if (!out)
                abort();
        describe_text(out, "type", config->type);
        describe_text(out, "user", config->user);
        describe_text(out, "pidfile", config->pidfile);
        describe_text(out, "servicehelper", config->servicehelper);
        fprintf(out, " fork=%d keep_umask=%d syslog=%d anonymous=%d mechanisms=%x apparmor=%d\n",
                config->fork, config->keep_umask, config->syslog, config->allow_anonymous,
                config->mechanisms, config->apparmor);
        for (size_t i = 0; i < config->n_listen; i++)
                fprintf(out, "listen %s\n", config->listen[i]);
        for (size_t i = 0; i < config->n_service_dirs; i++)
                fprintf(out, "services %s %d %d\n", config->service_dirs[i].path,
                        config->service_dirs[i].strict, config->service_dirs[i].watched);
        for (size_t i = 0; i < config->n_associations; i++)
                fprintf(out, "associate %s %s\n", config->associations[i].own,
                        config->associations[i].context);
        for (size_t i = 0; i < config->policy_rules.n; i++)
                describe_rule(out, &config->policy_rules.items[i]);
#define DESCRIBE_LIMIT(member, name, value, support)                                               \
        fprintf(out, "%s=%llu\n", name, (unsigned long long)config->limits.member);
        LIMITS_LIST(DESCRIBE_LIMIT)
#undef DESCRIBE_LIMIT
        fclose(out);
        return text;
}
