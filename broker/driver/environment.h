/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_DRIVER_ENVIRONMENT_H
#define RINGBUS_DRIVER_ENVIRONMENT_H

/*
 * The environment of services that the bus will start: what UpdateActivationEnvironment has set on
 * top of the bus's own.
 * Owner: any worker, under its lock; cold.
 */

#include "broker/base/list.h"
#include "broker/base/text.h"
#include "broker/sync/lock.h"

typedef struct Environment {
        Lock lock;
        List variables; /* "KEY=VALUE" strings */
        unsigned n_variables;
        size_t n_bytes;
} Environment;

void environment_init(Environment *environment);
void environment_deinit(Environment *environment);

enum { ENVIRONMENT_VARIABLES_MAX = 1024, ENVIRONMENT_BYTES_MAX = 1024 * 1024 };

/* Sets a variable, replacing an earlier value. 0; -ENOMEM; or -E2BIG: it would have more variables
 * or bytes than the limits above. */
int environment_set(Environment *environment, Text key, Text value);

/* A copy of a variable's value, to be freed, or NULL. */
char *environment_get(Environment *environment, Text key);

#endif
