/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Output: one sendmsg with everything a receiver is owed. First without waiting: a short count
 * comes back at once. What remains then is copied out of receive buffers, so that a slow reader
 * pins none, and sent with a request that waits for room. Exactly one send is in flight per socket.
 *
 * A message with fds goes out alone, and perhaps not yet (peer_output_fds.c).
 */
#include <errno.h>
#include <string.h>

#include "broker/base/clock.h"
#include "broker/base/stage.h"
#include "broker/base/trace.h"
#include "broker/peer/peer.h"

enum {
        WAITING_IOVECS = 64, /* of a send that waits for room */
        WAITING_BYTES = 1024 * 1024,
        RETRY_NS_MIN = 50 * 1000,         /* fds: 50 us, doubling, */
        RETRY_NS_MAX = 100 * 1000 * 1000, /* to 100 ms */
};

Delivery *peer_take_mail(Peer *peer)
{
        struct PeerOutput *output = &peer->output;
        MailNode *node = mailbox_take(&peer->endpoint.mailbox);
        Delivery *first = node ? CONTAINER_OF(node, Delivery, node) : NULL;

        TRACE_HOP();
        while (node) {
                Delivery *delivery = CONTAINER_OF(node, Delivery, node);

                node = node->next;
                delivery->node.next = NULL;
                if (output->last)
                        output->last->node.next = &delivery->node;
                else
                        output->first = delivery;
                output->last = delivery;
                if (!output->unreleased)
                        output->unreleased = delivery;
        }
        return first;
}

/* What has left a queue, to be accounted for at once. */
typedef struct PeerQueued {
        uint64_t n_messages;
        uint64_t bytes; /* as charged */
        uint64_t n_fds;
} PeerQueued;

static void peer_count(PeerQueued *queued, const Delivery *delivery)
{
        queued->n_messages++;
        queued->bytes += message_charge(delivery->message);
        queued->n_fds += delivery->message->n_fds;
        message_end_delivery(delivery);
}

static void peer_discharge(Peer *peer, const PeerQueued *queued)
{
        endpoint_dequeue_sent(&peer->endpoint, queued->n_messages, queued->bytes, queued->n_fds);
}

/* Takes the first delivery off the remainder and counts it in *gone. */
static Message *peer_pop(Peer *peer, PeerQueued *gone)
{
        struct PeerOutput *output = &peer->output;
        Delivery *delivery = output->first;
        Message *message = delivery->message;
        MailNode *next = delivery->node.next;

        output->first = next ? CONTAINER_OF(next, Delivery, node) : NULL;
        if (output->unreleased == delivery)
                output->unreleased = output->first;
        if (!next)
                output->last = NULL;
        peer_count(gone, delivery);
        return message;
}

/* The mailbox is closed: nothing of the remainder will be sent; the duty ends. */
static void peer_abandon(Shard *shard, Peer *peer)
{
        struct PeerOutput *output = &peer->output;
        PeerQueued gone = {0};

        TRACE_WINDOW(TRACE_EXEMPT);
        while (output->first)
                message_unref(&shard->thread.pool, peer_pop(peer, &gone), 1);
        peer_discharge(peer, &gone);
        peer_end_stall(shard, peer);
        endpoint_unref(&peer->endpoint, &shard->thread.pool);
}

/* The socket takes nothing more: output is over, input runs to its end and finds that out. */
static void peer_fail_output(Shard *shard, Peer *peer)
{
        PeerQueued gone = {0};
        MailNode *node;

        TRACE_WINDOW(TRACE_EXEMPT);
        mailbox_close(&peer->endpoint.mailbox, &node);
        while (node) {
                Delivery *delivery = CONTAINER_OF(node, Delivery, node);
                Message *message = delivery->message;

                node = node->next;
                peer_count(&gone, delivery);
                message_unref(&shard->thread.pool, message, 1);
        }
        peer_discharge(peer, &gone);
        shutdown(peer->fd, SHUT_RDWR);
        /* Its home may be waiting for room in its account: it has to read on, to the end. */
        switch_set(&peer->output_dead);
        shard->handlers.post_resume(shard->handlers.context, peer);
        STAGE_STOP(OUTPUT_FAILED, peer->endpoint.id);
        peer_abandon(shard, peer);
}

