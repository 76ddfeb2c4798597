/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/load/engine/process.h"
#include "bench/load/scenario/fds_service.h"

#include <stdlib.h>

#include "broker/base/alloc.h"
#include "broker/base/assert.h"
#include "broker/base/cleanup.h"

enum { FIRST_KEPT = 64 };

void fds_service_template(Template *template, const WriterHeader *header, size_t payload,
                          unsigned n_fds)
{
        WriterHeader own = *header;
        size_t capacity = payload + 16 + 4 * (size_t)FDS_SERVICE_MAX;
        uint8_t *body = alloc_zeroed(1, capacity);
        Writer writer = {.data = body, .capacity = capacity};

        if (!body)
                process_out_of_memory();
        if (payload > 0) {
                writer_open_array(&writer, 'y');
                writer.size += payload; /* of zeros */
                writer_close_array(&writer);
        }
        if (n_fds > 0) {
                writer_open_array(&writer, 'h');
                for (unsigned i = 0; i < n_fds; i++)
                        writer_u32(&writer, i);
                writer_close_array(&writer);
        }
        ASSERT(!writer.failed);
        own.signature = payload == 0 ? TEXT("ah") : n_fds == 0 ? TEXT("ay") : TEXT("ayah");
        if (payload == 0 && n_fds == 0)
                own.signature = TEXT_NONE;
        own.n_unix_fds = n_fds;
        template_build(template, &own, body, writer.size, SIZE_MAX);
        alloc_free(body);
}

static void keep(FdsService *service, int fd)
{
        if (service->n_kept == service->kept_capacity) {
                size_t capacity = service->kept_capacity ? 2 * service->kept_capacity : FIRST_KEPT;

                service->kept = alloc_resize(service->kept, capacity * sizeof(int));
                if (!service->kept)
                        process_out_of_memory();
                service->kept_capacity = capacity;
        }
        service->kept[service->n_kept++] = fd;
}

static void close_kept(FdsService *service)
{
        for (size_t i = 0; i < service->n_kept; i++)
                cleanup_close(service->kept[i]);
        service->n_kept = 0;
}

static void address_reply(FdsService *service, Text caller)
{
        const WriterHeader header = {
                .type = FRAME_TYPE_METHOD_RETURN,
                .flags = FRAME_FLAG_NO_REPLY_EXPECTED,
                .reply_serial = 1,
                .destination = caller,
        };

        if (template_readdress(&service->reply, caller))
                return;
        template_deinit(&service->reply);
        fds_service_template(&service->reply, &header, service->client.part->run->options.payload,
                             service->sends_back ? service->n_fds : 0);
}

static void handle_frame(Connection *connection, const ConnectionFrame *frame)
{
        FdsService *service = CONTAINER_OF(run_client(connection), FdsService, client);
        RunPart *part = service->client.part;
        const int *fds = NULL;

        if (run_client_take(&service->client, frame) || frame->type != FRAME_TYPE_METHOD_CALL)
                return;
        if (frame->n_fds != service->n_fds) {
                run_fail(part->run, "service %u got a call with %u fds instead of %u",
                         service->client.index, frame->n_fds, service->n_fds);
                return;
        }
        address_reply(service, connection_frame_field(frame, HEADER_FIELD_SENDER));
        if (connection_unsent(connection) == 0)
                close_kept(service);
        if (service->sends_back) {
                for (unsigned i = 0; i < frame->n_fds; i++)
                        keep(service, frame->fds[i]);
                fds = service->kept + service->n_kept - frame->n_fds;
        }
        template_send_fds(&service->reply, connection, connection_serial(connection), frame->serial,
                          fds, fds ? frame->n_fds : 0);
        for (unsigned i = 0; fds && i < frame->n_fds; i++)
                frame->fds[i] = -1; /* ours now */
        run_count(&part->counters.n_messages, 1);
        run_count(&part->counters.n_deliveries, 1);
}

static void handle_ready(Connection *connection)
{
        run_end_one(run_client(connection)->part);
}

static const ConnectionHandlers handlers = {
        .ready = handle_ready,
        .frame = handle_frame,
        .failed = run_client_failed,
};

void fds_service_start(FdsService *service, RunPart *part, unsigned index, unsigned n_fds,
                       bool sends_back)
{
        service->n_fds = n_fds;
        service->sends_back = sends_back;
        run_begin_one(part);
        run_client_start(&service->client, part, "service", index, &handlers);
}

void fds_service_deinit(FdsService *service)
{
        close_kept(service);
        service->kept = alloc_free(service->kept);
        template_deinit(&service->reply);
}
