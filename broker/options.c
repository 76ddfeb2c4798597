/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line, by a table instead of getopt_long(3): that one accepts abbreviations and
 * reorders, and has no optional value that may follow as a separate word ("--print-address 9").
 *
 * Two details of the reference are kept: --version, --introspect and --help act at once, and the
 * value of --print-address or --print-pid may be missing, whatever follows, unless it is a word
 * that does not begin with "--".
 */

#include "broker/options.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broker/base/assert.h"

#define NUMBER_TEXT_2(number) #number
#define NUMBER_TEXT(number) NUMBER_TEXT_2(number)

typedef struct Parser {
        Options options;
        FILE *errors;
        bool probes;     /* --probe was given */
        bool spin_given; /* options.spin is the user's */
        bool io_given;   /* options.io_wish is the user's */
} Parser;

typedef enum ValueRule { VALUE_NONE, VALUE_REQUIRED, VALUE_OPTIONAL } ValueRule;

typedef struct OptionRow {
        const char *name; /* without the two dashes */
        ValueRule rule;
        const char *usage; /* of the value, or NULL */
        /* `value` is NULL if there is none. OPTIONS_RUN: go on; anything else ends the parsing. */
        OptionsAction (*handle)(Parser *parser, const char *name, const char *value);
} OptionRow;

static void print_usage(FILE *file);

/* `what`, and `first` if there is one, tell what the first occurrence asked for. */
static OptionsAction refuse_twice(Parser *parser, const char *name, const char *what,
                                  const char *first)
{
        fprintf(parser->errors, "--%s specified but %s%s already requested\n", name, what, first);
        return OPTIONS_FAIL;
}

static OptionsAction refuse_value(Parser *parser, const char *name, const char *value,
                                  const char *expected)
{
        fprintf(parser->errors, "Invalid value for --%s: \"%s\"; expected %s\n", name, value,
                expected);
        return OPTIONS_FAIL;
}

static OptionsAction set_config_file(Parser *parser, const char *name, const char *file)
{
        if (parser->options.config_file)
                return refuse_twice(parser, name, "configuration file ",
                                    parser->options.config_file);
        parser->options.config_file = file;
        return OPTIONS_RUN;
}

static OptionsAction handle_session(Parser *parser, const char *name, const char *value)
{
        (void)value;
        return set_config_file(parser, name, OPTIONS_SESSION_FILE);
}

static OptionsAction handle_config_file(Parser *parser, const char *name, const char *value)
{
        return set_config_file(parser, name, value);
}

static OptionsAction handle_address(Parser *parser, const char *name, const char *value)
{
        if (parser->options.address)
                return refuse_twice(parser, name, "address ", parser->options.address);
        parser->options.address = value;
        return OPTIONS_RUN;
}