static void peer_free_waiting(Shard *shard, struct PeerOutput *output)
{
        if (output->waiting)
                pool_free(&shard->thread.pool, output->waiting,
                          WAITING_IOVECS * sizeof(struct iovec));
        output->waiting = NULL;
        if (output->control)
                pool_free(&shard->thread.pool, output->control, output->control_size);
        output->control = NULL;
}

/* Fills vectors with what may be sent next, at most n_max: up to an uncommitted message, and a
 * message with fds only by itself. */
static unsigned peer_fill(Peer *peer, struct iovec *iovecs, unsigned n_max)
{
        struct PeerOutput *output = &peer->output;
        size_t offset = output->offset;
        Delivery *delivery = output->first;
        unsigned n = 0;

        TRACE_HOP();
        output->in_flight = 0;
        while (delivery && n + MESSAGE_IOVECS <= n_max) {
                Message *message = delivery->message;
                MailNode *next = delivery->node.next;

                if (!message_is_committed(message) && !STAGE_MUTANT(NO_COMMIT_WORD))
                        break;
                if (message->n_fds > 0 && offset == 0 && delivery != output->first)
                        break;
                n += message_fill_iovecs(message, offset, iovecs + n);
                output->in_flight += message->size - offset;
                if (message->n_fds > 0 && offset == 0)
                        break;
                offset = 0;
                delivery = next ? CONTAINER_OF(next, Delivery, node) : NULL;
        }
        return n;
}

static void peer_retry(Timer *timer, void *context)
{
        Peer *peer = CONTAINER_OF(timer, Peer, output.retry);
        Shard *shard = context;

        shard->n_parked--;
        peer_flush(shard, peer);
}

/* The duty is parked for a while. */
static void peer_park(Shard *shard, Peer *peer)
{
        struct PeerOutput *output = &peer->output;

        TRACE_WINDOW(TRACE_EXEMPT);
        output->retry_ns = output->retry_ns ? output->retry_ns * 2 : RETRY_NS_MIN;
        if (output->retry_ns > RETRY_NS_MAX)
                output->retry_ns = RETRY_NS_MAX;
        output->retry.fire = peer_retry;
        if (timers_arm(&shard->timers, &output->retry, clock_now_ns() + output->retry_ns) < 0)
                peer_fail_output(shard, peer);
        else
                shard->n_parked++;
}

static void peer_send(Shard *shard, Peer *peer, IoSendMode mode, struct iovec *iovecs, unsigned n)
{
        struct PeerOutput *output = &peer->output;

        TRACE_HOP();
        output->send.fd = peer->fd;
        output->send.mode = mode;
        output->send.message = (struct msghdr){.msg_iov = iovecs, .msg_iovlen = n};
        if (!peer_output_attach_fds(shard, peer, &output->send.message)) {
                peer_free_waiting(shard, output);
                peer_fail_output(shard, peer);
                return;
        }
        shard->n_sends_open++;
        tally_add(&shard->n_flushes, 1);
        io_send(shard->io, &output->send);
}

void peer_flush(Shard *shard, Peer *peer)
{
        struct PeerOutput *output = &peer->output;
        unsigned n, room;

        TRACE_HOP();
        if (mailbox_is_closed(&peer->endpoint.mailbox)) {
                peer_abandon(shard, peer);
                return;
        }
        while (!output->first) {
                peer_take_mail(peer);
                if (output->first)
                        break;
                if (mailbox_release(&peer->endpoint.mailbox)) {
                        endpoint_unref(&peer->endpoint, &shard->thread.pool);
                        return;
                }
                if (mailbox_is_closed(&peer->endpoint.mailbox)) {
                        peer_abandon(shard, peer);
                        return;
                }
        }
        STAGE_STOP(OUTPUT_TAKEN, peer->endpoint.id);
        if (peer_output_fds_must_wait(shard, peer)) {
                peer_begin_stall(shard, peer);
                peer_park(shard, peer);
                return;
        }
        if (SHARD_IOVECS - shard->n_iovecs < MESSAGE_IOVECS * 8) {
                shard_submit(shard);
        }
        room = SHARD_IOVECS - shard->n_iovecs;
        n = peer_fill(peer, shard->iovecs + shard->n_iovecs,
                      room < IO_IOVECS_MAX ? room : IO_IOVECS_MAX);
        if (n == 0) { /* not committed yet: the duty stays, for the next turn */
                peer_output_fds_withdraw(shard, peer);
                peer->endpoint.duty_node.next = shard->uncommitted;
                shard->uncommitted = &peer->endpoint.duty_node;
                STAGE_STOP(OUTPUT_UNCOMMITTED, peer->endpoint.id);
                return;
        }
        shard->n_iovecs += n;
        peer_send(shard, peer, IO_SEND_TRY, shard->iovecs + shard->n_iovecs - n, n);
}

