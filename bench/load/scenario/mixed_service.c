/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/load/scenario/mixed_service.h"

#include "broker/base/assert.h"

static void handle_frame(Connection *connection, const ConnectionFrame *frame)
{
        MixedService *service = CONTAINER_OF(run_client(connection), MixedService, client);
        RunPart *part = service->client.part;
        MixedAction action;
        Template *reply;
        char name[MIXED_NAME_MAX];
        Text caller;

        if (run_client_take(&service->client, frame) || frame->type != FRAME_TYPE_METHOD_CALL)
                return;
        if (!mixed_profile_recognize(frame, &action)) {
                run_fail(part->run, "service %u got a call of nobody's", service->client.index);
                return;
        }
        caller = connection_frame_field(frame, HEADER_FIELD_SENDER);
        reply = &service->replies[action];
        if (!template_readdress(reply, caller)) {
                template_deinit(reply);
                snprintf(name, sizeof(name), "%.*s", TEXT_FORMAT(caller));
                mixed_profile_reply(reply, action, name);
        }
        template_reply(reply, connection, frame->serial, 0);
        run_count(&part->counters.n_messages, 1);
        run_count(&part->counters.n_deliveries, 1);
}

static void request_name(Connection *connection)
{
        MixedService *service = CONTAINER_OF(run_client(connection), MixedService, client);

        run_call_bus(&service->client, "RequestName", "su", service->name, 0U);
        run_end_one(service->client.part);
}

static const ConnectionHandlers handlers = {
        .ready = request_name,
        .frame = handle_frame,
        .failed = run_client_failed,
};

void mixed_service_start(MixedService *service, RunPart *part, unsigned index)
{
        run_begin_one(part);
        run_client_start(&service->client, part, "service", index, &handlers);
}

void mixed_service_deinit(MixedService *service)
{
        for (unsigned i = 0; i < MIXED_ACTIONS; i++)
                template_deinit(&service->replies[i]);
}
