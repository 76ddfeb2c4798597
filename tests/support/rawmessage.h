/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_TESTS_SUPPORT_RAWMESSAGE_H
#define RINGBUS_TESTS_SUPPORT_RAWMESSAGE_H

/*
 * Whole messages: built from a list of header fields, and taken apart into one. Building checks
 * nothing; taking apart checks only what reading needs ("Message Protocol / Message Format").
 *
 * Owner: a RawMessage owns its bytes and its fds; its strings point into the bytes.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/support/marshal.h"

enum {
        RAWMESSAGE_CALL = 1,
        RAWMESSAGE_RETURN = 2,
        RAWMESSAGE_ERROR = 3,
        RAWMESSAGE_SIGNAL = 4,

        RAWMESSAGE_NO_REPLY_EXPECTED = 1,
        RAWMESSAGE_NO_AUTO_START = 2,
        RAWMESSAGE_ALLOW_INTERACTIVE_AUTHORIZATION = 4,

        RAWMESSAGE_FIELD_PATH = 1,
        RAWMESSAGE_FIELD_INTERFACE = 2,
        RAWMESSAGE_FIELD_MEMBER = 3,
        RAWMESSAGE_FIELD_ERROR_NAME = 4,
        RAWMESSAGE_FIELD_REPLY_SERIAL = 5,
        RAWMESSAGE_FIELD_DESTINATION = 6,
        RAWMESSAGE_FIELD_SENDER = 7,
        RAWMESSAGE_FIELD_SIGNATURE = 8,
        RAWMESSAGE_FIELD_UNIX_FDS = 9,
        RAWMESSAGE_FIELD_CONTAINER_INSTANCE = 10,

        RAWMESSAGE_FIELDS_MAX = 32, /* fields that are recorded of a received message */
        RAWMESSAGE_FDS_MAX = 256,
        RAWMESSAGE_FIXED_SIZE = 16,
};

/* What goes into a header. Fields that are NULL or 0 are left out of the message. */
typedef struct RawHeader {
        uint8_t type;
        uint8_t flags;
        uint32_t serial;
        const char *path;
        const char *interface;
        const char *member;
        const char *error_name;
        uint32_t reply_serial;
        const char *destination;
        const char *sender;
        const char *signature;
        uint32_t unix_fds;
        const Marshal *fields_before; /* further encoded fields, before the ones above */
        const Marshal *fields_after;  /* and after them */
} RawHeader;

typedef struct RawMessage {
        uint8_t *data;
        size_t size;
        bool big_endian;
        uint8_t type;
        uint8_t flags;
        uint32_t serial;
        const char *path; /* absent strings are NULL; so for all below */
        const char *interface;
        const char *member;
        const char *error_name;
        const char *destination;
        const char *sender;
        const char *signature;
        uint32_t reply_serial; /* 0 when absent */
        uint32_t unix_fds;     /* as the header says */
        const uint8_t *body;
        size_t body_size;
        uint8_t field_codes[RAWMESSAGE_FIELDS_MAX]; /* in the order of the message */
        size_t n_fields;
        int fds[RAWMESSAGE_FDS_MAX];
        size_t n_fds;
} RawMessage;

/* Appends a message with `body` (may be NULL) to `ret_bytes`, which must be empty. */
void rawmessage_build(const RawHeader *header, const Marshal *body, Marshal *ret_bytes);

/* As above, the body being one value for each type of header->signature (see marshal_values). */
void rawmessage_build_values(const RawHeader *header, Marshal *ret_bytes, ...);

/* Header fields of the most common types, for RawHeader.fields_before and fields_after. */
void rawmessage_field_text(Marshal *fields, uint8_t code, char type, const char *text);
void rawmessage_field_u32(Marshal *fields, uint8_t code, uint32_t value);

/*
 * The size in bytes of the message that begins at `data`: 0 when more bytes are needed to tell,
 * SIZE_MAX when this is no message.
 */
size_t rawmessage_size(const uint8_t *data, size_t size);

/* Takes a message apart, copying the bytes. NULL when they are malformed. */
RawMessage *rawmessage_parse(const uint8_t *data, size_t size);

/* Closes the fds that are still there. Returns NULL. */
RawMessage *rawmessage_free(RawMessage *message);

/*
 * Reads a body that has exactly the signature `types`, of basic types: stores through an
 * unsigned * for y, n, q, b, i, u and h, a uint64_t * for x and t, a const char ** (borrowed) for
 * s, o and g. False if the signature differs or the body is malformed.
 */
bool rawmessage_read(const RawMessage *message, const char *types, ...);

/* Reads a body of signature "as": at most `max` strings, borrowed. -1 if it is something else. */
int rawmessage_read_strings(const RawMessage *message, const char **ret_strings, size_t max);

/* One line about a message, for messages of failed tests. Returns `text`. */
const char *rawmessage_describe(const RawMessage *message, char *text, size_t size);

#endif
