/* SPDX-License-Identifier: Apache-2.0 */
/* Findings: collected, merged, shown. */

#include "broker/config_report.h"

#include <stdarg.h>
#include <string.h>

#include "broker/base/alloc.h"
#include "broker/base/log.h"

static __attribute__((format(printf, 2, 0))) void write_line(ConfigError *error, const char *format,
                                                             va_list args)
{
        if (vsnprintf(error->text, sizeof(error->text), format, args) < 0)
                error->text[0] = '\0';
        for (char *c = error->text; *c; c++) {
                if (*c == '\n' || *c == '\r')
                        *c = ' ';
        }
}

void config_error_set(ConfigError *error, const char *format, ...)
{
        va_list args;

        va_start(args, format);
        write_line(error, format, args);
        va_end(args);
}

/* Takes `text`; NULL: there was no memory for it. */
static void append(ConfigReport *report, ConfigSeverity severity, char *text)
{
        ConfigFinding *grown = NULL;

        if (text)
                grown = alloc_resize(report->items, (report->n + 1) * sizeof(*grown));
        if (!grown) {
                alloc_free(text);
                report->out_of_memory = true;
                return;
        }
        report->items = grown;
        grown[report->n++] = (ConfigFinding){.severity = severity, .text = text};
}

/* Counts a finding; whether it is kept. */
static bool count(ConfigReport *report, ConfigSeverity severity)
{
        size_t *n = severity == CONFIG_ERROR ? &report->n_errors : &report->n_others;

        (*n)++;
        return *n <= CONFIG_REPORT_MAX;
}

void config_report_add(ConfigReport *report, ConfigSeverity severity, const char *format, ...)
{
        ConfigError line;
        va_list args;

        if (!count(report, severity))
                return;
        va_start(args, format);
        write_line(&line, format, args);
        va_end(args);
        append(report, severity, alloc_string(line.text, strlen(line.text)));
}

void config_report_merge(ConfigReport *report, ConfigReport *more, bool tolerated)
{
        const size_t n_all = more->n_errors + more->n_others;

        for (size_t i = 0; i < more->n; i++) {
                ConfigSeverity severity = more->items[i].severity;

                if (tolerated && severity == CONFIG_ERROR)
                        severity = CONFIG_WARNING;
                if (count(report, severity))
                        append(report, severity, more->items[i].text);
                else
                        alloc_free(more->items[i].text);
        }
        /* Those that `more` only counted: which they were does not matter any more. */
        if (!tolerated && more->n_errors > CONFIG_REPORT_MAX)
                report->n_errors += n_all - more->n;
        else
                report->n_others += n_all - more->n;
        report->out_of_memory |= more->out_of_memory;
        more->n = 0;
        config_report_deinit(more);
}

const char *config_report_first_error(const ConfigReport *report)
{
        for (size_t i = 0; i < report->n; i++) {
                if (report->items[i].severity == CONFIG_ERROR)
                        return report->items[i].text;
        }
        return "out of memory";
}

static size_t count_left_out(const ConfigReport *report)
{
        return report->n_errors + report->n_others - report->n;
}

void config_report_log(const ConfigReport *report)
{
        static const LogLevel levels[] = {
                [CONFIG_NOTICE] = LOG_LEVEL_NOTICE,
                [CONFIG_WARNING] = LOG_LEVEL_WARNING,
                [CONFIG_ERROR] = LOG_LEVEL_ERROR,
        };

        for (size_t i = 0; i < report->n; i++)
                log_line(levels[report->items[i].severity], "%s", report->items[i].text);
        if (report->out_of_memory)
                log_error("out of memory while the configuration was read");
        else if (count_left_out(report) > 0)
                log_notice("%zu more lines about the configuration were left out",
                           count_left_out(report));
}

void config_report_print(const ConfigReport *report, FILE *file)
{
        static const char *const names[] = {
                [CONFIG_NOTICE] = "notice: ",
                [CONFIG_WARNING] = "warning: ",
                [CONFIG_ERROR] = "",
        };

        for (size_t i = 0; i < report->n; i++)
                fprintf(file, "%s%s\n", names[report->items[i].severity], report->items[i].text);
        if (report->out_of_memory)
                fputs("out of memory\n", file);
        else if (count_left_out(report) > 0)
                fprintf(file, "%zu more\n", count_left_out(report));
}

void config_report_deinit(ConfigReport *report)
{
        for (size_t i = 0; i < report->n; i++)
                alloc_free(report->items[i].text);
        alloc_free(report->items);
        *report = (ConfigReport){0};
}
