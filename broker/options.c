/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line, by a table instead of getopt_long(3): that one accepts abbreviations and
 * reorders, and has no optional value that may follow as a separate word ("--print-address 9").
 *
 * Two details of the reference are kept: --version, --introspect and --help act at once, and the
 * value of --print-address or --print-pid may be missing, whatever follows, unless it is a word
 * that does not begin with "--".
 */

#include "broker/options_private.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broker/base/assert.h"

typedef enum ValueRule { VALUE_NONE, VALUE_REQUIRED, VALUE_OPTIONAL } ValueRule;

typedef struct OptionRow {
        const char *name; /* without the two dashes */
        ValueRule rule;
        const char *usage; /* of the value, or NULL */
        OptionsHandler *handle;
} OptionRow;

static void print_usage(FILE *file);

OptionsAction options_refuse_twice(OptionsParser *parser, const char *name, const char *what,
                                   const char *first)
{
        fprintf(parser->errors, "--%s specified but %s%s already requested\n", name, what, first);
        return OPTIONS_FAIL;
}

static OptionsAction set_config_file(OptionsParser *parser, const char *name, const char *file)
{
        if (parser->options.config_file)
                return options_refuse_twice(parser, name, "configuration file ",
                                            parser->options.config_file);
        parser->options.config_file = file;
        return OPTIONS_RUN;
}

static OptionsAction handle_session(OptionsParser *parser, const char *name, const char *value)
{
        (void)value;
        return set_config_file(parser, name, OPTIONS_SESSION_FILE);
}

static OptionsAction handle_system(OptionsParser *parser, const char *name, const char *value)
{
        (void)value;
        return set_config_file(parser, name, OPTIONS_SYSTEM_FILE);
}

static OptionsAction handle_config_file(OptionsParser *parser, const char *name, const char *value)
{
        return set_config_file(parser, name, value);
}

static OptionsAction handle_address(OptionsParser *parser, const char *name, const char *value)
{
        if (parser->options.address)
                return options_refuse_twice(parser, name, "address ", parser->options.address);
        parser->options.address = value;
        return OPTIONS_RUN;
}

bool options_parse_number(const char *text, unsigned long max, unsigned long *ret_number)
{
        char *end;
        unsigned long number;

        if (text[0] < '0' || text[0] > '9')
                return false;
        errno = 0;
        number = strtoul(text, &end, 10);
        if (errno != 0 || *end != '\0' || number > max)
                return false;
        *ret_number = number;
        return true;
}

/*
 * The descriptor must be open now: a number that is free today may be a socket of the bus's own by
 * the time the address is written.
 */
static OptionsAction set_descriptor(OptionsParser *parser, const char *name, const char *value,
                                    int *fd)
{
        unsigned long number = STDOUT_FILENO;

        if (*fd != ANNOUNCE_NOTHING)
                return options_refuse_twice(parser, name, "printing it was", "");
        if (value && value[0] != '\0' && !options_parse_number(value, INT_MAX, &number)) {
                fprintf(parser->errors, "Invalid file descriptor: \"%s\"\n", value);
                return OPTIONS_FAIL;
        }
        if (fcntl((int)number, F_GETFD) < 0) {
                fprintf(parser->errors, "Invalid file descriptor: \"%lu\": %s\n", number,
                        strerror(errno));
                return OPTIONS_FAIL;
        }
        *fd = (int)number;
        return OPTIONS_RUN;
}

static OptionsAction handle_print_address(OptionsParser *parser, const char *name,
                                          const char *value)
{
        return set_descriptor(parser, name, value, &parser->options.print_address_fd);
}

static OptionsAction handle_print_pid(OptionsParser *parser, const char *name, const char *value)
{
        return set_descriptor(parser, name, value, &parser->options.print_pid_fd);
}

static OptionsAction handle_systemd_activation(OptionsParser *parser, const char *name,
                                               const char *value)
{
        (void)value;
        if (!parser->options.systemd_activation)
                fprintf(parser->errors, "ringbus: --%s has no effect yet\n", name);
        parser->options.systemd_activation = true;
        return OPTIONS_RUN;
}

static OptionsAction handle_fork(OptionsParser *parser, const char *name, const char *value)
{
        (void)value;
        parser->options.fork = strcmp(name, "fork") == 0 ? OPTIONS_FORCED : OPTIONS_FORBIDDEN;
        return OPTIONS_RUN;
}

static OptionsAction handle_nopidfile(OptionsParser *parser, const char *name, const char *value)
{
        (void)name;
        (void)value;
        parser->options.no_pidfile = true;
        return OPTIONS_RUN;
}

/* The last of the three counts. */
static OptionsAction handle_syslog(OptionsParser *parser, const char *name, const char *value)
{
        (void)value;
        parser->options.syslog = strcmp(name, "nosyslog") == 0 ? OPTIONS_FORBIDDEN : OPTIONS_FORCED;
        parser->options.syslog_only = strcmp(name, "syslog-only") == 0;
        return OPTIONS_RUN;
}

static OptionsAction handle_version(OptionsParser *parser, const char *name, const char *value)
{
        (void)parser;
        (void)name;
        (void)value;
        return OPTIONS_VERSION;
}

static OptionsAction handle_introspect(OptionsParser *parser, const char *name, const char *value)
{
        (void)parser;
        (void)name;
        (void)value;
        return OPTIONS_INTROSPECT;
}

