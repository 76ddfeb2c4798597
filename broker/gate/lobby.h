/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_GATE_LOBBY_H
#define RINGBUS_GATE_LOBBY_H

/*
 * Lobby: the handshakes under way, from the accepted fd to the delivered connection, and how many
 * incomplete connections there may be.
 *
 * Owner: the gate's thread, but for the members under "shared": any thread may read the tallies and
 * push on `completed`.
 * Invariants: accepted = admitted + refused + timed_out + the length of `handshakes`; there is a
 * ticket for each handshake and each delivered connection that is not complete, n_incomplete in
 * all, counted in its uid's share until it is collected.
 */

#include "broker/base/list.h"
#include "broker/gate/acceptor.h"
#include "broker/gate/gate.h"
#include "broker/gate/handshake.h"
#include "broker/gate/inquiries.h"
#include "broker/gate/refusals.h"
#include "broker/gate/share.h"
#include "broker/sync/counter.h"
#include "broker/sync/stack.h"
#include "broker/sync/tally.h"

struct GateTicket {
        StackNode node; /* on `completed` */
        uid_t uid;
        bool shares; /* counted in the ShareTable */
};

typedef struct Lobby {
        GateOptions options; /* immutable; its limits are copied to the end of the struct */
        Ready *ready;        /* borrowed */
        List handshakes;     /* by deadline, which is the order of acceptance */
        ShareTable shares;
        uint64_t now_ns; /* the loop sets it, once a turn */
        Inquiries inquiries;
        Refusals refusals;

        unsigned n_incomplete; /* also those that came back and are not settled yet */

        /* shared */
        Stack completed; /* tickets that came back */
        Tally accepted, admitted, refused, timed_out;
        Tally n_tickets;         /* issued ever */
        Counter n_tickets_ended; /* of them: nobody is incomplete with it any more */
        /* Control writes, the gate reads: in force for whoever comes now. */
        Tally max_incomplete, max_incomplete_per_uid, auth_timeout_ms, max_message_unix_fds;
        Tally offers_cookies; /* the clerk writes: DBUS_COOKIE_SHA1 can be served */
} Lobby;

/* Before the thread starts. options->listeners is not looked at. */
void lobby_init(Lobby *lobby, Ready *ready, Wake *wake, const GateOptions *options);

/* Ends all handshakes; no job of theirs runs any more. */
void lobby_deinit(Lobby *lobby);

/* Control: as gate_set_limits(). */
void lobby_set_limits(Lobby *lobby, unsigned max_incomplete, uint64_t auth_timeout_ms,
                      unsigned max_message_unix_fds);

/* The clerk: as gate_offer_cookies(). */
void lobby_offer_cookies(Lobby *lobby, bool offered);

/* Gives a delivered connection's ticket back. Any thread. */
void lobby_return(Lobby *lobby, GateTicket *ticket);

/* Settles the tickets that came back. */
void lobby_collect(Lobby *lobby);

/* Connections that are incomplete now. Any thread. */
uint64_t lobby_count_incomplete(const Lobby *lobby);

/* Whether one connection more may be accepted. */
bool lobby_has_room(const Lobby *lobby);

/* Accepts from a readable listener, within a bound for fairness. */
void lobby_accept(Lobby *lobby, Acceptor *acceptor, AcceptorListener *listener);

/* Goes on with a handshake whose socket is readable; it may be freed or delivered. */
void lobby_read(Lobby *lobby, Handshake *handshake);

/* Goes on with the handshakes whose questions were answered. */
void lobby_resume(Lobby *lobby);

/* Ends the handshakes whose time is up. */
void lobby_expire(Lobby *lobby);

/* The next deadline; UINT64_MAX: none. */
uint64_t lobby_deadline(const Lobby *lobby);

/* Between the lobby's own files: the SASL machine's options for a connection of `uid`. */
SaslOptions lobby_offer(const Lobby *lobby, const GateListener *listener, uid_t uid);

/* Between the lobby's own files: what a failure to begin a handshake means. */
GateRefusal lobby_find_refusal(int error);

/* Between the lobby's own files: counts and logs why a connection was not admitted. */
void lobby_note_refusal(Lobby *lobby, GateRefusal kind, const RefusalPeer *peer);

#endif
