/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_TESTS_SUPPORT_CONFIG_MEMORY_H
#define RINGBUS_TESTS_SUPPORT_CONFIG_MEMORY_H

/* Configuration files in memory, in place of the file system. Owner: the test under way. */

#include "broker/base/text.h"
#include "broker/config_source.h"

typedef struct ConfigMemoryFile {
        Text path;
        Text text;
} ConfigMemoryFile;

typedef struct ConfigMemory {
        const ConfigMemoryFile *files; /* borrowed */
        size_t n;
        const char *selinux_root;       /* NULL: SELinux is off */
        const char *const *environment; /* name, value, ..., NULL; or NULL */
} ConfigMemory;

/*
 * A source of these files. A folder exists if a file's path begins with it and '/'; its files come
 * in the order of the array. `memory` is borrowed.
 *
 * There are the users root (0), messagebus (104) and alice (1000), the groups root (0), bin (2) and
 * audio (29); the database of users does not answer for "slow", that of groups neither.
 */
ConfigSource config_memory_source(ConfigMemory *memory);

#endif
