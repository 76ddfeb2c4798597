/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_GATE_HANDSHAKE_H
#define RINGBUS_GATE_HANDSHAKE_H

/*
 * Handshake: one connection from accept to BEGIN: its bytes, cut into lines, and its SASL machine.
 *
 * Owner: the gate's thread.
 */

#include "auth/sasl.h"
#include "broker/base/list.h"
#include "broker/gate/gate.h"
#include "broker/gate/refusals.h"
#include "broker/gate/source.h"

typedef struct Inquiry Inquiry;

typedef struct Handshake Handshake;
struct Handshake {
        GateSource source;
        ListNode node;    /* in the gate's list, oldest first */
        int fd;           /* owned */
        RefusalPeer peer; /* SO_PEERCRED, or where it comes from */
        bool is_tcp;
        const uint8_t *nonce; // borrowed; still to come first; NULL: not, or not any more
        GateTicket *ticket;   /* the lobby's */
        bool watched;         /* in the gate's Ready */
        bool has_begun;       /* the first byte, NUL, was received */
        Sasl sasl;
        uint64_t deadline_ns; /* 0: none */
        uint8_t *bytes;       /* received, not yet consumed */
        size_t n_bytes;
        size_t n_allocated;
        size_t n_searched; /* of `bytes`, that hold no CRLF */
        int *fds;          /* came with the bytes behind BEGIN */
        unsigned n_fds;
        Inquiry *inquiry;    /* asked and not answered yet; borrowed */
        GateRefusal refusal; /* of HANDSHAKE_FAILED */
};

typedef enum HandshakeResult {
        HANDSHAKE_WAITING,  /* for more bytes */
        HANDSHAKE_ASKING,   /* for an answer to the question of `sasl`: handshake_take_answer() */
        HANDSHAKE_ADMITTED, /* BEGIN was received: handshake_take_connection() */
        HANDSHAKE_FAILED,   /* the peer has gone or broke the rules, as `refusal` tells */
} HandshakeResult;

/* Takes `fd` over on success; the listener outlives the handshake. 0 or -ENOMEM. */
int handshake_new(int fd, const GateListener *listener, const RefusalPeer *peer,
                  const SaslOptions *options, Handshake **ret_handshake);

/*
 * Reads what is there (within a bound, for fairness), handles all complete lines and answers.
 * At most `n_fds_max` fds are received behind BEGIN.
 */
HandshakeResult handshake_read(Handshake *handshake, unsigned n_fds_max);

/* Goes on, with the answer, and with lines that came while it was waited for. */
HandshakeResult handshake_take_answer(Handshake *handshake, const SaslAnswer *answer);

/*
 * Reads the credentials and moves fd, bytes and fds of an admitted handshake into a new
 * GateConnection. 0 or -errno; the handshake is to be freed in either case.
 */
int handshake_take_connection(Handshake *handshake, GateConnection **ret_connection);

/* Closes what it still owns; it is in no list and not watched. Returns NULL. */
Handshake *handshake_free(Handshake *handshake);

#endif
