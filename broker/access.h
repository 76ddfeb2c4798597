/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BROKER_ACCESS_H
#define RINGBUS_BROKER_ACCESS_H

/*
 * --check-access: would this account be let in at this address, and if not, why? Tries it as a
 * client does, step by step, and says what happened at each step and what to do about it. It needs
 * no bus of ours: any D-Bus bus will do.
 *
 * Owner: the main thread of a process that does nothing else; it blocks, some seconds at most at
 * each step.
 */

#include <stdio.h>

/* 0: the bus let this account in; 1: not. */
int access_check(const char *address, FILE *out);

#endif
