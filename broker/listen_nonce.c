/* SPDX-License-Identifier: Apache-2.0 */
/* See listen_nonce.h. The names are those of the reference: DIR/dbus_nonce-XXXXXXXX/nonce. */

#include "broker/listen_nonce.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "broker/base/cleanup.h"
#include "broker/base/hash.h"

static const char file_name[] = "/nonce";

/* A folder that nobody else can enter; its name is the caller's. */
static int make_folder(char **ret_folder)
{
        const char *parent = getenv("TMPDIR");
        char *folder = alloc_format("%s/dbus_nonce-XXXXXX", parent && *parent ? parent : "/tmp");

        if (!folder)
                return -ENOMEM;
        if (!mkdtemp(folder)) {
                int r = -errno;

                alloc_free(folder);
                return r;
        }
        *ret_folder = folder;
        return 0;
}

static int write_file(const char *path, const uint8_t *nonce)
{
        CLEANUP_FD int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        ssize_t n;

        if (fd < 0)
                return -errno;
        n = write(fd, nonce, LISTEN_NONCE_SIZE);
        if (n == LISTEN_NONCE_SIZE)
                return 0;
        return n < 0 ? -errno : -ENOSPC;
}

int listen_nonce_make(Listener *listener)
{
        CLEANUP_ALLOC char *folder = NULL;
        int r = hash_random(listener->nonce, sizeof(listener->nonce));

        if (r == 0)
                r = make_folder(&folder);
        if (r < 0)
                return r;
        listener->nonce_file = alloc_format("%s%s", folder, file_name);
        if (!listener->nonce_file) {
                rmdir(folder);
                return -ENOMEM;
        }
        r = write_file(listener->nonce_file, listener->nonce);
        if (r < 0)
                listen_nonce_remove(listener);
        else
                listener->has_nonce = true;
        return r;
}

/* The file first: once the folder is theirs, they may have put anything in its place. */
int listen_nonce_give(const Listener *listener, uid_t uid, gid_t gid)
{
        CLEANUP_ALLOC char *path = NULL;
        CLEANUP_FD int folder = -1;

        if (!listener->nonce_file)
                return 0;
        path = alloc_string(listener->nonce_file,
                            strlen(listener->nonce_file) - (sizeof(file_name) - 1));
        if (!path)
                return -ENOMEM;
        folder = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (folder < 0 || fchownat(folder, file_name + 1, uid, gid, AT_SYMLINK_NOFOLLOW) < 0 ||
            fchown(folder, uid, gid) < 0)
                return -errno;
        return 0;
}

void listen_nonce_remove(Listener *listener)
{
        char *path = listener->nonce_file;

        if (!path)
                return;
        unlink(path);
        path[strlen(path) - (sizeof(file_name) - 1)] = '\0';
        rmdir(path);
        listener->nonce_file = alloc_free(path);
        explicit_bzero(listener->nonce, sizeof(listener->nonce));
}
