/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BROKER_LSM_PRIVATE_H
#define RINGBUS_BROKER_LSM_PRIVATE_H

/*
 * What broker/lsm.c wants of each module. Each is built only where its library is there.
 *
 * Owner of what a module keeps for itself: the control thread, which calls all of this. What its
 * Mediators need of it does not change between find() and forget().
 */

#include "auth/mediator.h"
#include "broker/lsm.h"

typedef enum LsmFound {
        LSM_ON,
        LSM_OFF, /* not in the kernel, or it does not mediate D-Bus */
} LsmFound;

typedef struct LsmModule {
        const char *title;

        /* Whether `config`, which outlives the call only, wants it. */
        bool (*is_wanted)(const Config *config);

        /*
         * Looks whether it is on, and who the bus is to it. An LsmFound, or a negative errno if it
         * is on but cannot be used. *ret_problem, constant, says why, unless it is on.
         */
        int (*find)(const Config *config, const char **ret_problem);

        /* Drops what find() found; idempotent. */
        void (*forget)(void);

        /* A new Mediator, after find() gave LSM_ON; 0 or a negative errno. */
        int (*mediate)(const Config *config, Mediator **ret_mediator);

        /* An fd of the module's that is readable when its policy has changed, or a negative errno.
         */
        int (*watch)(void);

        /* Reads what there is: 1, its policy has changed; 0, nothing was there; or a negative
         * errno, the fd is of no use any more. */
        int (*drain)(int fd);

        /* Closes what watch() gave. */
        void (*unwatch)(int fd);
} LsmModule;

extern const LsmModule lsm_selinux_module;
extern const LsmModule lsm_apparmor_module;

/* What SO_PEERSEC tells about a peer where AppArmor is. */
typedef struct LsmAppArmorLabel {
        Text name;       /* TEXT_NONE: unknown, or it cannot be read */
        bool can_refuse; /* confined, and not by profiles that only complain */
} LsmAppArmorLabel;

/* Reads "NAME (MODE)" or "unconfined", as aa_splitcon(3) does, but without changing the text. */
LsmAppArmorLabel lsm_apparmor_split(const char *label);

#endif
