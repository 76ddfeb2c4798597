/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BROKER_LISTEN_SOCKET_H
#define RINGBUS_BROKER_LISTEN_SOCKET_H

/*
 * One alternative of an address becomes listening sockets. Internal to listen.c, which adds the
 * guids.
 *
 * Owner: the main thread.
 */

#include "broker/listen.h"
#include "proto/address.h"

/* Writes the line, newlines in what it quotes made spaces; returns `r`. */
int listen_socket_fail(ListenError *error, int r, const char *format, ...)
        __attribute__((format(printf, 3, 4)));

/*
 * Both append to listeners->items, without guid; `address` there has no guid either. 0; or -errno
 * with *ret_error, then nothing was appended.
 */
int listen_socket_open_unix(const Address *address, Listeners *listeners, ListenError *ret_error);
int listen_socket_open_systemd(Listeners *listeners, ListenError *ret_error);

/* Closes and unlinks what the listener holds. */
void listen_socket_deinit(Listener *listener);

#endif
