/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each message is a call without a reply. A last call, which wants one, marks the end: a bus keeps
 * messages from one sender to one receiver in order, so what has not come before it never will. If
 * the bus refuses this call because the receiver's queue is full, it is made again. A bus may also
 * disconnect a receiver that does not read.
 */

#include "bench/load/scenario/neighbour_backlog.h"

#include "bench/load/scenario/caller.h"
#include "bench/load/scenario/echo.h"
#include "broker/base/assert.h"
#include "broker/base/clock.h"

enum {
        UNSENT_MAX = 256 * 1024, /* bytes that the kernel has not taken */
        MORE_MS = 1,             /* until it may have */
};

#define LAST_MEMBER "Last"

static void settle(NeighbourBacklog *backlog)
{
        if (backlog->is_settled)
                return;
        backlog->is_settled = true;
        run_count(&backlog->part->counters.n_dropped, backlog->n_sent - backlog->n_arrived);
        if (backlog->reader.n_awaited > 0)
                run_client_got(&backlog->reader, 1);
}

static void take_message(Connection *connection, const ConnectionFrame *frame)
{
        NeighbourBacklog *backlog = CONTAINER_OF(run_client(connection), NeighbourBacklog, reader);

        if (run_client_take(&backlog->reader, frame) || frame->type != FRAME_TYPE_METHOD_CALL ||
            backlog->is_settled)
                return;
        if (text_equal(connection_frame_field(frame, HEADER_FIELD_MEMBER), TEXT(LAST_MEMBER))) {
                settle(backlog);
                return;
        }
        backlog->n_arrived++;
        run_count(&backlog->part->counters.n_operations, 1);
        run_count(&backlog->part->counters.n_deliveries, 1);
        run_client_got(&backlog->reader, 0);
}

/* What it had been sent was handed out before. What is sent from now on is dropped. */
static void was_disconnected(Connection *connection, int error, const char *what)
{
        NeighbourBacklog *backlog = CONTAINER_OF(run_client(connection), NeighbourBacklog, reader);

        if (backlog->n_sent == 0) {
                run_client_failed(connection, error, what);
                return;
        }
        backlog->was_disconnected = true;
        if (backlog->part->is_stopping)
                settle(backlog);
}

static void send_last(NeighbourBacklog *backlog)
{
        Connection *connection = &backlog->sender.connection;

        backlog->last_serial = connection_serial(connection);
        run_count(&backlog->part->counters.n_messages, 1);
        template_send(&backlog->last, connection, backlog->last_serial, 0);
}

/* The bus has answered the last call in the reader's place. */
static void take_error(Connection *connection, const ConnectionFrame *frame)
{
        NeighbourBacklog *backlog = CONTAINER_OF(run_client(connection), NeighbourBacklog, sender);

        if (run_client_take(&backlog->sender, frame) || frame->type != FRAME_TYPE_ERROR ||
            connection_frame_reply_serial(frame) != backlog->last_serial || backlog->is_settled)
                return;
        loop_arm(backlog->part->loop, &backlog->more,
                 loop_now_ns(backlog->part->loop) + MORE_MS * CLOCK_NS_PER_MS);
}

static void send_more(Timer *timer, void *context)
{
        NeighbourBacklog *backlog = CONTAINER_OF(timer, NeighbourBacklog, more);
        RunPart *part = backlog->part;
        Connection *connection = &backlog->sender.connection;

        (void)context;
        if (backlog->is_settled)
                return;
        if (part->is_stopping) {
                send_last(backlog);
                return;
        }
        while (backlog->n_sent < backlog->n_messages &&
               connection_unsent(connection) < UNSENT_MAX) {
                backlog->n_sent++;
                run_count(&part->counters.n_begun, 1);
                run_count(&part->counters.n_messages, 1);
                template_send(&backlog->message, connection, connection_serial(connection), 0);
        }
        if (backlog->n_sent < backlog->n_messages)
                loop_arm(part->loop, timer, loop_now_ns(part->loop) + MORE_MS * CLOCK_NS_PER_MS);
}

static const ConnectionHandlers reader_handlers = {
        .ready = caller_is_ready,
        .frame = take_message,
        .failed = was_disconnected,
};

static const ConnectionHandlers sender_handlers = {
        .ready = caller_is_ready,
        .frame = take_error,
        .failed = run_client_failed,
};

void neighbour_backlog_start_reader(NeighbourBacklog *backlog, RunPart *part)
{
        backlog->part = part;
        backlog->more.fire = send_more;
        run_begin_one(part);
        run_client_start(&backlog->reader, part, "non-reader", 0, &reader_handlers);
}

void neighbour_backlog_start_sender(NeighbourBacklog *backlog, uint64_t n_messages, size_t payload)
{
        TemplateTarget target = {
                .destination = backlog->reader.connection.unique_name,
                .path = ECHO_PATH,
                .interface = ECHO_INTERFACE,
                .member = "Take",
        };

        backlog->n_messages = n_messages;
        template_oneway(&backlog->message, &target, payload);
        target.member = LAST_MEMBER;
        template_call(&backlog->last, &target, 0);
        run_begin_one(backlog->part);
        run_client_start(&backlog->sender, backlog->part, "its sender", 0, &sender_handlers);
}

void neighbour_backlog_begin(NeighbourBacklog *backlog)
{
        connection_pause(&backlog->reader.connection, true);
        loop_arm(backlog->part->loop, &backlog->more, loop_now_ns(backlog->part->loop));
}

void neighbour_backlog_end(NeighbourBacklog *backlog)
{
        loop_disarm(backlog->part->loop, &backlog->more);
        if (backlog->n_sent == 0 || backlog->was_disconnected) {
                settle(backlog);
                return;
        }
        run_client_await(&backlog->reader, 1);
        connection_pause(&backlog->reader.connection, false);
        send_last(backlog);
}

void neighbour_backlog_finish(NeighbourBacklog *backlog)
{
        if (backlog->part)
                loop_disarm(backlog->part->loop, &backlog->more);
}

void neighbour_backlog_deinit(NeighbourBacklog *backlog)
{
        template_deinit(&backlog->message);
        template_deinit(&backlog->last);
}
