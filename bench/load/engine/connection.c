/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A connection's life:
 *
 *   STOPPED -> CONNECTING -> AUTHENTICATING -> GREETING -> READY
 *                  any of the last four -> FAILED, or STOPPED by connection_stop()
 */

#include "bench/load/engine/connection.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "bench/load/engine/connection_private.h"
#include "broker/base/alloc.h"
#include "broker/base/assert.h"
#include "broker/base/cleanup.h"

#define RETRY_NS UINT64_C(2000000)

const char *connection_state_name(ConnectionState state)
{
        switch (state) {
        case CONNECTION_STOPPED:
                return "stopped";
        case CONNECTION_CONNECTING:
                return "connecting";
        case CONNECTION_AUTHENTICATING:
                return "authenticating";
        case CONNECTION_GREETING:
                return "waiting for the reply to Hello";
        case CONNECTION_READY:
                return "ready";
        case CONNECTION_FAILED:
                return "failed";
        }
        return "?";
}

static void handle_connected(Connection *connection)
{
        socklen_t size = sizeof(int);
        int error = 0;

        if (getsockopt(connection->fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0)
                error = errno;
        if (error)
                connection_fail(connection, -error, "connect");
        else
                connection_begin_handshake(connection);
}

static void handle_events(LoopSource *source, uint32_t events)
{
        Connection *connection = CONTAINER_OF(source, Connection, source);
        const unsigned life = connection->life;

        if (connection->state == CONNECTION_CONNECTING) {
                handle_connected(connection);
                return;
        }
        if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
                connection_receive(connection);
        if ((events & EPOLLOUT) && connection_is_alive(connection, life))
                connection_send(connection);
}

static void flush(LoopFlush *queued)
{
        Connection *connection = CONTAINER_OF(queued, Connection, flush);

        if (connection->fd >= 0 && !connection->watches_output)
                connection_send(connection);
}

static int try_to_connect(Connection *connection)
{
        int r = connection_connect(connection);

        if (r == CONNECTION_RETRY) {
                loop_arm(connection->loop, &connection->retry,
                         loop_refresh(connection->loop) + RETRY_NS);
                return 0;
        }
        if (r < 0)
                return r;
        /* A connected socket is writable: the handshake begins in the next turn. */
        connection->watches_output = true;
        r = loop_watch(connection->loop, connection->fd, EPOLLIN | EPOLLOUT, &connection->source);
        if (r < 0) {
                snprintf(connection->failure, sizeof(connection->failure), "epoll: %s",
                         strerror(-r));
                connection->fd = cleanup_close(connection->fd);
        }
        return r;
}

static void connect_again(Timer *timer, void *context)
{
        Connection *connection = CONTAINER_OF(timer, Connection, retry);
        int r = try_to_connect(connection);

        (void)context;
        if (r < 0)
                connection_fail(connection, r, connection->failure);
}

int connection_start(Connection *connection, Loop *loop, const ConnectionOptions *options)
{
        int r;

        *connection = (Connection){
                .loop = loop,
                .owner = options->owner,
                .handlers = options->handlers,
                .options = *options,
                .state = CONNECTION_CONNECTING,
                .life = connection->life + 1,
                .fd = -1,
                .source = {.handle = handle_events},
                .flush = {.flush = flush},
                .retry = {.fire = connect_again},
                .started_ns = loop->now_ns,
        };
        r = try_to_connect(connection);
        if (r < 0) {
                char failure[sizeof(connection->failure)];

                memcpy(failure, connection->failure, sizeof(failure));
                connection_stop(connection);
                memcpy(connection->failure, failure, sizeof(failure));
        }
        return r;
}

void connection_stop(Connection *connection)
{
        if (!connection->loop)
                return; /* zeroed memory */
        loop_disarm(connection->loop, &connection->retry);
        loop_flush_never(connection->loop, &connection->flush);
        if (connection->fd >= 0)
                loop_unwatch(connection->loop, connection->fd, &connection->source);
        connection->fd = cleanup_close(connection->fd);
        for (unsigned i = 0; i < connection->n_fds_in; i++)
                cleanup_close(connection->fds_in[i]);
        connection->n_fds_in = 0;
        connection->fds_in = alloc_free(connection->fds_in);
        connection->fd_marks = alloc_free(connection->fd_marks);
        connection->n_fd_marks = connection->fd_marks_sent = connection->fd_marks_capacity = 0;
        connection->output = alloc_free(connection->output);
        connection->output_sent = connection->output_size = connection->output_capacity = 0;
        connection->input = alloc_free(connection->input);
        connection->input_size = connection->input_capacity = connection->input_wanted = 0;
        connection->state = CONNECTION_STOPPED;
}

void connection_fail(Connection *connection, int error, const char *what)
{
        if (connection->state == CONNECTION_STOPPED || connection->state == CONNECTION_FAILED)
                return;
        connection_stop(connection);
        connection->state = CONNECTION_FAILED;
        if (connection->handlers->failed)
                connection->handlers->failed(connection, error, what);
}

uint32_t connection_serial(Connection *connection)
{
        connection->last_serial = (connection->last_serial & 0x7fffffff) == 0x7fffffff
                                          ? 1
                                          : connection->last_serial + 1;
        return connection->last_serial;
}

size_t connection_unsent(const Connection *connection)
{
        return connection->output_size - connection->output_sent;
}

int connection_peer_pid(const Connection *connection)
{
        struct ucred credentials = {0};
        socklen_t size = sizeof(credentials);

        if (getsockopt(connection->fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) < 0)
                return 0;
        return credentials.pid;
}
