/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_TESTS_WIRE_REFUSAL_H
#define RINGBUS_TESTS_WIRE_REFUSAL_H

/*
 * Checks that bytes which are no message close the connection they came on, without a message,
 * while two witnesses (who would have received it) go on talking and get nothing.
 */

#include "tests/wire/scene.h"

/* A good signal to one of the witnesses, to be spoilt. Lets the witnesses join if need be. */
RawHeader refusal_signal(Scene *scene);

/* Sends `bytes` on a connection of their own. `what` is printed when they are not refused. */
void refusal_check_bytes(Scene *scene, const char *what, const Marshal *bytes);

/* The witnesses received nothing and can still talk to each other. */
void refusal_check_witness(Scene *scene);

#endif
