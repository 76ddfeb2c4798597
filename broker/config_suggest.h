/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BROKER_CONFIG_SUGGEST_H
#define RINGBUS_BROKER_CONFIG_SUGGEST_H

/* "did you mean ...?": which of the known names is nearest to one that nobody knows. Pure. */

#include <stddef.h>

typedef struct ConfigSuggestion {
        const char *name; /* borrowed: what was written */
        const char *best; /* borrowed: the nearest candidate so far, or NULL */
        size_t distance;  /* of `best`; it must be below this to count */
        char text[96];
} ConfigSuggestion;

void config_suggest_init(ConfigSuggestion *suggestion, const char *name);
void config_suggest_consider(ConfigSuggestion *suggestion, const char *candidate);

/* "; did you mean \"X\"?" to be appended to an error, or "" if nothing is near. */
const char *config_suggest_text(ConfigSuggestion *suggestion);

#endif
