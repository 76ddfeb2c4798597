/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BENCH_LOAD_ENGINE_TEMPLATE_H
#define RINGBUS_BENCH_LOAD_ENGINE_TEMPLATE_H

/*
 * A message that was written once and is sent many times: copied with its serial, and where wanted
 * its reply serial and a stamp of 8 bytes, patched in. In native byte order.
 *
 * Owner: whoever made it; immutable afterwards but for template_readdress(), so threads may share
 * it.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bench/load/engine/connection.h"
#include "proto/writer.h"

typedef struct Template {
        uint8_t *data;
        size_t size;
        size_t reply_serial_at; /* 0: has none */
        size_t stamp_at;        /* 0: no room for one */
        size_t destination_at;  /* 0: has none */
        size_t destination_size;
} Template;

/* Whom and what: absent texts are left out. */
typedef struct TemplateTarget {
        const char *destination, *path, *interface, *member;
} TemplateTarget;

/*
 * The body is one "ay" of `payload` bytes, whose first eight are the stamp; without any payload
 * (`payload` 0) the body is empty. Out of memory, or names that are none, end the program.
 */
void template_call(Template *template, const TemplateTarget *target, size_t payload);
void template_oneway(Template *template, const TemplateTarget *target, size_t payload);
void template_signal(Template *template, const TemplateTarget *target, size_t payload);
void template_return(Template *template, const char *destination, size_t payload);

/*
 * Any message: `header` (serial and reply serial are patched later; a reply serial other than 0
 * makes room for it) with a body that was marshalled already, of header->signature. The stamp lies
 * at `stamp_offset` bytes of the body; SIZE_MAX: none.
 */
void template_build(Template *template, const WriterHeader *header, const void *body,
                    size_t body_size, size_t stamp_offset);

void template_deinit(Template *template); /* idempotent, also on zeroed memory */

/* Sends copies to somebody else from now on: true, or false if his name is not as long as the one
 * before. */
bool template_readdress(Template *template, Text destination);

/* Queues a copy. reply_serial and stamp are ignored if there is no room for them. */
void template_send(const Template *template, Connection *connection, uint32_t serial,
                   uint64_t stamp);
void template_reply(const Template *template, Connection *connection, uint32_t reply_serial,
                    uint64_t stamp);

/*
 * A copy with fds, which stay the caller's: see connection_queue(). Patches the template, so it
 * must be this thread's own. `reply_serial` is ignored if there is no room for one; there is no
 * stamp.
 */
void template_send_fds(Template *template, Connection *connection, uint32_t serial,
                       uint32_t reply_serial, const int *fds, unsigned n_fds);

#endif
