/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_TESTS_SUPPORT_RAWCLIENT_H
#define RINGBUS_TESTS_SUPPORT_RAWCLIENT_H

/*
 * A client that works on bytes: no library stands between a test and the bus, so that a test may
 * send what no library would, and sees what really arrives, in order.
 *
 * Owner: the thread that opened it. The socket is blocking for writes (with a deadline) and is
 * only ever read without blocking, after poll(2).
 * Errors are negative errno: -ETIMEDOUT, -ECONNRESET (end of the stream), -EBADMSG (the bus sent
 * something that is no message, or a line that the handshake does not allow).
 */

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/support/marshal.h"
#include "tests/support/rawmessage.h"

enum {
        RAWCLIENT_PIPELINE = 1, /* write the whole handshake at once and do not wait for answers */
        RAWCLIENT_NO_FDS = 2,   /* do not send NEGOTIATE_UNIX_FD */
        RAWCLIENT_BIG_ENDIAN = 4, /* byte order of what rawclient_send_header() builds */

        RAWCLIENT_TIMEOUT_MS = 60000, /* long: only a failing test ever waits for it */
        RAWCLIENT_LINE_MAX = 128,
        RAWCLIENT_NAME_MAX = 32,
        RAWCLIENT_FDS_MAX = 256,
};

typedef struct RawClient {
        int fd;
        unsigned flags;
        uint32_t next_serial;
        char unique_name[RAWCLIENT_NAME_MAX]; /* "" until rawclient_hello() */
        char guid[RAWCLIENT_LINE_MAX];        /* as in the bus's OK line */
        bool agreed_fds;
        unsigned n_lines; /* of the handshake, still to come */
        uint8_t *input;   /* bytes received and not yet handed out */
        size_t input_size;
        size_t input_capacity;
        int fds[RAWCLIENT_FDS_MAX]; /* received, not yet part of a message */
        size_t n_fds;
        bool truncated;      /* fds were lost on the way here */
        RawMessage *message; /* the last one handed out */
} RawClient;

/* Connects and authenticates with EXTERNAL, without Hello. The client, or NULL and *ret_error. */
RawClient *rawclient_open(const char *address, unsigned flags, int *ret_error);

/* Closes the connection and frees everything. Returns NULL. */
RawClient *rawclient_free(RawClient *client);

/* Calls Hello and waits for the reply; fills in unique_name. */
int rawclient_hello(RawClient *client);

/* A fresh serial for a message of this client. */
uint32_t rawclient_serial(RawClient *client);

/* Writes bytes that need not be a message. */
int rawclient_send(RawClient *client, const void *data, size_t size);

/*
 * Builds and sends a message with one value for each type in header->signature. A serial of 0 in
 * the header stands for a fresh one. Returns the serial in *ret_serial unless that is NULL.
 */
int rawclient_send_header(RawClient *client, const RawHeader *header, uint32_t *ret_serial, ...);

int rawclient_send_values(RawClient *client, const RawHeader *header, uint32_t *ret_serial,
                          va_list values);

/* As above, with an encoded body and fds. */
int rawclient_send_body(RawClient *client, const RawHeader *header, const Marshal *body,
                        const int *fds, size_t n_fds);

/*
 * The next message: *ret_message is borrowed until the next call. rawclient_receive() waits,
 * rawclient_try() does not and returns 1 for a message, 0 for none.
 */
int rawclient_receive(RawClient *client, int timeout_ms, RawMessage **ret_message);
int rawclient_try(RawClient *client, RawMessage **ret_message);

#endif
