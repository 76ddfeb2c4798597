/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BROKER_LSM_H
#define RINGBUS_BROKER_LSM_H

/*
 * The security modules of the kernel by which the bus mediates: SELinux and AppArmor. Which of them
 * are on is found out once, by lsm_check(), before there are threads. A module whose library was
 * not there when ringbus was built is as if it were off. Why it is done so:
 * docs/decisions/0011-security-modules.md.
 *
 * Owner: the control thread, but for what says otherwise.
 */

#include "auth/mediator.h"
#include "broker/config.h"

enum { LSM_WATCHES_MAX = MEDIATORS_MAX };

/* The folder of SELinux's policy, constant; NULL: SELinux is off. Any thread. */
const char *lsm_selinux_root(void);

/*
 * Finds out which modules mediate from now on: those that are on in the kernel and that the
 * configuration in the file `path` does not switch off. As with the reference, reloading does not
 * change that. Adds an error to *report if the bus must not start like this. Before threads.
 */
void lsm_check(const Config *config, const char *path, ConfigReport *report);

/*
 * Begins to watch the policies of those that mediate; says in the log which they are, and which
 * cannot be watched: their answers are in force until the configuration is loaded anew. Before the
 * first lsm_mediators(), so that no change is missed, and before the bus becomes another user, who
 * may not be let at the kernel's files.
 */
void lsm_start(void);

/* Forgets all that lsm_check() and lsm_start() did. There are no Mediators any more. Idempotent. */
void lsm_stop(void);

/* After lsm_check(): any thread. */
bool lsm_is_mediating_selinux(void);
bool lsm_is_mediating_apparmor(void);

/* The bus's own context, borrowed until lsm_stop(); NULL: SELinux does not mediate. The same. */
const char *lsm_selinux_label(void);

/*
 * What to ask those that mediate, with this configuration and their policies of now, for
 * lsm_free_mediators(). 0; or -ENOMEM or another negative errno, logged, and then nothing may be
 * allowed.
 */
int lsm_mediators(const Config *config, Mediators *ret_mediators);

/* Idempotent. Any thread. */
void lsm_free_mediators(Mediators *mediators);

/*
 * Writes the fds to poll(2) for POLLIN, still lsm's, and returns how many there are. Ask anew after
 * each lsm_was_changed(): it may have replaced or closed one.
 */
unsigned lsm_watches(int fds[static LSM_WATCHES_MAX]);

/* Reads what made `fd`, of lsm_watches(), readable: whether mediators are to be made anew. */
bool lsm_was_changed(int fd);

#endif
