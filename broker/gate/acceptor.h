/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_GATE_ACCEPTOR_H
#define RINGBUS_GATE_ACCEPTOR_H

/*
 * Acceptor: the gate's listening sockets, and when not to listen: while the gate has no room, and
 * for a moment when the kernel has no fd or memory for one connection more. Meanwhile connections
 * wait in the socket's backlog.
 *
 * Owner: the gate's thread.
 */

#include "broker/gate/gate.h"
#include "broker/gate/source.h"
#include "broker/gate/throttle.h"
#include "broker/io/ready.h"

typedef struct AcceptorListener {
        GateSource source;
        GateListener listener;
        bool watched;
} AcceptorListener;

typedef struct Acceptor {
        Ready *ready; /* borrowed */
        AcceptorListener *listeners;
        unsigned n_listeners;
        int spare_fd;         /* given up for a moment to turn a connection away; or -1 */
        uint64_t resume_ns;   /* backing off until then; 0: not */
        unsigned n_shortages; /* in a row */
        Throttle log;
} Acceptor;

/* 0 or -errno. Nothing is watched yet: acceptor_update(). */
int acceptor_init(Acceptor *acceptor, Ready *ready, const GateListener *listeners,
                  unsigned n_listeners);

/* Idempotent after acceptor_init(). */
void acceptor_deinit(Acceptor *acceptor);

/* Listens, or stops to, as `has_room` and the back-off ask. */
void acceptor_update(Acceptor *acceptor, bool has_room, uint64_t now_ns);

/* When acceptor_update() is to be called again at the latest; UINT64_MAX: no such time. */
uint64_t acceptor_deadline(const Acceptor *acceptor);

/*
 * A connection, non-blocking and close-on-exec, or: -EAGAIN: no more now; -ECONNABORTED: that one
 * has gone, ask for the next; -EMFILE: no more now, and one was turned away.
 */
int acceptor_accept(Acceptor *acceptor, AcceptorListener *listener, uint64_t now_ns);

#endif
