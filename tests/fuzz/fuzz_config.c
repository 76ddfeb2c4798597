/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configuration reader, with files in memory. The input is a list of files: each a path, a
 * newline and a text, up to a line "====" before the next one. The first one is loaded; it may
 * include the others. An input that begins with '<' is the text of one file, so that configuration
 * files that there are can be replayed as they are.
 *
 * What always holds: the reader ends; it gives either a configuration with something to listen on,
 * values in range and rules that make sense, or errors of one line each. Read once more with memory
 * for a part of it, at a place that the input's size decides, it is refused for that.
 */

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "broker/base/assert.h"
#include "broker/base/log.h"
#include "broker/config.h"
#include "tests/support/config_memory.h"
#include "tests/support/shortage.h"

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

/* In place of the log: one line each. */
void __wrap_log_line(LogLevel level, const char *format, ...) __attribute__((format(printf, 2, 3)));
void __wrap_log_line(LogLevel level, const char *format, ...)
{
        char text[4096];
        va_list args;

        va_start(args, format);
        vsnprintf(text, sizeof(text), format, args);
        va_end(args);
        ASSERT(level <= LOG_LEVEL_NOTICE && text[0] != '\0' && !strchr(text, '\n'));
}

/* The files of the input. False: there is none that can be read first. */
static bool read_input(ConfigMemory *memory, ConfigMemoryFile *files, Text rest, char *path,
                       size_t size)
{
        if (rest.size > 0 && rest.data[0] == '<') {
                files[memory->n++] = (ConfigMemoryFile){.path = TEXT("conf"), .text = rest};
                rest.size = 0;
        }
        while (rest.size > 0 && memory->n < FILES_MAX) {
                Text file = cut(&rest, TEXT("\n====\n"));

                files[memory->n].path = cut(&file, TEXT("\n"));
                files[memory->n++].text = file;
        }
        if (memory->n == 0 || files[0].path.size >= size ||
            memchr(files[0].path.data, '\0', files[0].path.size))
                return false;
        memcpy(path, files[0].path.data, files[0].path.size);
        path[files[0].path.size] = '\0';
        return true;
}

/* Once more, with memory for a part of it: read whole, or refused for just that. */
static void load_short_of_memory(const ConfigSource *source, const char *path, long n_allocations,
                                 size_t choice)
{
        ConfigReport report = {0};
        Config *config = NULL;
        int r;

        shortage_begin((long)(choice % (size_t)n_allocations));
        r = config_load_from(source, path, &config, &report);
        config_report_log(&report);
        shortage_begin(SHORTAGE_NEVER);
        ASSERT(r == -ENOMEM && !config && report.out_of_memory);
        config_report_deinit(&report);
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
        const ConfigSource source = config_memory_source(&memory);
        ConfigReport report = {0};
        Config *config = NULL;
        char path[256];
        long n_allocations;
        int r;

        if (!read_input(&memory, files, (Text){(const char *)data, size}, path, sizeof(path)))
                return 0;
        shortage_begin(SHORTAGE_NEVER);
        r = config_load_from(&source, path, &config, &report);
        n_allocations = shortage_count();
        check_report(&report, r);
        config_report_log(&report);
        if (r == 0)
                check_config(config);
        else
                ASSERT(!config);
        config_report_deinit(&report);
        config_free(config);
        if (n_allocations > 0)
                load_short_of_memory(&source, path, n_allocations, size * 7919 + data[size / 2]);
        return 0;
}
