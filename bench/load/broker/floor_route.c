/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a message goes, and the SENDER field that it gets. Of the header only what the way needs
 * is looked at; a client that wrote a SENDER of its own takes the slow way through proto/stamp.
 */
#include <string.h>

#include "bench/load/broker/floor_private.h"
#include "proto/header.h"
#include "proto/stamp.h"
#include "proto/wire.h"

typedef struct Envelope {
        Text destination;
        uint32_t n_fds;
        bool has_sender;
} Envelope;

/* A field's value, of which the end is returned; 0 if it is not one of those that are known. */
static size_t read_field(const uint8_t *data, size_t at, size_t end, bool big_endian,
                         Envelope *envelope)
{
        const uint8_t code = data[at];
        uint32_t value;

        if (end - at < 8 || data[at + 1] != 1 || data[at + 3] != 0)
                return 0;
        if (data[at + 2] == 'g')
                return at + 4 + 1 + data[at + 4] + 1;
        value = wire_load_u32(data + at + 4, big_endian);
        if (data[at + 2] == 'u') {
                if (code == HEADER_FIELD_UNIX_FDS)
                        envelope->n_fds = value;
                return at + 8;
        }
        if ((data[at + 2] != 's' && data[at + 2] != 'o') || value >= end - at - 8)
                return 0;
        if (code == HEADER_FIELD_DESTINATION)
                envelope->destination = (Text){(const char *)data + at + 8, value};
        if (code == HEADER_FIELD_SENDER)
                envelope->has_sender = true;
        return at + 8 + value + 1;
}

static bool read_envelope(const uint8_t *data, const Frame *frame, Envelope *ret_envelope)
{
        size_t end = FRAME_FIXED_SIZE + (size_t)frame->fields_size;
        Envelope envelope = {0};
        Header header;

        for (size_t at = FRAME_FIXED_SIZE; at < end;) {
                size_t next = read_field(data, at, end, frame->big_endian, &envelope);

                if (next == 0 || next > end) {
                        if (header_parse(data, frame, &header) != HEADER_OK)
                                return false;
                        *ret_envelope = (Envelope){.destination = header.destination,
                                                   .n_fds = header.n_unix_fds,
                                                   .has_sender = header.n_stripped > 0};
                        return true;
                }
                at = wire_align(next, 8);
        }
        *ret_envelope = envelope;
        return true;
}

FloorConnection *floor_route_find(const Floor *floor, Text name)
{
        uint32_t id = 0;

        if (name.size < 4 || name.data[0] != ':')
                return floor_names_find(floor, name);
        for (size_t i = 3; i < name.size; i++) {
                unsigned digit = (unsigned char)name.data[i] - (unsigned)'0';

                if (digit > 9 || id > UINT32_MAX / 10 - 1)
                        return NULL;
                id = id * 10 + digit;
        }
        return id < floor->n_ids ? floor->by_id[id] : NULL;
}

/* The header with SENDER as its last field. Returns its size, which is a multiple of 8. */
static size_t stamp(uint8_t *out, const FloorConnection *sender, const uint8_t *data,
                    const Frame *frame)
{
        static const uint8_t prefix[4] = {HEADER_FIELD_SENDER, 1, 's', 0};
        size_t begin = frame->header_size, size = sender->name_size;
        size_t end = begin + 8 + size + 1;

        memcpy(out, data, begin);
        wire_store_u32(out + 12, (uint32_t)(end - FRAME_FIXED_SIZE), frame->big_endian);
        memcpy(out + begin, prefix, sizeof(prefix));
        wire_store_u32(out + begin + 4, (uint32_t)size, frame->big_endian);
        memcpy(out + begin + 8, sender->name, size);
        memset(out + begin + 8 + size, 0, wire_align(end, 8) - (end - 1));
        return wire_align(end, 8);
}

static size_t restamp(uint8_t *out, const FloorConnection *sender, const uint8_t *data,
                      const Frame *frame)
{
        Header header;

        if (header_parse(data, frame, &header) != HEADER_OK)
                return 0;
        stamp_write(data, &header, (Text){sender->name, sender->name_size}, out);
        return stamp_size(data, &header, (Text){sender->name, sender->name_size});
}

