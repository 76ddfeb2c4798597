/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BENCH_LOAD_ENGINE_CONNECTION_PRIVATE_H
#define RINGBUS_BENCH_LOAD_ENGINE_CONNECTION_PRIVATE_H

/* What the files of a Connection share. */

#include "bench/load/engine/connection.h"

enum { CONNECTION_RETRY = 1 /* of connection_connect(): the listener's queue is full */ };

/*
 * Opens a socket and begins to connect it. 0, CONNECTION_RETRY (nothing is open), or a negative
 * errno with connection->failure set.
 */
int connection_connect(Connection *connection);

/* The handshake begins: the socket is connected. */
void connection_begin_handshake(Connection *connection);
/*
 * Bytes of the handshake: reads its lines. Returns how many bytes of `data` were used; the rest, if
 * any, is messages once the state is CONNECTION_GREETING or later. Failures end the connection.
 */
size_t connection_handle_lines(Connection *connection, const uint8_t *data, size_t size);

/* Receives once, and hands frames out. */
void connection_receive(Connection *connection);
/* Sends what it can. */
void connection_send(Connection *connection);
/* Raw bytes, without the counting of a message. */
void connection_append(Connection *connection, const void *data, size_t size);
/* After something was queued: now, or at the end of the turn. */
void connection_schedule(Connection *connection);

/* Whether no handler has stopped it, nor started it again, since `life`. */
static inline bool connection_is_alive(const Connection *connection, unsigned life)
{
        return connection->fd >= 0 && connection->life == life;
}

/* A frame of a connection that is not ready yet. */
void connection_greet(Connection *connection, const ConnectionFrame *frame);

/* Ends it and says so: handlers->failed. `what` is static or connection->failure. */
void connection_fail(Connection *connection, int error, const char *what);

#endif
