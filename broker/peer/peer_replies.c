/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reply_timeout: a timer for each caller, at its home, armed for its oldest call. While calls are
 * answered in time nothing is done for them: the timer finds the oldest gone and waits for the
 * next.
 */
#include "broker/base/trace.h"
#include "broker/peer/peer.h"
#include "broker/router/replies.h"

static void peer_arm_replies(Shard *shard, Peer *peer, uint64_t deadline_ns)
{
        /* Out of memory: its next message arms it. */
        if (deadline_ns != REPLIES_NEVER)
                timers_arm(&shard->timers, &peer->input.replies, deadline_ns);
}

static void peer_expire_replies(Timer *timer, void *context)
{
        Peer *peer = CONTAINER_OF(timer, Peer, input.replies);
        Shard *shard = context;

        peer_arm_replies(shard, peer,
                         replies_expire(&shard->thread, &peer->endpoint, replies_time_out));
}

void peer_watch_replies(Peer *peer)
{
        Shard *shard = peer->input.shard;

        if (timers_is_armed(&peer->input.replies))
                return;
        TRACE_WINDOW(TRACE_EXEMPT);
        peer->input.replies.fire = peer_expire_replies;
        peer_arm_replies(shard, peer, replies_first_deadline(&shard->thread, &peer->endpoint));
}
