/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BROKER_OPTIONS_PRIVATE_H
#define RINGBUS_BROKER_OPTIONS_PRIVATE_H

/* What options.c and options_own.c share. Owner: options_parse(). */

#include "broker/options.h"

typedef struct OptionsParser {
        Options options;
        FILE *errors;
        OptionsAction action; /* if nothing is wrong */
        bool spin_given;      /* options.spin is the user's */
        bool io_given;        /* options.io_wish is the user's */
} OptionsParser;

/*
 * Handles an option; `value` is NULL if there is none. OPTIONS_RUN: go on; anything else ends the
 * parsing.
 */
typedef OptionsAction OptionsHandler(OptionsParser *parser, const char *name, const char *value);

/* `what`, and `first` if there is one, tell what the first occurrence asked for. */
OptionsAction options_refuse_twice(OptionsParser *parser, const char *name, const char *what,
                                   const char *first);

/* 0 to `max`, decimal digits only. */
bool options_parse_number(const char *text, unsigned long max, unsigned long *ret_number);

/* Options that the reference has not. */
OptionsHandler options_own_workers;
OptionsHandler options_own_io;
OptionsHandler options_own_spin;
OptionsHandler options_own_stall_forgive;
OptionsHandler options_own_stall_close;
OptionsHandler options_own_probe;
OptionsHandler options_own_check_config;
OptionsHandler options_own_refuse_overflow;
OptionsHandler options_own_check_access;

#endif
