/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_AUTH_CREDENTIALS_H
#define RINGBUS_AUTH_CREDENTIALS_H

/*
 * What the kernel says of the other end of a socket, read once, before the handshake ends.
 * Immutable afterwards.
 */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

typedef struct Credentials {
        uid_t uid;
        gid_t gid;
        pid_t pid;     /* a label, never a key for decisions; 0: unknown */
        gid_t *groups; /* sorted, unique, the primary gid included; NULL: not known */
        size_t n_groups;
        char *security_label; /* SO_PEERSEC without trailing NULs; NULL: none */
        size_t security_label_size;
        int pidfd; /* SO_PEERPIDFD, close-on-exec; -1: not to be had */
} Credentials;

/*
 * Reads SO_PEERCRED, SO_PEERGROUPS, SO_PEERSEC and SO_PEERPIDFD of an AF_UNIX socket. 0, or -errno
 * when SO_PEERCRED or memory failed; whatever else the kernel refuses is simply left out. Any
 * thread. *ret_credentials is written only on success; the caller deinits it.
 */
int credentials_read(int fd, Credentials *ret_credentials);

/* Frees and closes what it holds; idempotent. */
void credentials_deinit(Credentials *credentials);

#endif
