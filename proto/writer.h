/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_PROTO_WRITER_H
#define RINGBUS_PROTO_WRITER_H

/*
 * The message writer: builds the driver's own messages (replies, errors, signals), in native byte
 * order, into memory that the caller lends. Errors stick: write everything, then ask
 * writer_finish(). Pure: no allocation; one thread per Writer.
 */

#include "broker/base/text.h"
#include "proto/frame.h"

enum { WRITER_DEPTH_MAX = 8 };

typedef struct Writer {
        uint8_t *data;
        size_t capacity;
        size_t size;                          /* bytes written, or that would have been written */
        size_t body_start;                    /* 0 while in the header */
        size_t array_start[WRITER_DEPTH_MAX]; /* of open arrays: offset of their size word */
        size_t array_body[WRITER_DEPTH_MAX];  /* and of their first element */
        unsigned depth;
        bool failed; /* out of room: writer_finish() says so */
} Writer;

typedef struct WriterHeader {
        uint8_t type;  /* FrameType */
        uint8_t flags; /* FRAME_FLAG_* */
        uint32_t serial;
        uint32_t reply_serial;        /* 0: none */
        Text path, interface, member; /* absent: left out, as all these texts */
        Text error_name, destination, sender, signature;
        uint32_t n_unix_fds;
} WriterHeader;

/* Begins a message in `data` (8-byte aligned) and writes its header. */
void writer_begin(Writer *writer, uint8_t *data, size_t capacity, const WriterHeader *header);

void writer_byte(Writer *writer, uint8_t value);
void writer_bool(Writer *writer, bool value);
void writer_u32(Writer *writer, uint32_t value); /* also 'i' and 'h' */
void writer_u16(Writer *writer, uint16_t value); /* also 'n' */
void writer_u64(Writer *writer, uint64_t value); /* also 'x' and 't' */
void writer_double(Writer *writer, double value);
void writer_string(Writer *writer, Text value); /* also 'o' */
void writer_signature(Writer *writer, Text value);
void writer_bytes(Writer *writer, const void *data, size_t size); /* "ay" */
void writer_raw(Writer *writer, const void *data, size_t size);   /* marshalled already */
void writer_open_array(Writer *writer, char element_type); /* first character of the element type */
void writer_close_array(Writer *writer);
void writer_open_struct(Writer *writer);                  /* also a dict entry: aligns to 8 */
void writer_open_variant(Writer *writer, Text signature); /* then write one value of that type */

/*
 * Completes the message: sizes are filled in. Returns 0 and the message's size, or -ENOSPC when
 * the memory was too small: then *ret_size is what it would have taken, for a second try; or
 * -EMSGSIZE when no memory would do, because the message is longer than FRAME_SIZE_MAX.
 */
int writer_finish(Writer *writer, size_t *ret_size);

#endif
