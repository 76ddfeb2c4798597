/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_PEER_SHARD_H
#define RINGBUS_PEER_SHARD_H

/*
 * Shard: what one worker has to serve its peers with: its door to the kernel, its routing context,
 * its timers and scratch. A worker embeds one.
 *
 * Owner: the worker's thread.
 */

#include "broker/base/timers.h"
#include "broker/io/io.h"
#include "broker/message/releases.h"
#include "broker/router/router.h"

typedef struct Peer Peer;
typedef struct Shard Shard;

enum {
        SHARD_BATCH_MESSAGES = 64,      /* flush after so many messages */
        SHARD_BATCH_BYTES = 256 * 1024, /* or bytes */
        SHARD_PEER_BYTES = 256 * 1024,  /* of one peer's input per turn */
        SHARD_PEER_MESSAGES = SHARD_BATCH_MESSAGES,
        SHARD_IOVECS = 4096, /* scratch for one submission */
};

typedef struct ShardHandlers {
        /* A whole, validated message of a peer. Home worker; may close the peer. What it leaves in
         * incoming->fds is closed afterwards. */
        void (*on_message)(Shard *shard, Peer *peer, Incoming *incoming);
        /* A peer is no longer incomplete (Hello succeeded), or has gone before that; `ticket` is
         * PeerOptions.ticket. */
        void (*on_complete)(Shard *shard, void *ticket);
        /* Any thread: the worker `home` is to look at this peer again (its input was paused). */
        void (*post_resume)(void *context, Peer *peer);
        void *context;
} ShardHandlers;

struct Shard {
        Io *io;
        RouterThread thread;
        Timers timers;
        ShardHandlers handlers;
        uint64_t now_ns; /* read once a turn; thread.now_ns is the same */
        List peers;      /* Peer.shard_node */
        unsigned n_peers;
        List over_budget;       /* Peer.budget_node: go on in the next turn */
        StackNode *uncommitted; /* endpoints whose next message is not committed yet */
        unsigned batch_messages;
        unsigned batch_bytes;
        uint64_t n_batches; /* flushes because a batch was full */
        Peer *sent_first;   /* peers whose send has completed, oldest first */
        Peer *sent_last;
        uint64_t turn; /* counts turns */
        unsigned n_since_quiescent;
        struct iovec iovecs[SHARD_IOVECS]; /* of sends queued since the last submission */
        unsigned n_iovecs;
        Releases releases;      /* of messages sent; empty outside shard_handle_sent() */
        unsigned n_sends_open;  /* sends whose completion has not been handled */
        unsigned n_parked;      /* duties that wait for a retry timer of this shard */
        Tally n_flushes;        /* sendmsg requests made */
        Tally n_closed_invalid; /* connections ended for what they sent */
        Tally n_closed_stalled; /* and for what they did not read */
};

/* Initialises all but `io`, which the worker makes on its own thread. 0 or -errno. */
int shard_init(Shard *shard, Router *router, unsigned index, const ShardHandlers *handlers);
void shard_deinit(Shard *shard);

/* At the beginning of a turn of the worker's loop, in a read-side section: what time is it, and by
 * which rules are messages judged? */
void shard_begin_turn(Shard *shard);

/* Sends what every endpoint on the duty list is owed, each in one sendmsg, and hands the sends to
 * the kernel. Duties that come back meanwhile stay for the next time. */
void shard_flush(Shard *shard);

/* Goes on with peers whose input rested because their share of a turn was used up, or that end
 * without a receive under way. After a batch the rest wait for the next turn: what a peer sends
 * that is hardly ever heard has at most a batch of theirs before it. */
void shard_continue_peers(Shard *shard);

/* Hands queued sends to the kernel; the scratch vectors are free again. */
void shard_submit(Shard *shard);

/* Counts a handled message; flushes and reports quiescence when a batch is full. Nothing that was
 * looked up is held. */
void shard_count_message(Shard *shard, uint32_t size);

/* Handles the sends that have completed since; inside a read-side section. */
void shard_handle_sent(Shard *shard);

/* The io's on_hung_up handler; context is the shard. */
void shard_on_hung_up(void *context, IoSocket *socket);

/* The io's on_sent handler; context is the shard. Only notes it: a completion may come out of a
 * sleep, outside the read-side section that handling it needs. */
void shard_on_sent(void *shard, IoSend *send, ssize_t result);

#endif
