/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_TESTS_WIRE_MEDIATION_H
#define RINGBUS_TESTS_WIRE_MEDIATION_H

/*
 * Buses in a world with SELinux or AppArmor, and clients with labels. RINGBUS_DAEMON must be the
 * build ringbus_mediated; the world is that of tests/support/fake_lsm.h.
 *
 * Owner: the main thread.
 */

#include "tests/support/fake_lsm.h"
#include "tests/wire/expect.h"
#include "tests/wire/scene.h"

/* Names the file of the world, in a folder of its own, and removes it. 0, or -1. */
int mediation_init(void);
int mediation_deinit(void);

/* A bus in this world, whose configuration has these further elements. */
int mediation_start(void **state, const char *world, const char *config);

/* Another world from now on: waits until the bus has loaded its configuration anew, as it must. */
void mediation_change(Scene *scene, const char *world);

/* A client with this label that has authenticated; one that has called Hello, too. */
RawClient *mediation_open(Scene *scene, const char *label);
RawClient *mediation_join(Scene *scene, const char *label);

/* An answer of AccessDenied to `serial` whose text begins like this. */
void mediation_expect_denied(RawClient *client, uint32_t serial, const char *text);

#endif
