/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configuration reader, with files in memory. The input is a list of files: each a path, a
 * newline and a text, up to a line "====" before the next one. The first one is loaded; it may
 * include the others.
 *
 * What always holds: the reader ends; it gives either a configuration with something to listen on
 * and values in range, or an error of one line.
 */

#include <stdint.h>
#include <string.h>

#include "broker/base/assert.h"
#include "broker/base/log.h"
#include "broker/config.h"
#include "tests/support/config_memory.h"

enum { FILES_MAX = 16 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Cuts what stands before `separator` off *rest. */
static Text cut(Text *rest, Text separator)
{
        const char *at = memmem(rest->data, rest->size, separator.data, separator.size);
        Text part = *rest;

        if (!at) {
                *rest = (Text){rest->data + rest->size, 0};
                return part;
        }
        part.size = (size_t)(at - rest->data);
        rest->data = at + separator.size;
        rest->size -= part.size + separator.size;
        return part;
}

static void check_config(const Config *config)
{
        ASSERT(config->n_listen > 0);
        for (size_t i = 0; i < config->n_listen; i++)
                ASSERT(config->listen[i][0] != '\0');
        ASSERT(config->limits.max_incoming_bytes <= INT32_MAX);
        ASSERT(config->limits.max_replies_per_connection <= INT32_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        ConfigMemoryFile files[FILES_MAX];
        ConfigMemory memory = {.files = files};
        ConfigSource source = config_memory_source(&memory);
        Text rest = {(const char *)data, size};
        ConfigError error = {{0}};
        Config *config = NULL;
        char path[256];
        int r;

        log_set_level(LOG_LEVEL_ERROR);
        while (rest.size > 0 && memory.n < FILES_MAX) {
                Text file = cut(&rest, TEXT("\n====\n"));

                files[memory.n].path = cut(&file, TEXT("\n"));
                files[memory.n++].text = file;
        }
        if (memory.n == 0 || files[0].path.size >= sizeof(path) ||
            memchr(files[0].path.data, '\0', files[0].path.size))
                return 0;
        memcpy(path, files[0].path.data, files[0].path.size);
        path[files[0].path.size] = '\0';
        r = config_load_from(&source, path, &config, &error);
        if (r == 0) {
                check_config(config);
        } else {
                ASSERT(r < 0 && !config);
                ASSERT(error.text[0] != '\0' && !strchr(error.text, '\n'));
        }
        config_free(config);
        return 0;
}
