/* SPDX-License-Identifier: Apache-2.0 */
/* Options that dbus-daemon(1) has not. */

#include <string.h>

#include "broker/options_private.h"

#define NUMBER_TEXT_2(number) #number
#define NUMBER_TEXT(number) NUMBER_TEXT_2(number)

static OptionsAction refuse_value(OptionsParser *parser, const char *name, const char *value,
                                  const char *expected)
{
        fprintf(parser->errors, "Invalid value for --%s: \"%s\"; expected %s\n", name, value,
                expected);
        return OPTIONS_FAIL;
}

OptionsAction options_own_workers(OptionsParser *parser, const char *name, const char *value)
{
        unsigned long number;

        if (parser->options.n_workers > 0)
                return options_refuse_twice(parser, name, "a number of workers was", "");
        if (!options_parse_number(value, OPTIONS_WORKERS_MAX, &number) || number == 0)
                return refuse_value(parser, name, value,
                                    "a number from 1 to " NUMBER_TEXT(OPTIONS_WORKERS_MAX));
        parser->options.n_workers = (unsigned)number;
        return OPTIONS_RUN;
}

OptionsAction options_own_io(OptionsParser *parser, const char *name, const char *value)
{
        if (parser->io_given)
                return options_refuse_twice(parser, name, "a backend was", "");
        if (!probe_parse_wish(value, &parser->options.io_wish))
                return refuse_value(parser, name, value, "auto, uring or epoll");
        parser->io_given = true;
        return OPTIONS_RUN;
}

OptionsAction options_own_spin(OptionsParser *parser, const char *name, const char *value)
{
        unsigned long number;

        if (parser->spin_given)
                return options_refuse_twice(parser, name, "a way to spin was", "");
        parser->spin_given = true;
        if (strcmp(value, "auto") == 0) {
                parser->options.spin = OPTIONS_SPIN_AUTO;
        } else if (strcmp(value, "off") == 0) {
                parser->options.spin = OPTIONS_SPIN_OFF;
        } else if (options_parse_number(value, OPTIONS_SPIN_MAX_US, &number) && number > 0) {
                parser->options.spin = OPTIONS_SPIN_FIXED;
                parser->options.spin_us = (unsigned)number;
        } else {
                return refuse_value(
                        parser, name, value,
                        "auto, off or microseconds from 1 to " NUMBER_TEXT(OPTIONS_SPIN_MAX_US));
        }
        return OPTIONS_RUN;
}

static OptionsAction set_stall(OptionsParser *parser, const char *name, const char *value,
                               unsigned *ret_ms)
{
        unsigned long number;

        if (!options_parse_number(value, OPTIONS_STALL_MAX_MS, &number))
                return refuse_value(
                        parser, name, value,
                        "milliseconds up to " NUMBER_TEXT(OPTIONS_STALL_MAX_MS) ", 0 for never");
        *ret_ms = (unsigned)number;
        return OPTIONS_RUN;
}

OptionsAction options_own_stall_forgive(OptionsParser *parser, const char *name, const char *value)
{
        return set_stall(parser, name, value, &parser->options.stall_forgive_ms);
}

OptionsAction options_own_stall_close(OptionsParser *parser, const char *name, const char *value)
{
        return set_stall(parser, name, value, &parser->options.stall_close_ms);
}

OptionsAction options_own_probe(OptionsParser *parser, const char *name, const char *value)
{
        (void)name;
        (void)value;
        parser->action = OPTIONS_PROBE;
        return OPTIONS_RUN;
}

OptionsAction options_own_check_config(OptionsParser *parser, const char *name, const char *value)
{
        if (parser->options.config_file)
                return options_refuse_twice(parser, name, "configuration file ",
                                            parser->options.config_file);
        parser->options.config_file = value;
        parser->action = OPTIONS_CHECK_CONFIG;
        return OPTIONS_RUN;
}

OptionsAction options_own_refuse_overflow(OptionsParser *parser, const char *name,
                                          const char *value)
{
        (void)name;
        (void)value;
        parser->options.refuse_overflow_uid = true;
        return OPTIONS_RUN;
}

OptionsAction options_own_check_access(OptionsParser *parser, const char *name, const char *value)
{
        (void)name;
        parser->options.check_access = value;
        return OPTIONS_CHECK_ACCESS;
}
