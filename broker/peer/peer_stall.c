/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Receivers that do not read. What waits for one must not hold its senders up for ever: after a
 * while it is forgiven, that is, no longer counts against them; further messages to it are refused
 * or dropped once its own queue is full. One that takes nothing for much longer, while its queue is
 * over its limit, is closed, and the log says whom that concerns.
 *
 * To drain is to take at least what one waiting send holds: its progress is not seen before its
 * end. The timer is armed exactly while output waits, on the shard of the duty holder.
 */
#include <sys/socket.h>

#include "broker/base/clock.h"
#include "broker/base/log.h"
#include "broker/base/trace.h"
#include "broker/peer/peer.h"
#include "broker/router/step.h"

enum { STALL_LOOK_NS = 1000 * 1000 * 1000 }; /* what was pushed meanwhile is forgiven so often */

#define STALL_NS_PER_MS UINT64_C(1000000)

static void peer_arm_stall(Shard *shard, Peer *peer, uint64_t now_ns)
{
        const RouterLimits *limits = &shard->thread.root->limits;
        const uint64_t since_ns = peer->output.stalled_since_ns;
        const uint64_t forgive_ns = since_ns + limits->stall_forgive_ms * STALL_NS_PER_MS;
        const uint64_t close_ns = since_ns + limits->stall_close_ms * STALL_NS_PER_MS;
        uint64_t next_ns = now_ns + STALL_LOOK_NS;

        if (limits->stall_forgive_ms == 0 && limits->stall_close_ms == 0)
                return;
        if (limits->stall_forgive_ms > 0 && forgive_ns > now_ns)
                next_ns = forgive_ns;
        if (limits->stall_close_ms > 0 && close_ns > now_ns && close_ns < next_ns)
                next_ns = close_ns;
        /* Out of memory: it is looked at when it stalls again, after it has read something. */
        timers_arm(&shard->timers, &peer->output.stall, next_ns);
}

static void peer_forgive(Delivery *delivery)
{
        while (delivery) {
                MailNode *next = delivery->node.next;

                if (!delivery->captured) /* else it is not this one that holds the sender up */
                        message_forgive(delivery->message);
                delivery = next ? CONTAINER_OF(next, Delivery, node) : NULL;
        }
}

void peer_close_overflown(Peer *peer)
{
        const Endpoint *endpoint = &peer->endpoint;
        char who[CREDENTIALS_TEXT_MAX];

        if (peer->input.closing)
                return;
        log_warning("closing the monitor %s of %s: it does not read as fast as "
                    "messages come, and %llu bytes and %llu fds wait for it, over its limit; "
                    "the limits max_outgoing_* set when that happens",
                    endpoint->unique_name, credentials_text(&peer->credentials, who),
                    (unsigned long long)endpoint_queued_bytes(endpoint),
                    (unsigned long long)counter_read(&endpoint->queued_fds));
        tally_add(&peer->input.shard->n_closed_stalled, 1);
        peer_close(peer);
}

static void peer_close_stalled(Shard *shard, Peer *peer, uint64_t age_ns)
{
        const Endpoint *endpoint = &peer->endpoint;
        const Text name = endpoint_name(endpoint);
        char who[CREDENTIALS_TEXT_MAX];

        log_warning("closing the connection %.*s of %s: it has read "
                    "nothing for %llu s, and %llu bytes and %llu fds wait for it, over its limit; "
                    "--stall-close and the limits max_outgoing_* set when that happens",
                    TEXT_FORMAT(name), credentials_text(&peer->credentials, who),
                    (unsigned long long)(age_ns / 1000000000),
                    (unsigned long long)endpoint_queued_bytes(endpoint),
                    (unsigned long long)counter_read(&endpoint->queued_fds));
        tally_add(&shard->n_closed_stalled, 1);
        /* The waiting send fails, or the next try; input ends, and its home tears it down. */
        shutdown(peer->fd, SHUT_RDWR);
}

static void peer_handle_stall(Timer *timer, void *context)
{
        Peer *peer = CONTAINER_OF(timer, Peer, output.stall);
        Shard *shard = context;
        struct PeerOutput *output = &peer->output;
        const RouterLimits *limits = &shard->thread.root->limits;
        const uint64_t now_ns = clock_now_ns(), age_ns = now_ns - output->stalled_since_ns;
        const bool first = !output->forgiven;

        TRACE_WINDOW(TRACE_EXEMPT);
        if (mailbox_is_closed(&peer->endpoint.mailbox))
                return; /* it is leaving; what it is owed is freed when the send has ended */
        if (limits->stall_forgive_ms > 0 && age_ns >= limits->stall_forgive_ms * STALL_NS_PER_MS) {
                Delivery *fresh = peer_take_mail(peer);

                output->forgiven = true;
                peer_forgive(first ? output->first : fresh);
        }
        if (limits->stall_close_ms > 0 && age_ns >= limits->stall_close_ms * STALL_NS_PER_MS &&
            step_is_full(&peer->endpoint, limits))
                peer_close_stalled(shard, peer, age_ns);
        else
                peer_arm_stall(shard, peer, now_ns);
}

void peer_begin_stall(Shard *shard, Peer *peer)
{
        struct PeerOutput *output = &peer->output;

        if (output->stalled_since_ns)
                return;
        output->stalled_since_ns = shard->now_ns;
        output->stall.fire = peer_handle_stall;
        peer_arm_stall(shard, peer, output->stalled_since_ns);
}

void peer_end_stall(Shard *shard, Peer *peer)
{
        struct PeerOutput *output = &peer->output;

        if (LIKELY(!output->stalled_since_ns))
                return;
        output->stalled_since_ns = 0;
        output->forgiven = false;
        timers_disarm(&shard->timers, &output->stall);
}
