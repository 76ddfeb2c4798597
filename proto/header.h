/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_PROTO_HEADER_H
#define RINGBUS_PROTO_HEADER_H

/*
 * Header fields: parse and validate. Specification: "Header Fields", "Message Types".
 * The Texts point into the message's bytes and live as long as these.
 * Pure: no allocation, no I/O, any thread.
 */

#include "broker/base/text.h"
#include "proto/frame.h"

typedef enum HeaderField {
        HEADER_FIELD_INVALID = 0,
        HEADER_FIELD_PATH = 1,
        HEADER_FIELD_INTERFACE = 2,
        HEADER_FIELD_MEMBER = 3,
        HEADER_FIELD_ERROR_NAME = 4,
        HEADER_FIELD_REPLY_SERIAL = 5,
        HEADER_FIELD_DESTINATION = 6,
        HEADER_FIELD_SENDER = 7,
        HEADER_FIELD_SIGNATURE = 8,
        HEADER_FIELD_UNIX_FDS = 9,
        HEADER_FIELD_CONTAINER_INSTANCE = 10, /* syntax checked, then stripped */
} HeaderField;

typedef enum HeaderResult {
        HEADER_OK,
        HEADER_BAD_STRUCTURE,    /* array or struct runs over its end, or bad variant signature */
        HEADER_BAD_PADDING,      /* padding that is not zero */
        HEADER_BAD_FIELD_CODE,   /* code 0 */
        HEADER_BAD_FIELD_TYPE,   /* a known field of the wrong type */
        HEADER_BAD_FIELD_VALUE,  /* bad UTF-8, bad path, name, interface, member, signature */
        HEADER_DUPLICATE_FIELD,  /* a known field twice */
        HEADER_MISSING_FIELD,    /* required by the message type */
        HEADER_RESERVED_LOCAL,   /* path or interface begins like DBus/Local, DBus.Local */
        HEADER_BAD_REPLY_SERIAL, /* 0 */
        HEADER_BODY_WITHOUT_SIGNATURE,
} HeaderResult;

typedef struct Header {
        Frame frame;
        Text path;
        Text interface;
        Text member;
        Text error_name;
        Text destination;
        Text sender;           /* as the client wrote it: never to be believed */
        Text signature;        /* empty text when the field is absent */
        uint32_t reply_serial; /* 0: absent */
        uint32_t n_unix_fds;
        uint32_t n_stripped; /* fields that header stamping will remove, SENDER included */
} Header;

/*
 * Parses and validates the fixed part and the field array of one message. `data` holds at least
 * frame->header_size bytes; `frame` is frame_cut()'s. Every rule of the specification on header
 * fields is checked, including names, paths, required fields and the reserved Local names; the
 * body is not looked at. Unknown field codes are skipped after validating their value.
 * *ret_header is written only on HEADER_OK.
 */
HeaderResult header_parse(const uint8_t *data, const Frame *frame, Header *ret_header);

const char *header_result_text(HeaderResult result);

#endif
