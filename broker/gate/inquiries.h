/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_GATE_INQUIRIES_H
#define RINGBUS_GATE_INQUIRIES_H

/*
 * Inquiries: the questions of handshakes that files or name services have to answer. The gate never
 * waits for one: it posts a job, goes on with others, and takes the handshake up again when the
 * answer is there. A handshake may end meanwhile; its inquiry then comes back to nobody.
 *
 * Owner: the gate's thread, but for what is said to be the clerk's.
 */

#include "auth/sasl.h"
#include "broker/base/job.h"
#include "broker/base/list.h"
#include "broker/gate/gate.h"
#include "broker/sync/stack.h"
#include "broker/sync/wake.h"

typedef struct Handshake Handshake;

enum { INQUIRIES_MAX = 256 }; /* unanswered ones, those of ended handshakes included */

typedef struct Inquiries {
        const GateOptions *options; /* borrowed: post_job, answer */
        Wake *wake;                 /* borrowed: the gate's */
        List unanswered;            /* or answered and not taken yet */
        unsigned n;
        Stack answered;   /* the clerk pushes */
        StackNode *taken; /* of those, oldest first */
} Inquiries;

typedef struct Inquiry {
        Job job;
        ListNode node;        /* of Inquiries.unanswered */
        StackNode stack;      /* of Inquiries.answered */
        Handshake *handshake; /* NULL: it has ended */
        Inquiries *inquiries;
        SaslQuestion question;
        SaslAnswer answer; /* the clerk's until it is answered */
} Inquiry;

void inquiries_init(Inquiries *inquiries, const GateOptions *options, Wake *wake);

/* Nobody answers any more; frees the unanswered ones too. */
void inquiries_deinit(Inquiries *inquiries);

/* Posts the handshake's question. 0, -EBUSY (there are too many) or -ENOMEM. */
int inquiries_post(Inquiries *inquiries, Handshake *handshake);

/* The next inquiry that was answered, or NULL. The caller looks at its handshake, if there still is
 * one, and frees it. */
Inquiry *inquiries_take(Inquiries *inquiries);
void inquiries_free(Inquiry *inquiry);

#endif
