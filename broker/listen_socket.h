/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BROKER_LISTEN_SOCKET_H
#define RINGBUS_BROKER_LISTEN_SOCKET_H

/*
 * One alternative of an address becomes listening sockets; here the unix transport, and what it
 * shares with the others (listen_tcp.h, listen_systemd.h). Internal to listen.c, which adds the
 * guids.
 *
 * Owner: the main thread.
 */

#include "broker/listen.h"
#include "proto/address.h"

/* Writes the line, newlines in what it quotes made spaces; returns `r`. */
int listen_socket_fail(ListenError *error, int r, const char *format, ...)
        __attribute__((format(printf, 3, 4)));

enum { LISTEN_SOCKET_BACKLOG = 4096 }; /* the kernel cuts it at net.core.somaxconn */

/*
 * Appends to listeners->items, without guid; `address` there has no guid either. 0; or -errno with
 * *ret_error, then nothing was appended. listen_tcp_open() and listen_systemd_open() do the same.
 */
int listen_socket_open_unix(const Address *address, Listeners *listeners, ListenError *ret_error);

/* Appends one; takes what it holds, also on failure. */
int listen_socket_append(Listeners *listeners, Listener *listener, ListenError *ret_error);

/* "unix:KEY=NAME" with NAME escaped, the caller's; or NULL. */
char *listen_socket_format_unix(const char *key, Text name);

/* Closes and unlinks what the listener holds. */
void listen_socket_deinit(Listener *listener);

#endif
