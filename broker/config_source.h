/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BROKER_CONFIG_SOURCE_H
#define RINGBUS_BROKER_CONFIG_SOURCE_H

/*
 * Where configuration files come from: the file system, or memory in tests and fuzzing.
 *
 * Owner: the main thread.
 */

#include <stddef.h>
#include <stdint.h>

enum {
        CONFIG_FILE_MAX = 8 * 1024 * 1024, /* bytes of one file */
        CONFIG_ERROR_MAX = 1024,
};

/* One line that says what is wrong; always terminated, cut if too long. */
typedef struct ConfigError {
        char text[CONFIG_ERROR_MAX];
} ConfigError;

/* Writes the line; a newline in what is quoted becomes a space. */
void config_error_set(ConfigError *error, const char *format, ...)
        __attribute__((format(printf, 2, 3)));

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

typedef struct ConfigSource {
        /* 0; or -errno and an error that names the path. -ENOENT: there is no such file. */
        int (*read_file)(void *context, const char *path, ConfigBytes *ret_bytes,
                         ConfigError *ret_error);
        /* The same for the names in a folder that end in ".conf", in the folder's order. */
        int (*read_folder)(void *context, const char *path, ConfigNames *ret_names,
                           ConfigError *ret_error);
        void *context;
} ConfigSource;

/*
 * The file system. Only regular files of at most CONFIG_FILE_MAX bytes are read: a FIFO, a device
 * or a folder in place of a file is refused (-EINVAL) without being opened for reading, so that
 * none can block the start.
 */
extern const ConfigSource config_source_files;

#endif