static OptionsAction handle_help(OptionsParser *parser, const char *name, const char *value)
{
        (void)name;
        (void)value;
        print_usage(parser->errors);
        return OPTIONS_FAIL;
}

static const OptionRow option_rows[] = {
        {"version", VALUE_NONE, NULL, handle_version},
        {"session", VALUE_NONE, NULL, handle_session},
        {"system", VALUE_NONE, NULL, handle_system},
        {"config-file", VALUE_REQUIRED, "FILE", handle_config_file},
        {"print-address", VALUE_OPTIONAL, "DESCRIPTOR", handle_print_address},
        {"print-pid", VALUE_OPTIONAL, "DESCRIPTOR", handle_print_pid},
        {"introspect", VALUE_NONE, NULL, handle_introspect},
        {"address", VALUE_REQUIRED, "ADDRESS", handle_address},
        {"nopidfile", VALUE_NONE, NULL, handle_nopidfile},
        {"nosyslog", VALUE_NONE, NULL, handle_syslog},
        {"syslog", VALUE_NONE, NULL, handle_syslog},
        {"syslog-only", VALUE_NONE, NULL, handle_syslog},
        {"nofork", VALUE_NONE, NULL, handle_fork},
        {"fork", VALUE_NONE, NULL, handle_fork},
        {"systemd-activation", VALUE_NONE, NULL, handle_systemd_activation},
        {"workers", VALUE_REQUIRED, "N", options_own_workers},
        {"io", VALUE_REQUIRED, "auto|uring|epoll", options_own_io},
        {"spin", VALUE_REQUIRED, "auto|off|MICROSECONDS", options_own_spin},
        {"stall-forgive", VALUE_REQUIRED, "MILLISECONDS", options_own_stall_forgive},
        {"stall-close", VALUE_REQUIRED, "MILLISECONDS", options_own_stall_close},
        {"check-config", VALUE_REQUIRED, "FILE", options_own_check_config},
        {"refuse-overflow-uid", VALUE_NONE, NULL, options_own_refuse_overflow},
        {"check-access", VALUE_REQUIRED, "ADDRESS", options_own_check_access},
        {"probe", VALUE_NONE, NULL, options_own_probe},
        {"help", VALUE_NONE, NULL, handle_help},
};

static void print_usage(FILE *file)
{
        fputs("ringbus", file);
        for (size_t i = 0; i < ARRAY_SIZE(option_rows); i++) {
                const OptionRow *row = &option_rows[i];

                fprintf(file, " [--%s", row->name);
                if (row->rule == VALUE_REQUIRED)
                        fprintf(file, "=%s", row->usage);
                else if (row->rule == VALUE_OPTIONAL)
                        fprintf(file, "[=%s]", row->usage);
                fputc(']', file);
        }
        fputc('\n', file);
}

/* The row of "--name" or "--name=value", or NULL; *ret_value is NULL without '='. */
static const OptionRow *find_row(const char *word, const char **ret_value)
{
        size_t size;

        if (strncmp(word, "--", 2) != 0)
                return NULL;
        word += 2;
        size = strcspn(word, "=");
        for (size_t i = 0; i < ARRAY_SIZE(option_rows); i++) {
                const OptionRow *row = &option_rows[i];

                if (strlen(row->name) != size || memcmp(row->name, word, size) != 0)
                        continue;
                if (word[size] == '=' && row->rule == VALUE_NONE)
                        return NULL;
                *ret_value = word[size] == '=' ? word + size + 1 : NULL;
                return row;
        }
        return NULL;
}

/* Handles the option at argv[*at] and advances *at behind its value. */
static OptionsAction parse_word(OptionsParser *parser, int argc, char *const *argv, int *at)
{
        const char *word = argv[(*at)++];
        const char *value = NULL;
        const OptionRow *row = find_row(word, &value);

        if (!row) {
                fprintf(parser->errors, "Unknown option \"%s\"\n", word);
                print_usage(parser->errors);
                return OPTIONS_FAIL;
        }
        if (!value && row->rule != VALUE_NONE && *at < argc && strncmp(argv[*at], "--", 2) != 0)
                value = argv[(*at)++];
        if (row->rule == VALUE_REQUIRED && (!value || value[0] == '\0')) {
                fprintf(parser->errors, "--%s needs a value: --%s=%s\n", row->name, row->name,
                        row->usage);
                return OPTIONS_FAIL;
        }
        return row->handle(parser, row->name, value);
}

OptionsAction options_parse(int argc, char *const *argv, FILE *errors, Options *ret_options)
{
        OptionsParser parser = {
                .options = {.print_address_fd = ANNOUNCE_NOTHING,
                            .print_pid_fd = ANNOUNCE_NOTHING,
                            .stall_forgive_ms = 5000,
                            .stall_close_ms = 30000},
                .errors = errors,
                .action = OPTIONS_RUN,
        };
        int at = 1;

        while (at < argc) {
                OptionsAction action = parse_word(&parser, argc, argv, &at);

                if (action == OPTIONS_CHECK_ACCESS)
                        *ret_options = parser.options;
                if (action != OPTIONS_RUN)
                        return action;
        }
        if (parser.action == OPTIONS_RUN && !parser.options.config_file) {
                fputs("No configuration file specified.\n", errors);
                print_usage(errors);
                return OPTIONS_FAIL;
        }
        *ret_options = parser.options;
        return parser.action;
}
