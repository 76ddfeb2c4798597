/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BROKER_CONFIG_SOURCE_H
#define RINGBUS_BROKER_CONFIG_SOURCE_H

/*
 * Where a configuration comes from: files, the databases of users and groups, the environment; or
 * memory, in tests and fuzzing.
 *
 * Owner: whoever loads; a load may block, so a reload runs on a thread of its own.
 */

#include <stddef.h>
#include <stdint.h>

#include "broker/config_report.h"

enum { CONFIG_FILE_MAX = 8 * 1024 * 1024 }; /* bytes of one file */

/* A whole file in memory. Owned by whoever got it: config_bytes_deinit(). */
typedef struct ConfigBytes {
        char *data;
        size_t size;
        uint64_t identity[2]; /* equal for the same file whatever its path: finds circles */
} ConfigBytes;

void config_bytes_deinit(ConfigBytes *bytes); /* idempotent */

/* Names of a folder's files, without the folder. Owned by whoever got it. */
typedef struct ConfigNames {
        char **names;
        size_t n;
} ConfigNames;

int config_names_add(ConfigNames *names, const char *name); /* 0 or -ENOMEM */
void config_names_deinit(ConfigNames *names);               /* idempotent */

/* `name` as seen from the folder of the file `base`; NULL when out of memory. */
char *config_source_resolve(const char *base, const char *name);

typedef struct ConfigSource {
        /* 0; or -errno and an error that names the path. -ENOENT: there is no such file. */
        int (*read_file)(void *context, const char *path, ConfigBytes *ret_bytes,
                         ConfigError *ret_error);
        /* The same for the names in a folder that end in ".conf", in the folder's order. */
        int (*read_folder)(void *context, const char *path, ConfigNames *ret_names,
                           ConfigError *ret_error);
        /* 0; -ENOENT: nobody is called so; another -errno: the database cannot be asked now. */
        int (*find_user)(void *context, const char *name, uint32_t *ret_uid);
        int (*find_group)(void *context, const char *name, uint32_t *ret_gid);
        /* As getenv(3): borrowed, or NULL. */
        const char *(*get_environment)(void *context, const char *name);
        /* The folder of SELinux's policy, borrowed; NULL: SELinux is off. */
        const char *(*get_selinux_root)(void *context);
        void *context;
} ConfigSource;

/*
 * The system. Only regular files of at most CONFIG_FILE_MAX bytes are read: a FIFO, a device
 * or a folder in place of a file is refused (-EINVAL) without being opened for reading, so that
 * none can block the start.
 */
extern const ConfigSource config_source_system;

#endif
