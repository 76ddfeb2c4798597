/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_AUTH_CREDENTIALS_H
#define RINGBUS_AUTH_CREDENTIALS_H

/*
 * What the kernel says of the other end of a socket, read once, before the handshake ends.
 * Immutable afterwards.
 */

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/types.h>

enum { CREDENTIALS_COMMAND_MAX = 16 }; /* TASK_COMM_LEN, with its NUL */

/* Nobody is known to be there: not a uid that the kernel gives to anybody. */
#define CREDENTIALS_NO_UID ((uid_t)-1)

typedef struct Credentials {
        uid_t uid;     /* or CREDENTIALS_NO_UID: anonymous */
        gid_t gid;     /* (gid_t)-1 where the groups are not known */
        pid_t pid;     /* a label, never a key for decisions; 0: unknown */
        gid_t *groups; /* sorted, unique, the primary gid included; NULL: not known */
        size_t n_groups;
        char *security_label;                  /* SO_PEERSEC, terminated; NULL: none */
        size_t security_label_size;            /* without the NULs at its end */
        char command[CREDENTIALS_COMMAND_MAX]; /* credentials_read_command()'s; "": not known */
} Credentials;

/*
 * Reads SO_PEERCRED, SO_PEERGROUPS and SO_PEERSEC of an AF_UNIX socket. 0, or -errno
 * when SO_PEERCRED or memory failed; whatever else the kernel refuses is simply left out. Any
 * thread. *ret_credentials is written only on success; the caller deinits it.
 */
int credentials_read(int fd, Credentials *ret_credentials);

/* The same for whoever has asked for SO_PEERCRED already: it tells the same at any time. */
int credentials_read_more(int fd, const struct ucred *peer, Credentials *ret_credentials);

/*
 * SO_PEERPIDFD: a new close-on-exec fd for the process that connected, or -1: another kind of
 * socket, Linux before 6.5, no fd left, or before 6.16 a process that was reaped. The socket holds
 * on to the process's id, so it is never another process that has the number now. Any thread.
 */
int credentials_open_pidfd(int fd);

/*
 * What the process called itself then: a label for logs, of whatever bytes it likes. From
 * /proc/PID/comm, which the kernel copies from its own memory; the command line lies in the
 * process's, and who reads it may have to wait for that process. The pid may be reused: so soon
 * after connect() and only for the log. Leaves it empty if there is none.
 */
void credentials_read_command(Credentials *credentials);

/*
 * The peer has proved to be somebody, or nobody (CREDENTIALS_NO_UID), by other means than the
 * socket: if that is not who the kernel reports, only the process ids stay of what the kernel says.
 */
void credentials_set_user(Credentials *credentials, uid_t uid);

/* Of the other end of a TCP connection: nothing is known. */
Credentials credentials_none(void);

/* For the log: "process 42, uid 1000". Over TCP neither may be known: "process unknown, anonymous".
 * Returns `text`. */
enum { CREDENTIALS_TEXT_MAX = 48 };
const char *credentials_text(const Credentials *credentials,
                             char text[static CREDENTIALS_TEXT_MAX]);

/* The uid that the kernel shows for users who have none in this user namespace: 65534 unless
 * /proc/sys/kernel/overflowuid says otherwise. */
uid_t credentials_overflow_uid(void);

/* Frees and closes what it holds; idempotent. */
void credentials_deinit(Credentials *credentials);

#endif
