/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads what the kernel reports of a peer. All of it was frozen when the peer called connect(), so
 * it does not matter when it is read. Only SO_PEERCRED decides anything and must succeed; the rest
 * depends on the kernel's age and configuration.
 */

#include "auth/credentials.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "broker/base/alloc.h"
#include "broker/base/cleanup.h"

#ifndef SO_PEERGROUPS
#define SO_PEERGROUPS 59
#endif
#ifndef SO_PEERPIDFD /* Linux 6.5 */
#define SO_PEERPIDFD 77
#endif

enum {
        OPTION_SIZE_FIRST = 256, /* 64 groups, or nearly every label */
        OVERFLOW_UID_DEFAULT = 65534,
        OPTION_SIZE_MAX = 1024 * 1024, /* NGROUPS_MAX groups are 256 KiB */
};

/*
 * A socket option of unknown size: grows as ERANGE tells, in a loop because a security label may
 * change between two calls. 0 with *ret_data NULL when the kernel does not have it.
 */
static int read_option(int fd, int option, void **ret_data, size_t *ret_size)
{
        socklen_t size = OPTION_SIZE_FIRST;

        for (;;) {
                CLEANUP_ALLOC void *data = alloc_bytes(size);
                socklen_t room = size;

                if (!data)
                        return -ENOMEM;
                if (getsockopt(fd, SOL_SOCKET, option, data, &size) == 0) {
                        *ret_data = data;
                        *ret_size = size;
                        data = NULL;
                        return 0;
                }
                if (errno != ERANGE || size > OPTION_SIZE_MAX)
                        break;
                if (size <= room)
                        size = room * 2;
        }
        *ret_data = NULL;
        *ret_size = 0;
        return 0;
}

static int compare_groups(const void *a, const void *b)
{
        const gid_t *x = a;
        const gid_t *y = b;

        return (*x > *y) - (*x < *y);
}

/* Sorts, adds the primary group and drops what is there twice. */
static int read_groups(int fd, Credentials *credentials)
{
        void *data;
        size_t size;
        gid_t *groups;
        size_t n_read;
        size_t n = 0;
        int r;

        r = read_option(fd, SO_PEERGROUPS, &data, &size);
        if (r < 0 || !data)
                return r;
        n_read = size / sizeof(gid_t);
        groups = alloc_resize(data, (n_read + 1) * sizeof(gid_t));
        if (!groups) {
                alloc_free(data);
                return -ENOMEM;
        }
        groups[n_read] = credentials->gid;
        qsort(groups, n_read + 1, sizeof(gid_t), compare_groups);
        for (size_t i = 0; i <= n_read; i++)
                if (n == 0 || groups[n - 1] != groups[i])
                        groups[n++] = groups[i];
        credentials->groups = groups;
        credentials->n_groups = n;
        return 0;
}

static int read_label(int fd, Credentials *credentials)
{
        void *data;
        size_t size;
        char *label;
        int r;

        r = read_option(fd, SO_PEERSEC, &data, &size);
        if (r < 0 || !data)
                return r;
        label = data;
        while (size > 0 && label[size - 1] == '\0')
                size--;
        if (size == 0) {
                alloc_free(data);
                return 0;
        }
        label = alloc_resize(data, size + 1);
        if (!label) {
                alloc_free(data);
                return -ENOMEM;
        }
        label[size] = '\0';
        credentials->security_label = label;
        credentials->security_label_size = size;
        return 0;
}

int credentials_open_pidfd(int fd)
{
        int pidfd = -1;
        socklen_t size = sizeof(pidfd);

        return getsockopt(fd, SOL_SOCKET, SO_PEERPIDFD, &pidfd, &size) < 0 ? -1 : pidfd;
}

int credentials_read(int fd, Credentials *ret_credentials)
{
        struct ucred peer;
        socklen_t size = sizeof(peer);

        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
                return -errno;
        return credentials_read_more(fd, &peer, ret_credentials);
}

int credentials_read_more(int fd, const struct ucred *peer, Credentials *ret_credentials)
{
        Credentials credentials = {.uid = peer->uid, .gid = peer->gid, .pid = peer->pid};
        int r;

        r = read_groups(fd, &credentials);
        if (r == 0)
                r = read_label(fd, &credentials);
        if (r < 0) {
                credentials_deinit(&credentials);
                return r;
        }
        *ret_credentials = credentials;
        return 0;
}

void credentials_read_command(Credentials *credentials)
{
        char path[32];
        CLEANUP_FD int fd = -1;
        ssize_t n;

        if (credentials->pid <= 0)
                return;
        snprintf(path, sizeof(path), "/proc/%d/comm", (int)credentials->pid);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return;
        n = read(fd, credentials->command, sizeof(credentials->command) - 1);
        credentials->command[n > 0 ? n : 0] = '\0';
        credentials->command[strcspn(credentials->command, "\n")] = '\0';
}

void credentials_set_user(Credentials *credentials, uid_t uid)
{
        if (uid == credentials->uid)
                return;
        credentials->uid = uid;
        credentials->gid = (gid_t)-1;
        credentials->groups = alloc_free(credentials->groups);
        credentials->n_groups = 0;
        credentials->security_label = alloc_free(credentials->security_label);
        credentials->security_label_size = 0;
}

Credentials credentials_none(void)
{
        return (Credentials){.uid = CREDENTIALS_NO_UID, .gid = (gid_t)-1};
}

const char *credentials_text(const Credentials *credentials, char text[static CREDENTIALS_TEXT_MAX])
{
        size_t n = (size_t)snprintf(text, CREDENTIALS_TEXT_MAX, "process unknown");

        if (credentials->pid > 0)
                n = (size_t)snprintf(text, CREDENTIALS_TEXT_MAX, "process %d",
                                     (int)credentials->pid);
        if (credentials->uid == CREDENTIALS_NO_UID)
                snprintf(text + n, CREDENTIALS_TEXT_MAX - n, ", anonymous");
        else
                snprintf(text + n, CREDENTIALS_TEXT_MAX - n, ", uid %u",
                         (unsigned)credentials->uid);
        return text;
}

uid_t credentials_overflow_uid(void)
{
        CLEANUP_FILE FILE *file = fopen("/proc/sys/kernel/overflowuid", "re");
        unsigned uid;

        return file && fscanf(file, "%u", &uid) == 1 ? uid : OVERFLOW_UID_DEFAULT;
}

void credentials_deinit(Credentials *credentials)
{
        credentials->groups = alloc_free(credentials->groups);
        credentials->n_groups = 0;
        credentials->security_label = alloc_free(credentials->security_label);
        credentials->security_label_size = 0;
}