/* What all receivers get: one piece, or two with the body where it was received. */
static unsigned wrap(Floor *floor, const FloorConnection *sender, const FloorPiece *whole,
                     const Frame *frame, bool has_sender, FloorPiece ret_pieces[2])
{
        bool is_short = frame->size <= FLOOR_COPY_MAX;
        size_t room = frame->header_size + FLOOR_SENDER_MAX + (is_short ? frame->body_size : 0);
        const uint8_t *body = whole->data + frame->header_size;
        uint8_t *out;
        size_t size;

        if (room > FLOOR_CHUNK_SIZE)
                return 0;
        out = floor_memory_room(floor, &floor->arena, room);
        size = has_sender ? restamp(out, sender, whole->data, frame)
                          : stamp(out, sender, whole->data, frame);
        if (size == 0)
                return 0;
        if (is_short && frame->body_size > 0)
                memcpy(out + size, body, frame->body_size);
        if (is_short)
                size += frame->body_size;
        floor->arena->used += size;
        ret_pieces[0] = (FloorPiece){.chunk = floor->arena, .data = out, .size = size};
        ret_pieces[1] = (FloorPiece){.chunk = whole->chunk, .data = body, .size = frame->body_size};
        return is_short ? 1 : 2;
}

/* The first n of the fds that came; NULL if there are not so many. */
static FloorFds *take_fds(FloorConnection *sender, unsigned n)
{
        FloorFds *received = sender->received;
        FloorFds *fds;

        if (!received || n > received->n)
                return NULL;
        fds = floor_memory_resize(NULL, sizeof(*fds) + n * sizeof(int));
        fds->n = n;
        memcpy(fds->fds, received->fds, n * sizeof(int));
        received->n -= n;
        memmove(received->fds, received->fds + n, received->n * sizeof(int));
        return fds;
}

static void deliver(Floor *floor, FloorConnection *receiver, FloorConnection *sender,
                    const FloorPiece *pieces, unsigned n_pieces)
{
        for (unsigned i = 0; i < n_pieces; i++)
                floor_output_push(floor, receiver, pieces[i]);
        if (receiver->backlog > FLOOR_BACKLOG_MAX)
                floor_output_block(floor, receiver, sender);
}

static void deliver_to_all(Floor *floor, FloorConnection *sender, const FloorPiece *pieces,
                           unsigned n_pieces)
{
        for (size_t i = 0; i < floor->n_listeners; i++)
                deliver(floor, floor->listeners[i], sender, pieces, n_pieces);
}

static void send_on(Floor *floor, FloorConnection *sender, const FloorPiece *whole,
                    const Frame *frame, const Envelope *envelope)
{
        FloorConnection *receiver = NULL;
        FloorFds *fds = NULL;
        FloorPiece pieces[2];
        unsigned n_pieces;

        if (envelope->n_fds > 0 && !(fds = take_fds(sender, envelope->n_fds))) {
                floor_close(floor, sender);
                return;
        }
        if (text_present(envelope->destination)) {
                receiver = floor_route_find(floor, envelope->destination);
                if (!receiver)
                        floor_driver_refuse(floor, sender, frame,
                                            "org.freedesktop.DBus.Error.ServiceUnknown");
        }
        n_pieces = wrap(floor, sender, whole, frame, envelope->has_sender, pieces);
        if (n_pieces == 0) {
                floor_close(floor, sender);
        } else if (receiver) {
                pieces[0].fds = fds;
                fds = NULL;
                deliver(floor, receiver, sender, pieces, n_pieces);
        } else if (!text_present(envelope->destination) && envelope->n_fds == 0) {
                deliver_to_all(floor, sender, pieces, n_pieces);
        }
        floor_memory_close_fds(fds);
}

void floor_route_message(Floor *floor, FloorConnection *sender, FloorChunk *chunk,
                         const uint8_t *data, const Frame *frame)
{
        FloorPiece whole = {.chunk = chunk, .data = data, .size = frame->size};
        Envelope envelope;

        if (!read_envelope(data, frame, &envelope)) {
                floor_close(floor, sender);
                return;
        }
        if (text_equal(envelope.destination, TEXT("org.freedesktop.DBus")))
                floor_driver_call(floor, sender, data, frame);
        else if (sender->id == 0)
                floor_close(floor, sender); /* before Hello there is nobody to name as sender */
        else
                send_on(floor, sender, &whole, frame, &envelope);
}
