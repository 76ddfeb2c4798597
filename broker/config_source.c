/* SPDX-License-Identifier: Apache-2.0 */
/* Configuration from the system. */

#include "broker/config_source.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "broker/base/cleanup.h"
#include "broker/lsm.h"
#include "broker/users.h"

void config_bytes_deinit(ConfigBytes *bytes)
{
        bytes->data = alloc_free(bytes->data);
        bytes->size = 0;
}

int config_names_add(ConfigNames *names, const char *name)
{
        char **grown = alloc_resize(names->names, (names->n + 1) * sizeof(*grown));

        if (!grown)
                return -ENOMEM;
        names->names = grown;
        grown[names->n] = alloc_string(name, strlen(name));
        if (!grown[names->n])
                return -ENOMEM;
        names->n++;
        return 0;
}

void config_names_deinit(ConfigNames *names)
{
        for (size_t i = 0; i < names->n; i++)
                alloc_free(names->names[i]);
        names->names = alloc_free(names->names);
        names->n = 0;
}

char *config_source_resolve(const char *base, const char *name)
{
        const char *slash = strrchr(base, '/');

        if (name[0] == '/' || !slash)
                return alloc_string(name, strlen(name));
        return alloc_format("%.*s/%s", (int)(slash - base), base, name);
}

static const char *file_kind(mode_t mode)
{
        if (S_ISDIR(mode))
                return "a directory";
        if (S_ISFIFO(mode))
                return "a FIFO";
        if (S_ISSOCK(mode))
                return "a socket";
        return "a device";
}

/* 0, or -EINVAL and what is wrong with the file. */
static int check_status(const char *path, const struct stat *status, ConfigError *ret_error)
{
        if (!S_ISREG(status->st_mode)) {
                config_error_set(ret_error,
                                 "%s: this is %s; a configuration file must be a regular file",
                                 path, file_kind(status->st_mode));
                return -EINVAL;
        }
        if (status->st_size > CONFIG_FILE_MAX) {
                config_error_set(ret_error, "%s: %lld bytes long; the most is %d, split the file",
                                 path, (long long)status->st_size, CONFIG_FILE_MAX);
                return -EINVAL;
        }
        return 0;
}

static int refuse_errno(const char *path, const char *what, ConfigError *ret_error)
{
        int error = errno;

        config_error_set(ret_error, "%s: cannot %s: %s", path, what, strerror(error));
        return -error;
}

/* Reads at most `size` bytes; the file may have become shorter. 0 or -errno. */
static int read_bytes(int fd, char *data, size_t size, size_t *ret_size)
{
        size_t done = 0;

        while (done < size) {
                ssize_t n = read(fd, data + done, size - done);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                if (n == 0)
                        break;
                done += (size_t)n;
        }
        *ret_size = done;
        return 0;
}

/*
 * Looks before it opens (opening some devices has effects), and once more at what was opened.
 * O_NONBLOCK: should a FIFO take the file's place in between, open() does not wait for a writer.
 */
static int open_file(const char *path, int *ret_fd, struct stat *ret_status, ConfigError *ret_error)
{
        CLEANUP_FD int fd = -1;
        int r;

        if (stat(path, ret_status) < 0)
                return refuse_errno(path, "open", ret_error);
        r = check_status(path, ret_status, ret_error);
        if (r < 0)
                return r;
        fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        if (fd < 0 || fstat(fd, ret_status) < 0)
                return refuse_errno(path, "open", ret_error);
        r = check_status(path, ret_status, ret_error);
        if (r < 0)
                return r;
        *ret_fd = fd;
        fd = -1;
        return 0;
}

static int read_file(void *context, const char *path, ConfigBytes *ret_bytes,
                     ConfigError *ret_error)
{
        CLEANUP_ALLOC char *data = NULL;
        CLEANUP_FD int fd = -1;
        struct stat status;
        size_t size = 0;
        int r;

        (void)context;
        r = open_file(path, &fd, &status, ret_error);
        if (r < 0)
                return r;
        data = alloc_bytes((size_t)status.st_size);
        if (!data)
                return -ENOMEM;
        r = read_bytes(fd, data, (size_t)status.st_size, &size);
        if (r < 0) {
                errno = -r;
                return refuse_errno(path, "read", ret_error);
        }
        *ret_bytes = (ConfigBytes){
                .data = data,
                .size = size,
                .identity = {(uint64_t)status.st_dev, (uint64_t)status.st_ino},
        };
        data = NULL;
        return 0;
}

static int read_names(DIR *folder, ConfigNames *names)
{
        for (;;) {
                struct dirent *entry;
                size_t size;
                int r;

                errno = 0;
                entry = readdir(folder);
                if (!entry)
                        return -errno;
                size = strlen(entry->d_name);
                if (size < 5 || strcmp(entry->d_name + size - 5, ".conf") != 0)
                        continue;
                r = config_names_add(names, entry->d_name);
                if (r < 0)
                        return r;
        }
}

static int read_folder(void *context, const char *path, ConfigNames *ret_names,
                       ConfigError *ret_error)
{
        ConfigNames names = {0};
        DIR *folder = opendir(path);
        int r;

        (void)context;
        if (!folder)
                return refuse_errno(path, "open this directory", ret_error);
        r = read_names(folder, &names);
        closedir(folder);
        if (r < 0) {
                config_names_deinit(&names);
                errno = -r;
                return refuse_errno(path, "read this directory", ret_error);
        }
        *ret_names = names;
        return 0;
}

static int find_user(void *context, const char *name, uint32_t *ret_uid)
{
        gid_t gid;

        (void)context;
        return users_find(name, ret_uid, &gid);
}

static int find_group(void *context, const char *name, uint32_t *ret_gid)
{
        (void)context;
        return users_find_group(name, ret_gid);
}

static const char *get_environment(void *context, const char *name)
{
        (void)context;
        return getenv(name);
}

static const char *get_selinux_root(void *context)
{
        (void)context;
        return lsm_selinux_root();
}

const ConfigSource config_source_system = {
        .read_file = read_file,
        .read_folder = read_folder,
        .find_user = find_user,
        .find_group = find_group,
        .get_environment = get_environment,
        .get_selinux_root = get_selinux_root,
};
