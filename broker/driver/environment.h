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
} Environment;

void environment_init(Environment *environment);
void environment_deinit(Environment *environment);

/* Sets a variable, replacing an earlier value. 0 or -ENOMEM. */
int environment_set(Environment *environment, Text key, Text value);

/* A copy of a variable's value, to be freed, or NULL. */
char *environment_get(Environment *environment, Text key);

#endif