/* Drops what `n` sent bytes complete. */
static void peer_consume(Shard *shard, Peer *peer, size_t n)
{
        struct PeerOutput *output = &peer->output;
        PeerQueued sent = {0};

        TRACE_HOP();
        output->in_flight -= n;
        n += output->offset;
        while (output->first && n >= output->first->message->size) {
                Message *message = peer_pop(peer, &sent);

                n -= message->size;
                releases_add(&shard->releases, &shard->thread.pool, message);
        }
        output->offset = n;
        tally_add(&peer->endpoint.n_sent, sent.n_messages);
        peer_discharge(peer, &sent);
}

/* Not more than WAITING_BYTES in one waiting send: its progress is not seen before its end. */
static unsigned peer_trim(struct PeerOutput *output, struct iovec *iovecs, unsigned n)
{
        size_t size = 0;

        for (unsigned i = 0; i < n; i++) {
                if (size + iovecs[i].iov_len > WAITING_BYTES) {
                        iovecs[i].iov_len = WAITING_BYTES - size;
                        n = iovecs[i].iov_len > 0 ? i + 1 : i;
                }
                size += iovecs[i].iov_len;
        }
        output->in_flight = size;
        return n;
}

/* The socket is full: pin nothing, and wait for room. From here on senders see that their messages
 * have to own their bytes; what was pushed before is copied out. */
static void peer_send_waiting(Shard *shard, Peer *peer)
{
        struct PeerOutput *output = &peer->output;
        MailNode *next;
        unsigned n;

        switch_set(&peer->endpoint.stalled);
        peer_take_mail(peer);
        while (output->unreleased) {
                next = output->unreleased->node.next;
                message_release_buffer(&shard->thread.pool, output->unreleased->message);
                output->unreleased = next ? CONTAINER_OF(next, Delivery, node) : NULL;
        }
        output->waiting = pool_alloc(&shard->thread.pool, WAITING_IOVECS * sizeof(struct iovec));
        if (!output->waiting) {
                peer_fail_output(shard, peer);
                return;
        }
        n = peer_fill(peer, output->waiting, WAITING_IOVECS);
        ASSERT(n > 0); /* it was committed when it was tried */
        n = peer_trim(output, output->waiting, n);
        peer_begin_stall(shard, peer);
        peer_send(shard, peer, IO_SEND_ALL, output->waiting, n);
}

void peer_handle_sent(Shard *shard, Peer *peer)
{
        struct PeerOutput *output = &peer->output;
        const ssize_t result = output->result;
        const bool tried = output->send.mode == IO_SEND_TRY;

        TRACE_HOP();
        peer_free_waiting(shard, output);
        if (mailbox_is_closed(&peer->endpoint.mailbox)) {
                peer_abandon(shard, peer);
                return;
        }
        if (result == -ETOOMANYREFS) { /* not its fault: the user has too many in flight */
                peer_output_fds_withdraw(shard, peer);
                peer_end_stall(shard, peer);
                peer_park(shard, peer);
                return;
        }
        if (result < 0 && !(tried && result == -EAGAIN) && result != -EINTR) {
                peer_fail_output(shard, peer);
                return;
        }
        if (result > 0) {
                output->retry_ns = 0;
                peer_end_stall(shard, peer);
                peer_consume(shard, peer, (size_t)result);
        }
        if (!tried)
                switch_clear(&peer->endpoint.stalled);
        STAGE_STOP(OUTPUT_SENT, peer->endpoint.id);
        if (output->in_flight > 0 && tried)
                peer_send_waiting(shard, peer);
        else if (output->in_flight > 0)
                peer_fail_output(shard, peer); /* a short count from a waiting send: it is dead */
        else if (output->first || !mailbox_release(&peer->endpoint.mailbox))
                routerthread_add_duty(&shard->thread, &peer->endpoint);
        else
                endpoint_unref(&peer->endpoint, &shard->thread.pool);
}
