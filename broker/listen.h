/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BROKER_LISTEN_H
#define RINGBUS_BROKER_LISTEN_H

/*
 * The addresses that the bus listens on. Specification: "Server Addresses", "Transports".
 *
 * unix: with path, abstract, dir, tmpdir or runtime=yes; tcp: and nonce-tcp: with host, bind, port
 * and family; systemd: for the sockets that systemd passed, unix and TCP. Other transports are
 * refused. Keys that mean nothing to a transport are ignored, as in the reference.
 *
 * Owner: the main thread. The gate borrows the sockets.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { LISTEN_ERROR_MAX = 1024, LISTEN_GUID_SIZE = 33, LISTEN_NONCE_SIZE = 16 };

/* One line that says what is wrong, naming the address. */
typedef struct ListenError {
        char text[LISTEN_ERROR_MAX];
} ListenError;

typedef struct Listener {
        int fd; /* listening stream socket, non-blocking, close-on-exec */
        bool is_tcp;
        /* One more socket of the address of the listener before it, whose guid it has: another
         * family of the same host, which clients find by its name. Its own address is NULL. */
        bool has_company;
        char guid[LISTEN_GUID_SIZE]; /* 32 hex digits of 128 random bits */
        char *address; /* "unix:path=...,guid=...", escaped: what a client connects to */
        char *path;    /* the socket file, which listen_close() unlinks; NULL: none is ours */
        uint64_t identity[2]; /* of the socket file: another one in its place is not ours */
        bool has_nonce;       /* nonce-tcp: a client sends these first: */
        uint8_t nonce[LISTEN_NONCE_SIZE];
        char *nonce_file; /* where a client reads them, unlinked at the end; NULL: none is ours */
} Listener;

typedef struct Listeners {
        Listener *items; /* in the order of the addresses */
        size_t n;
        /* What --print-address prints: the last listed address first, joined by ';'. */
        char *address;
} Listeners;

/*
 * Listens on each of the addresses, of which there is at least one. An address may list
 * alternatives, "A;B": the first that can be listened on counts. A stale socket file is replaced;
 * the socket file made has mode 0777, who may use the bus is decided later.
 *
 * Returns 0 and *ret_listeners; or -errno and *ret_error, then nothing is left behind: -EINVAL for
 * an address that is wrong, -EOPNOTSUPP for an unset XDG_RUNTIME_DIR, -EHOSTUNREACH for a host that
 * is not known, -ENOMEM, or what the kernel said. A TCP listener that is not on loopback is logged
 * as a warning. Asks the name service, which may block. "systemd:" takes LISTEN_FDS and its
 * companions out of the environment, so no other thread may exist.
 */
int listen_open(const char *const *addresses, size_t n_addresses, Listeners **ret_listeners,
                ListenError *ret_error);

/*
 * Whether the bus would know how to listen on an address: 0, or -EINVAL and *ret_error. Nothing is
 * opened; what else may go wrong then is not known.
 */
int listen_check(const char *address, ListenError *ret_error);

/*
 * For a bus that is about to become another user: what it has to remove at the end, and its own
 * user's clients to read, becomes that user's, the files of nonce-tcp. The sockets themselves stay
 * as they are. 0, or -errno and *ret_error.
 */
int listen_give(const Listeners *listeners, uid_t uid, gid_t gid, ListenError *ret_error);

/* Closes the sockets and unlinks the socket files made by listen_open(). NULL is allowed. Returns
 * NULL. */
Listeners *listen_close(Listeners *listeners);

#endif
