/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BROKER_LISTEN_SYSTEMD_H
#define RINGBUS_BROKER_LISTEN_SYSTEMD_H

/* Owner: the main thread. As listen_socket_open_unix(); for listen.c. */

#include "broker/listen.h"

int listen_systemd_open(Listeners *listeners, ListenError *ret_error);

#endif