/* 0 to `max`, decimal digits only. */
static bool parse_number(const char *text, unsigned long max, unsigned long *ret_number)
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
static OptionsAction set_descriptor(Parser *parser, const char *name, const char *value, int *fd)
{
        unsigned long number = STDOUT_FILENO;

        if (*fd != ANNOUNCE_NOTHING)
                return refuse_twice(parser, name, "printing it was", "");
        if (value && value[0] != '\0' && !parse_number(value, INT_MAX, &number)) {
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

static OptionsAction handle_print_address(Parser *parser, const char *name, const char *value)
{
        return set_descriptor(parser, name, value, &parser->options.print_address_fd);
}

static OptionsAction handle_print_pid(Parser *parser, const char *name, const char *value)
{
        return set_descriptor(parser, name, value, &parser->options.print_pid_fd);
}

static OptionsAction handle_systemd_activation(Parser *parser, const char *name, const char *value)
{
        (void)value;
        if (!parser->options.systemd_activation)
                fprintf(parser->errors, "ringbus: --%s has no effect yet\n", name);
        parser->options.systemd_activation = true;
        return OPTIONS_RUN;
}

/* There is nothing to switch off: no log but standard error, no pid file, no background. */
static OptionsAction handle_nothing(Parser *parser, const char *name, const char *value)
{
        (void)parser;
        (void)name;
        (void)value;
        return OPTIONS_RUN;
}

static OptionsAction handle_unsupported(Parser *parser, const char *name, const char *value)
{
        (void)value;
        fprintf(parser->errors, "ringbus: --%s is not supported yet\n", name);
        return OPTIONS_FAIL;
}

static OptionsAction handle_version(Parser *parser, const char *name, const char *value)
{
        (void)parser;
        (void)name;
        (void)value;
        return OPTIONS_VERSION;
}

static OptionsAction handle_introspect(Parser *parser, const char *name, const char *value)
{
        (void)parser;
        (void)name;
        (void)value;
        return OPTIONS_INTROSPECT;
}

static OptionsAction handle_help(Parser *parser, const char *name, const char *value)
{
        (void)name;
        (void)value;
        print_usage(parser->errors);
        return OPTIONS_FAIL;
}

static OptionsAction handle_workers(Parser *parser, const char *name, const char *value)
{
        unsigned long number;

        if (parser->options.n_workers > 0)
                return refuse_twice(parser, name, "a number of workers was", "");
        if (!parse_number(value, OPTIONS_WORKERS_MAX, &number) || number == 0)
                return refuse_value(parser, name, value,
                                    "a number from 1 to " NUMBER_TEXT(OPTIONS_WORKERS_MAX));
        parser->options.n_workers = (unsigned)number;
        return OPTIONS_RUN;
}

static OptionsAction handle_io(Parser *parser, const char *name, const char *value)
{
        if (parser->io_given)
                return refuse_twice(parser, name, "a backend was", "");
        if (!probe_parse_wish(value, &parser->options.io_wish))
                return refuse_value(parser, name, value, "auto, uring or epoll");
        parser->io_given = true;
        return OPTIONS_RUN;
}

static OptionsAction handle_spin(Parser *parser, const char *name, const char *value)
{
        unsigned long number;

        if (parser->spin_given)
                return refuse_twice(parser, name, "a way to spin was", "");
        parser->spin_given = true;
        if (strcmp(value, "auto") == 0) {
                parser->options.spin = OPTIONS_SPIN_AUTO;
        } else if (strcmp(value, "off") == 0) {
                parser->options.spin = OPTIONS_SPIN_OFF;
        } else if (parse_number(value, OPTIONS_SPIN_MAX_US, &number) && number > 0) {
                parser->options.spin = OPTIONS_SPIN_FIXED;
                parser->options.spin_us = (unsigned)number;
        } else {
                return refuse_value(
                        parser, name, value,
                        "auto, off or microseconds from 1 to " NUMBER_TEXT(OPTIONS_SPIN_MAX_US));
        }
        return OPTIONS_RUN;
}

static OptionsAction set_stall(Parser *parser, const char *name, const char *value,
                               unsigned *ret_ms)
{
        unsigned long number;

        if (!parse_number(value, OPTIONS_STALL_MAX_MS, &number))
                return refuse_value(
                        parser, name, value,
                        "milliseconds up to " NUMBER_TEXT(OPTIONS_STALL_MAX_MS) ", 0 for never");
        *ret_ms = (unsigned)number;
        return OPTIONS_RUN;
}

static OptionsAction handle_stall_forgive(Parser *parser, const char *name, const char *value)
{
        return set_stall(parser, name, value, &parser->options.stall_forgive_ms);
}

static OptionsAction handle_stall_close(Parser *parser, const char *name, const char *value)
{
        return set_stall(parser, name, value, &parser->options.stall_close_ms);
}

static OptionsAction handle_probe(Parser *parser, const char *name, const char *value)
{
        (void)name;
        (void)value;
        parser->probes = true;
        return OPTIONS_RUN;
}

static const OptionRow option_rows[] = {
        {"version", VALUE_NONE, NULL, handle_version},
        {"session", VALUE_NONE, NULL, handle_session},
        {"system", VALUE_NONE, NULL, handle_unsupported},
        {"config-file", VALUE_REQUIRED, "FILE", handle_config_file},
        {"print-address", VALUE_OPTIONAL, "DESCRIPTOR", handle_print_address},
        {"print-pid", VALUE_OPTIONAL, "DESCRIPTOR", handle_print_pid},
        {"introspect", VALUE_NONE, NULL, handle_introspect},
        {"address", VALUE_REQUIRED, "ADDRESS", handle_address},
        {"nopidfile", VALUE_NONE, NULL, handle_nothing},
        {"nosyslog", VALUE_NONE, NULL, handle_nothing},
        {"syslog", VALUE_NONE, NULL, handle_unsupported},
        {"syslog-only", VALUE_NONE, NULL, handle_unsupported},
        {"nofork", VALUE_NONE, NULL, handle_nothing},
        {"fork", VALUE_NONE, NULL, handle_unsupported},
        {"systemd-activation", VALUE_NONE, NULL, handle_systemd_activation},
        {"workers", VALUE_REQUIRED, "N", handle_workers},
        {"io", VALUE_REQUIRED, "auto|uring|epoll", handle_io},
        {"spin", VALUE_REQUIRED, "auto|off|MICROSECONDS", handle_spin},
        {"stall-forgive", VALUE_REQUIRED, "MILLISECONDS", handle_stall_forgive},
        {"stall-close", VALUE_REQUIRED, "MILLISECONDS", handle_stall_close},
        {"probe", VALUE_NONE, NULL, handle_probe},
        {"help", VALUE_NONE, NULL, handle_help},
};

static void print_usage(FILE *file)
{
        fputs("ringbus", file);
        for (size_t i = 0; i < ARRAY_SIZE(option_rows); i++) {
                const OptionRow *row = &option_rows[i];

                if (row->handle == handle_unsupported)
                        continue;
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
static OptionsAction parse_word(Parser *parser, int argc, char *const *argv, int *at)
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
        Parser parser = {
                .options = {.print_address_fd = ANNOUNCE_NOTHING,
                            .print_pid_fd = ANNOUNCE_NOTHING,
                            .stall_forgive_ms = 5000,
                            .stall_close_ms = 30000},
                .errors = errors,
        };
        int at = 1;

        while (at < argc) {
                OptionsAction action = parse_word(&parser, argc, argv, &at);

                if (action != OPTIONS_RUN)
                        return action;
        }
        if (!parser.probes && !parser.options.config_file) {
                fputs("No configuration file specified.\n", errors);
                print_usage(errors);
                return OPTIONS_FAIL;
        }
        *ret_options = parser.options;
        return parser.probes ? OPTIONS_PROBE : OPTIONS_RUN;
}
