/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BROKER_CONFIG_DRAFT_H
#define RINGBUS_BROKER_CONFIG_DRAFT_H

/*
 * A configuration in the making: what one file, and the files it included so far, said. A file that
 * turns out to be bad is dropped with its draft and leaves no trace.
 *
 * Owner: the frame of the file (config.c).
 */

#include "broker/config.h"
#include "broker/config_policy.h"

typedef struct ConfigDraft {
        Config config;
        ConfigPolicy policy;
} ConfigDraft;

/* An included file starts with the limits set so far, so that leaving them alone keeps them. */
void config_draft_init(ConfigDraft *draft, const Limits *limits);
void config_draft_deinit(ConfigDraft *draft); /* idempotent */

int config_draft_set_type(ConfigDraft *draft, const char *type);      /* 0 or -ENOMEM */
int config_draft_add_listen(ConfigDraft *draft, const char *address); /* 0 or -ENOMEM */

/* Takes over what `included` says; leaves it empty. 0 or -ENOMEM, then both are to be dropped. */
int config_draft_merge(ConfigDraft *draft, ConfigDraft *included);

#endif
