/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/load/scenario/echo.h"

#include "broker/base/assert.h"

static void handle_ready(Connection *connection)
{
        run_end_one(run_client(connection)->part);
}

static Template *find_reply(Echo *echo, Text caller)
{
        Template *reply;
        char name[ECHO_NAME_MAX];

        if (caller.size >= ECHO_NAME_MAX)
                return NULL; /* no broker makes such unique names */
        reply = &echo->replies[caller.size];
        if (template_readdress(reply, caller))
                return reply;
        snprintf(name, sizeof(name), "%.*s", TEXT_FORMAT(caller));
        template_return(reply, name, echo->client.part->run->options.payload);
        return reply;
}

static void handle_frame(Connection *connection, const ConnectionFrame *frame)
{
        Echo *echo = CONTAINER_OF(run_client(connection), Echo, client);
        RunPart *part = echo->client.part;
        Template *reply;

        if (run_client_take(&echo->client, frame) || frame->type != FRAME_TYPE_METHOD_CALL)
                return;
        reply = find_reply(echo, connection_frame_field(frame, HEADER_FIELD_SENDER));
        if (!reply) {
                run_fail(part->run, "service %u got a call without a unique name as its sender",
                         echo->client.index);
                return;
        }
        template_reply(reply, connection, frame->serial, connection_frame_stamp(frame));
        run_count(&part->counters.n_messages, 1);
        run_count(&part->counters.n_deliveries, 1);
}

static const ConnectionHandlers handlers = {
        .ready = handle_ready,
        .frame = handle_frame,
        .failed = run_client_failed,
};

void echo_start(Echo *echo, RunPart *part, unsigned index)
{
        run_begin_one(part);
        run_client_start(&echo->client, part, "service", index, &handlers);
}

void echo_deinit(Echo *echo)
{
        for (size_t i = 0; i < ECHO_NAME_MAX; i++)
                template_deinit(&echo->replies[i]);
}
