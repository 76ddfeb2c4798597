/* SPDX-License-Identifier: Apache-2.0 */
/* Configuration files in memory. */

#include "config_memory.h"

#include <errno.h>
#include <stdbool.h>

#include "broker/base/alloc.h"

static int read_file(void *context, const char *path, ConfigBytes *ret_bytes,
                     ConfigError *ret_error)
{
        const ConfigMemory *memory = context;

        for (size_t i = 0; i < memory->n; i++) {
                const ConfigMemoryFile *file = &memory->files[i];

                if (!text_equal(file->path, text_from(path)))
                        continue;
                /* An exact copy, so that a sanitizer sees a read behind the end. */
                *ret_bytes = (ConfigBytes){
                        .data = alloc_bytes(file->text.size),
                        .size = file->text.size,
                        .identity = {i, 0},
                };
                if (!ret_bytes->data)
                        return -ENOMEM;
                if (file->text.size > 0)
                        memcpy(ret_bytes->data, file->text.data, file->text.size);
                return 0;
        }
        config_error_set(ret_error, "%s: no such file", path);
        return -ENOENT;
}

static int add_name(ConfigNames *names, Text name)
{
        char *copy = alloc_string(name.data, name.size);
        int r = copy ? config_names_add(names, copy) : -ENOMEM;

        alloc_free(copy);
        return r;
}

static int read_folder(void *context, const char *path, ConfigNames *ret_names,
                       ConfigError *ret_error)
{
        const ConfigMemory *memory = context;
        Text folder = text_from(path);
        ConfigNames names = {0};
        bool found = false;

        for (size_t i = 0; i < memory->n; i++) {
                Text file = memory->files[i].path;
                int r;

                if (file.size <= folder.size || !text_starts_with(file, folder) ||
                    file.data[folder.size] != '/')
                        continue;
                found = true;
                r = add_name(&names,
                             (Text){file.data + folder.size + 1, file.size - folder.size - 1});
                if (r < 0) {
                        config_names_deinit(&names);
                        return r;
                }
        }
        if (!found) {
                config_error_set(ret_error, "%s: no such folder", path);
                return -ENOENT;
        }
        *ret_names = names;
        return 0;
}

typedef struct Account {
        const char *name;
        uint32_t id;
} Account;

static int find_account(const Account *accounts, const char *name, uint32_t *ret_id)
{
        if (strcmp(name, "slow") == 0)
                return -EIO;
        for (size_t i = 0; accounts[i].name; i++) {
                if (strcmp(accounts[i].name, name) == 0) {
                        *ret_id = accounts[i].id;
                        return 0;
                }
        }
        return -ENOENT;
}

static int find_user(void *context, const char *name, uint32_t *ret_uid)
{
        static const Account users[] = {{"root", 0}, {"messagebus", 104}, {"alice", 1000}, {0}};

        (void)context;
        return find_account(users, name, ret_uid);
}

static int find_group(void *context, const char *name, uint32_t *ret_gid)
{
        static const Account groups[] = {{"root", 0}, {"bin", 2}, {"audio", 29}, {0}};

        (void)context;
        return find_account(groups, name, ret_gid);
}

static const char *get_environment(void *context, const char *name)
{
        const ConfigMemory *memory = context;

        for (size_t i = 0; memory->environment && memory->environment[i]; i += 2) {
                if (strcmp(memory->environment[i], name) == 0)
                        return memory->environment[i + 1];
        }
        return NULL;
}

static const char *get_selinux_root(void *context)
{
        const ConfigMemory *memory = context;

        return memory->selinux_root;
}

ConfigSource config_memory_source(ConfigMemory *memory)
{
        return (ConfigSource){
                .read_file = read_file,
                .read_folder = read_folder,
                .find_user = find_user,
                .find_group = find_group,
                .get_environment = get_environment,
                .get_selinux_root = get_selinux_root,
                .context = memory,
        };
}
