/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BROKER_LISTEN_TCP_H
#define RINGBUS_BROKER_LISTEN_TCP_H

/*
 * The tcp and nonce-tcp transports: for listen.c. Specification: "TCP Sockets".
 *
 * Owner: the main thread, before there are others: the name service may block.
 */

#include "broker/listen.h"
#include "proto/address.h"

/*
 * As listen_socket_open_unix(). Listens on every address that the host, or bind=, has in the family
 * asked for, all with the same port; a family that this machine does not have is left out if
 * another one works.
 */
int listen_tcp_open(const Address *address, bool with_nonce, Listeners *listeners,
                    ListenError *ret_error);

/*
 * A listening stream socket from elsewhere: sets what connections inherit from it, and
 * listener->is_tcp and ->address. 0 or -errno: -EAFNOSUPPORT if it is no TCP socket.
 */
int listen_tcp_adopt(Listener *listener);

#endif
