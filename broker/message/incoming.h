/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_MESSAGE_INCOMING_H
#define RINGBUS_MESSAGE_INCOMING_H

/*
 * Incoming: one validated message as its sender's worker sees it while routing it; all borrowed.
 * Owner: the worker, for the time of the routing.
 */

#include "broker/io/io.h"
#include "broker/message/account.h"
#include "broker/message/blob.h"
#include "proto/header.h"

typedef struct Incoming {
        const uint8_t *data; /* the whole message */
        Header header;
        IoBuffer *buffer; /* borrowed: where data lies, or NULL */
        Blob *blob;       /* borrowed: or here; both NULL: in memory that does not stay */
        int *fds;         /* header.n_unix_fds; a Message takes them over and sets this to NULL */
        Account *account; /* the sender's */
} Incoming;

static inline const uint8_t *incoming_body(const Incoming *incoming)
{
        return incoming->data + incoming->header.frame.header_size;
}

#endif
