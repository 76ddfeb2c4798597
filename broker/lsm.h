/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BROKER_LSM_H
#define RINGBUS_BROKER_LSM_H

/*
 * What there is of security modules. ringbus does not mediate by them yet: it asks neither SELinux
 * nor AppArmor whether a message may pass or a name be owned. It only knows whether they are there,
 * for <include if_selinux_enabled="yes"> and so that the log says what is not done. Without
 * libselinux at build time, SELinux is as if it were off.
 *
 * Any thread; the answers do not change while the process runs.
 */

#include "broker/config.h"

/* The folder of SELinux's policy, constant; NULL: SELinux is off. */
const char *lsm_selinux_root(void);

/*
 * Reports what the configuration in the file `path` asks for in vain: an error if the bus must not
 * start then, a warning if a module is on by which dbus-daemon would mediate.
 */
void lsm_check(const Config *config, const char *path, ConfigReport *report);

#endif
