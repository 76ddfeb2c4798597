/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configuration reader, with files in memory. The input is a list of files: each a path, a
 * newline and a text, up to a line "====" before the next one. The first one is loaded; it may
 * include the others. An input that begins with '<' is the text of one file, so that configuration
 * files that there are can be replayed as they are.
 *
 * What always holds: the reader ends; it gives either a configuration with something to listen on,
 * values in range and rules that make sense, or errors of one line each.
 */

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "broker/base/assert.h"
#include "broker/config.h"
#include "tests/support/config_memory.h"

enum { FILES_MAX = 16 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Cuts what stands before `separator` off *rest. */
static Text cut(Text *rest, Text separator)
{
        const char *at = memmem(rest->data, rest->size, separator.data, separator.size);
        Text part = *rest;

        if (!at) {
                *rest = (Text){rest->data + rest->size, 0};
                return part;
        }
        part.size = (size_t)(at - rest->data);
        rest->data = at + separator.size;
        rest->size -= part.size + separator.size;
        return part;
}

static void check_rule(const PolicyRule *rule)
{
        const bool of_messages =
                rule->kind == POLICY_RULE_SEND || rule->kind == POLICY_RULE_RECEIVE;
        const bool of_connections =
                rule->kind == POLICY_RULE_USER || rule->kind == POLICY_RULE_GROUP;

        ASSERT(rule->type <= 4);
        ASSERT(of_messages || (rule->type == 0 && !rule->interface && !rule->member &&
                               !rule->path && !rule->error && !rule->eavesdrop));
        ASSERT(!rule->member || rule->interface || rule->path || rule->kind != POLICY_RULE_SEND ||
               of_messages);
        ASSERT(!rule->error || (!rule->interface && !rule->member));
        ASSERT(!rule->log || rule->kind == POLICY_RULE_SEND);
        ASSERT(rule->broadcast == POLICY_BROADCAST_ANY || rule->kind == POLICY_RULE_SEND);
        ASSERT(!of_connections || rule->context == POLICY_CONTEXT_DEFAULT ||
               rule->context == POLICY_CONTEXT_MANDATORY);
        ASSERT(!rule->name_is_prefix || rule->name);
        ASSERT(!rule->name || !of_connections);
}

static void check_config(const Config *config)
{
        ASSERT(config->n_listen > 0);
        for (size_t i = 0; i < config->n_listen; i++)
                ASSERT(config->listen[i][0] != '\0');
        for (size_t i = 0; i < config->n_service_dirs; i++)
                ASSERT(config->service_dirs[i].path[0] != '\0');
        for (size_t i = 0; i < config->n_associations; i++)
                ASSERT(config->associations[i].own && config->associations[i].context);
        for (size_t i = 0; i < config->policy_rules.n; i++)
                check_rule(&config->policy_rules.items[i]);
        ASSERT(config->limits.max_incoming_bytes <= INT32_MAX);
        ASSERT(config->limits.max_replies_per_connection <= INT32_MAX);
}

static void check_report(const ConfigReport *report, int r)
{
        char shown[64];
        FILE *file = fmemopen(shown, sizeof(shown), "w");

        ASSERT(file);
        config_report_print(report, file);
        fclose(file);
        ASSERT(config_report_first_error(report)[0] != '\0');
        ASSERT((r == 0) == (report->n_errors == 0) && !report->out_of_memory);
        for (size_t i = 0; i < report->n; i++)
                ASSERT(report->items[i].text[0] != '\0' && !strchr(report->items[i].text, '\n'));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        ConfigMemoryFile files[FILES_MAX];
        ConfigMemory memory = {
                .files = files,
                .selinux_root = "/selinux",
                .environment =
                        (const char *const[]){"XDG_RUNTIME_DIR", "/run/user/1000", "HOME",
                                              "/home/alice", "XDG_DATA_DIRS", "/a::/b/", NULL},
        };
        ConfigSource source = config_memory_source(&memory);
        Text rest = {(const char *)data, size};
        ConfigReport report = {0};
        Config *config = NULL;
        char path[256];
        int r;

        if (rest.size > 0 && rest.data[0] == '<') {
                files[memory.n++] = (ConfigMemoryFile){.path = TEXT("conf"), .text = rest};
                rest.size = 0;
        }
        while (rest.size > 0 && memory.n < FILES_MAX) {
                Text file = cut(&rest, TEXT("\n====\n"));

                files[memory.n].path = cut(&file, TEXT("\n"));
                files[memory.n++].text = file;
        }
        if (memory.n == 0 || files[0].path.size >= sizeof(path) ||
            memchr(files[0].path.data, '\0', files[0].path.size))
                return 0;
        memcpy(path, files[0].path.data, files[0].path.size);
        path[files[0].path.size] = '\0';
        r = config_load_from(&source, path, &config, &report);
        check_report(&report, r);
        if (r == 0)
                check_config(config);
        else
                ASSERT(!config);
        config_report_deinit(&report);
        config_free(config);
        return 0;
}
