/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_DRIVER_ENVIRONMENT_H
#define RINGBUS_DRIVER_ENVIRONMENT_H

/*
 * The environment of services that the bus will start: what UpdateActivationEnvironment has set on
 * top of the bus's own. A call's variables are collected in an EnvironmentSet first and then
 * applied together: either all of them or none.
 * Owner: any worker, under its lock; cold. An EnvironmentSet outside: its caller.
 */

#include "broker/base/list.h"
#include "broker/base/text.h"
#include "broker/sync/lock.h"

enum { ENVIRONMENT_VARIABLES_MAX = 1024, ENVIRONMENT_BYTES_MAX = 1024 * 1024 };

/* No key is in it twice. */
typedef struct EnvironmentSet {
        List variables; /* "KEY=VALUE" strings */
        unsigned n_variables;
        size_t n_bytes;
} EnvironmentSet;

typedef struct Environment {
        Lock lock;
        EnvironmentSet set;
} Environment;

void environment_init(Environment *environment);
void environment_deinit(Environment *environment);

void environment_set_init(EnvironmentSet *set);
void environment_set_deinit(EnvironmentSet *set);

/* Adds a variable, replacing an earlier value. 0; -ENOMEM; or -E2BIG: the set would have more
 * variables or bytes than the limits above. */
int environment_set_add(EnvironmentSet *set, Text key, Text value);

/* Moves all variables of `set` into the environment, replacing earlier values. 0; or -E2BIG, and
 * nothing has changed: it would have more variables or bytes than the limits above. */
int environment_apply(Environment *environment, EnvironmentSet *set);

/* A copy of a variable's value, to be freed, or NULL. */
char *environment_get(Environment *environment, Text key);

#endif
