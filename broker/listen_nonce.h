/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BROKER_LISTEN_NONCE_H
#define RINGBUS_BROKER_LISTEN_NONCE_H

/*
 * The nonce of nonce-tcp: random bytes in a file that only the bus's own user can read. Whoever
 * sends them first has shown that it can. Specification: "Nonce-secured TCP Sockets".
 *
 * Owner: the main thread.
 */

#include <sys/types.h>

#include "broker/listen.h"

/*
 * Draws listener->nonce and writes it to a new file, mode 0600, in a new folder, mode 0700, in
 * $TMPDIR or /tmp: listener->nonce_file. 0 or -errno, then nothing is left behind.
 */
int listen_nonce_make(Listener *listener);

/* Makes the file and its folder another user's, who is to read it and to remove both. Nothing to do
 * if there is none. 0 or -errno. */
int listen_nonce_give(const Listener *listener, uid_t uid, gid_t gid);

/* Removes the file and its folder, if there are any. Idempotent. */
void listen_nonce_remove(Listener *listener);

#endif
