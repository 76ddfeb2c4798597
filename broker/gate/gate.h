/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_GATE_GATE_H
#define RINGBUS_GATE_GATE_H

/*
 * The gate: the one thread that meets strangers. It accepts, reads credentials, runs the SASL
 * handshake within limits and hands each admitted connection on, with whatever bytes and fds the
 * client pipelined behind BEGIN. Nothing behind the gate ever authenticates.
 */

#include <stdint.h>

#include "auth/credentials.h"
#include "auth/sasl.h"
#include "broker/base/job.h"

typedef struct Gate Gate;

/* A place among the incomplete connections, and in its uid's share of them. */
typedef struct GateTicket GateTicket;

/* An admitted connection. Whoever gets it owns all of it: gate_connection_free(). */
typedef struct GateConnection {
        int fd; /* non-blocking, close-on-exec; no kernel request outstanding on it */
        Credentials credentials;
        bool passes_fds; /* NEGOTIATE_UNIX_FD was agreed */
        uint8_t *bytes;  /* received behind BEGIN: the beginning of the message stream */
        size_t n_bytes;
        int *fds; /* received by the gate, in order */
        unsigned n_fds;
        uint64_t deadline_ns; /* CLOCK_MONOTONIC: Hello must have succeeded by then; 0: no limit */
        GateTicket *ticket;   /* for gate_complete() */
} GateConnection;

enum { GATE_NONCE_SIZE = 16 };

typedef struct GateListener {
        int fd;                         /* listening stream socket, non-blocking; borrowed */
        char guid[33];                  /* 32 hex digits: OK sends it */
        bool is_tcp;                    /* no credentials, no fds */
        bool has_nonce;                 /* a client sends these before anything else: */
        uint8_t nonce[GATE_NONCE_SIZE]; /* compared in constant time */
} GateListener;

typedef struct GateOptions {
        const GateListener *listeners; /* copied */
        unsigned n_listeners;
        unsigned mechanisms;  /* SASL_MECHANISM_*: as <auth> allows; 0: all */
        bool allow_anonymous; /* whoever comes by ANONYMOUS is let in; else closed behind BEGIN */
        uid_t bus_uid;
        /* Whether this peer may use the bus; NULL: the bus's own uid only. On the gate's thread. */
        bool (*admits)(void *context, const Credentials *credentials);
        /* Refuse at accept whoever the kernel shows with overflow_uid: it stands for all users of
         * other user namespaces who have no uid in this one. */
        bool refuses_overflow_uid;
        uid_t overflow_uid;
        unsigned max_incomplete; /* accepting pauses at this many (max_incomplete_connections) */
        /* Incomplete connections of one uid; one more is closed at once. The bus's own uid and root
         * have no such limit. 0: a half of max_incomplete, at least 1. */
        unsigned max_incomplete_per_uid;
        uint64_t auth_timeout_ms;      /* from accept to Hello; 0: none */
        unsigned max_message_unix_fds; /* room for fds pipelined behind BEGIN */
        void (*deliver)(void *context, GateConnection *connection); /* on the gate's thread */
        /* Has a job run by a thread that may wait; any thread. NULL: there is no such thread, and
         * no DBUS_COOKIE_SHA1. */
        void (*post_job)(void *context, Job *job);
        /* Called by a job: may the user be challenged, and with what? */
        void (*answer)(void *context, const SaslQuestion *question, SaslAnswer *ret_answer);
        void *context;
} GateOptions;

/*
 * Why a connection was not admitted: X(name, word, text). The text is for the log.
 */
#define GATE_REFUSALS(X)                                                                           \
        X(LEFT, "left", "it left")                                                                 \
        X(NONCE, "nonce", "it did not begin with the nonce")                                       \
        X(FIRST_BYTE, "first_byte", "it did not begin with a nul byte")                            \
        X(LINE, "line", "it sent 16 KiB without the end of a line")                                \
        X(BEGIN, "begin", "it said BEGIN before it was authenticated")                             \
        X(ATTEMPTS, "attempts", "it failed to authenticate six times")                             \
        X(REPLIES, "replies", "it does not read its replies")                                      \
        X(FDS, "fds", "it sent more file descriptors than the limits allow")                       \
        X(OVERFLOW, "overflow",                                                                    \
          "its user is of another user namespace, without a uid here (--refuse-overflow-uid)")     \
        X(USER, "user", "its user is not admitted")                                                \
        X(ANONYMOUS, "anonymous", "it is anonymous, and <allow_anonymous/> is not set")            \
        X(SHARE, "share", "its user has too many others that are not complete")                    \
        X(TIMEOUT, "timeout", "it had not authenticated in time")                                  \
        X(RESOURCES, "resources", "out of memory or file descriptors")

typedef enum GateRefusal {
#define GATE_REFUSAL_ENTRY(name, word, text) GATE_REFUSAL_##name,
        GATE_REFUSALS(GATE_REFUSAL_ENTRY)
#undef GATE_REFUSAL_ENTRY
                GATE_N_REFUSALS,
} GateRefusal;

/*
 * A snapshot. accepted = admitted + refused + timed_out + handshakes under way; refused: closed by
 * the gate or by the peer before it was admitted; incomplete: handshakes and delivered connections
 * that are not complete.
 */
typedef struct GateCounters {
        uint64_t accepted, admitted, refused, timed_out, incomplete;
        uint64_t refusals[GATE_N_REFUSALS]; /* by kind; in all, refused + timed_out */
} GateCounters;

/* Starts the thread, which finds *ret_gate written already when it delivers. 0 or -errno. */
int gate_new(const GateOptions *options, Gate **ret_gate);

/* Stops and joins the thread: nothing is delivered any more. Those who still have delivered
 * connections may go on to call gate_complete(). NULL is allowed; idempotent. */
void gate_stop(Gate *gate);

/* Stops the thread if need be and closes connections under way; nobody uses the gate any more. NULL
 * is allowed. Returns NULL. */
Gate *gate_free(Gate *gate);

/*
 * Control: new limits, for whoever comes from now on; as GateOptions.max_incomplete,
 * .auth_timeout_ms and .max_message_unix_fds.
 */
void gate_set_limits(Gate *gate, unsigned max_incomplete, uint64_t auth_timeout_ms,
                     unsigned max_message_unix_fds);

/* Whether DBUS_COOKIE_SHA1 can be served (at first it can), for whoever comes from now on. Any
 * thread. */
void gate_offer_cookies(Gate *gate, bool offered);

/*
 * A delivered connection is no longer incomplete: its Hello succeeded, or it was closed before
 * that. Exactly once for each delivered connection, whose ticket goes back. Any thread; no
 * blocking.
 */
void gate_complete(Gate *gate, GateTicket *ticket);

/* Any thread. */
void gate_read_counters(Gate *gate, GateCounters *ret_counters);

/* Frees all but the ticket. NULL is allowed. */
void gate_connection_free(GateConnection *connection);

#endif
