/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_PEER_PEER_H
#define RINGBUS_PEER_PEER_H

/*
 * Peer: one connection. It embeds the Endpoint that the router knows.
 *
 * Owner: input belongs to the home worker; output belongs to whoever holds the mailbox's duty;
 * memory lives until the last reference (home until a grace period after it left, duty).
 *
 * The end of a connection: input runs to its end (end of stream, or the bus closes: shutdown(2)) ->
 * the receive's last completion -> mailbox closed, names and rules released, callers answered ->
 * socket removed -> grace period -> last reference -> memory freed, close(2) last.
 */

#include "auth/credentials.h"
#include "broker/peer/shard.h"

/* Why input rests: a mask owned by the home worker. */
enum {
        PEER_PAUSE_ACCOUNT = 0x1, /* max_incoming_*: too much of it is in memory */
        PEER_PAUSE_BUDGET = 0x2,  /* this turn's share is used up */
        PEER_PAUSE_DRIVER = 0x4,  /* a call to the bus is answered later */
};

typedef struct PeerHeld PeerHeld;

struct Peer {
        Endpoint endpoint;
        Retired retired;
        StackNode post_node; /* on a worker's inbox: resume */
        Switch may_post_resume;
        Switch output_dead; /* nothing can be sent to it: its input is to run to the end */
        Credentials credentials;
        Router *router; /* borrowed */
        int fd;

        /* Input: home worker. */
        struct PeerInput {
                IoSocket socket;
                Shard *shard;
                ListNode shard_node;
                ListNode budget_node;
                Timer timer;   /* Hello by then; later: fds without their message */
                Timer replies; /* its oldest call has waited for reply_timeout */
                uint8_t fixed[FRAME_FIXED_SIZE]; /* the beginning of a frame */
                unsigned n_fixed;
                Blob *assembly; /* a message whose bytes came in pieces */
                size_t assembly_have;
                Frame assembly_frame;
                uint32_t pauses;
                PeerHeld *held_first; /* received while paused */
                PeerHeld *held_last;
                unsigned n_held;
                int *fds; /* received, not yet taken by a message */
                unsigned n_fds;
                unsigned fds_capacity;
                uint64_t budget_turn;
                size_t bytes_spent; /* in that turn */
                unsigned messages_spent;
                bool closing; /* nothing more is parsed */
                bool hung_up; /* nothing more is written: never paused for long again */
                bool ended;   /* end of stream: parse what is held, then leave */
                bool left;
                bool complete; /* Hello succeeded, or the gate was told otherwise */
                void *ticket;  /* the gate's, until `complete` */
        } input;

        /* Output: duty holder. */
        struct PeerOutput {
                IoSend send;
                ssize_t result;  /* of the send that has completed */
                Peer *next_sent; /* on Shard.sent_first */
                Delivery *first;
                Delivery *last;
                Delivery *unreleased;  /* the first that may pin a receive buffer; NULL: none */
                size_t offset;         /* bytes of `first` that are sent */
                size_t in_flight;      /* bytes of the send */
                struct iovec *waiting; /* iovecs of a send that waits for room */
                uint8_t *control;      /* SCM_RIGHTS of the send */
                size_t control_size;
                bool fds_unread;      /* a message with fds may lie unread in the socket */
                unsigned n_fds_ahead; /* fds sent behind it; a part of Router.n_fds_ahead */
                Timer retry;          /* fds could not go out yet */
                uint64_t retry_ns;
                Timer stall;               /* it does not read */
                uint64_t stalled_since_ns; /* 0: nothing waits for room */
                bool forgiven;             /* what waited then counts against nobody */
        } output;
};

typedef struct PeerOptions {
        int fd;                  /* now the peer's */
        Credentials credentials; /* now the peer's */
        bool passes_fds;
        bool privileged;
        uint64_t deadline_ns; /* Hello by then; 0: no limit */
        void *ticket;         /* given to on_complete() */
} PeerOptions;

/* Home worker. A new peer that does not receive yet; on failure (-ENOMEM, -EMFILE) fd and
 * credentials stay the caller's. */
int peer_new(Shard *shard, Router *router, const PeerOptions *options, Peer **ret_peer);

/* Starts with what the gate received already (fds are taken over), then receives. May leave. */
void peer_start(Peer *peer, const uint8_t *bytes, size_t n_bytes, const int *fds, unsigned n_fds);

static inline Peer *peer_of(Endpoint *endpoint)
{
        return CONTAINER_OF(endpoint, Peer, endpoint);
}

/* Home worker: a receive completion. Takes the buffer and the fds. May leave. */
void peer_receive(Peer *peer, IoReceived *received);

/* Home worker, while it handles a message of the peer: what comes behind that is held until
 * peer_continue(). */
void peer_pause(Peer *peer, uint32_t reason);

/* Home worker: parses what is held and receives again if no reason to pause is left. May leave. */
void peer_continue(Peer *peer, uint32_t pause_over);

/* Home worker: the bus ends the connection. Returns at once; the rest follows with the receive's
 * last completion. */
void peer_close(Peer *peer);

/* Home worker: the client writes nothing more. What it has written is read to the end, whatever of
 * it is in memory: no more than its socket holds. Only notes it; the worker's next turn goes on. */
void peer_hang_up(Peer *peer);

/* Home worker: a monitor that does not read is over its limit, and is closed. */
void peer_close_overflown(Peer *peer);

/* Home worker: Hello succeeded. */
void peer_set_complete(Peer *peer);

/* Duty holder: sends what is queued, or gives the duty up. */
void peer_flush(Shard *shard, Peer *peer);

/* Duty holder: the send has completed with output.result. */
void peer_handle_sent(Shard *shard, Peer *peer);

/* Between the files of the output side; duty holder. */
Delivery *peer_take_mail(Peer *peer); /* appends it to the remainder; the first of it, or NULL */
void peer_begin_stall(Shard *shard, Peer *peer); /* output waits; no effect if it did already */
void peer_end_stall(Shard *shard, Peer *peer);   /* something was taken, or the duty ends */

/* The same: the fds of the first message. Whether they have to wait until others have been read;
 * attaching them (false: out of memory); after the first, they are not sent now after all. */
bool peer_output_fds_must_wait(Shard *shard, Peer *peer);
bool peer_output_attach_fds(Shard *shard, Peer *peer, struct msghdr *header);
void peer_output_fds_withdraw(Shard *shard, Peer *peer);
void peer_output_fds_deinit(Peer *peer, Router *router); /* the peer's end */

/* Between the files of the input side. */
void peer_refuse(Peer *peer);        /* a violation of the wire format ends this one connection */
void peer_watch_fds(Peer *peer);     /* arms or disarms the timer of fds without their message */
void peer_watch_replies(Peer *peer); /* arms the timer of reply_timeout, if there is a need */
void peer_finish_assembly(Peer *peer);
void peer_leave(Peer *peer);
/* Returns how many bytes were parsed: fewer than `size` when the input is paused. */
size_t peer_parse(Peer *peer, const uint8_t *data, size_t size, IoBuffer *buffer);
void peer_spend(Peer *peer, size_t n_bytes, unsigned n_messages); /* of this turn's share */
void peer_hold(Peer *peer, const uint8_t *data, size_t size, IoBuffer *buffer);
void peer_drop_input(Peer *peer);
bool peer_add_fds(Peer *peer, const int *fds, unsigned n);

#endif
