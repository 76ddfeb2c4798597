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

enum {
        CONFIG_DRAFT_DIRS_MAX = 1000, /* they are compared with each other */
        CONFIG_DRAFT_ASSOCIATIONS_MAX = 1000,
};

typedef struct ConfigDraft {
        Config config;
        bool has_apparmor; /* an <apparmor> came */
} ConfigDraft;

/* An included file starts with the limits set so far, so that leaving them alone keeps them. */
void config_draft_init(ConfigDraft *draft, const Limits *limits);
void config_draft_deinit(ConfigDraft *draft); /* idempotent */

/* All of these: 0 or -ENOMEM, or -E2BIG if there are too many already. Texts are copied. */

/* `member` is a string of the draft's. The last value counts. */
int config_draft_set(char **member, const char *text);
int config_draft_add_listen(ConfigDraft *draft, const char *address);
/* A folder that is there already keeps its place and its kind. */
int config_draft_add_service_dir(ConfigDraft *draft, const char *path, bool strict, bool watched);
/* The last context for a name counts. */
int config_draft_associate(ConfigDraft *draft, const char *own, const char *context);

/* Takes over what `included` says; leaves it empty. Negative: both are to be dropped. */
int config_draft_merge(ConfigDraft *draft, ConfigDraft *included);

#endif
