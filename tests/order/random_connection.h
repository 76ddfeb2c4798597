/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_TESTS_ORDER_RANDOM_CONNECTION_H
#define RINGBUS_TESTS_ORDER_RANDOM_CONNECTION_H

/*
 * A connection that never blocks: messages wait in a queue to be written, each with its fds, and
 * the second half of a message may be held back for a while. What is read is cut into messages.
 *
 * Owner: one client. Errors are negative errno: -ECONNRESET is the end of the stream.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/order/random_shared.h"
#include "tests/support/marshal.h"
#include "tests/support/rawmessage.h"

typedef struct RandomOut RandomOut; /* a message to be written */

typedef struct RandomConnection {
        int fd;
        RandomOut *first, **last;
        size_t queued_bytes;
        int64_t held_until_us;
        uint32_t written; /* serial of the last message that was written entirely */
        uint8_t *input;
        size_t input_start, input_size, input_capacity;
        int fds[256]; /* received, not yet part of a message */
        size_t n_fds;
} RandomConnection;

/* Connects and authenticates, blocking. */
int random_connection_open(RandomConnection *connection, const char *address);

/* Closes at once. Returns how many broadcasts were not written. */
unsigned random_connection_close(RandomConnection *connection);

/*
 * Queues a message; takes `bytes` and the fds. `half_ms`: hold its second half back that long
 * once the first is written.
 */
void random_connection_queue(RandomConnection *connection, const RawHeader *header, Marshal *bytes,
                             const int *fds, unsigned half_ms);

/* Writes what can be written now. 0 or a negative errno. */
int random_connection_write(RandomConnection *connection, int64_t now_us);

/* Reads once: 1 if something came, 0 if nothing was there. */
int random_connection_read(RandomConnection *connection);

/* The next message that was read, which the caller frees; NULL: none. -EBADMSG: nonsense. */
int random_connection_take(RandomConnection *connection, RawMessage **ret_message);

#endif
