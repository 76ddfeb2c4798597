/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Input: received bytes -> frames -> validated messages. This is the only door from untrusted bytes
 * to a Message. A frame that lies whole in a receive buffer is routed from there; one that came in
 * pieces is assembled in memory of its exact size (after the limit check).
 */
#include <string.h>
#include <unistd.h>

#include "broker/base/alloc.h"
#include "broker/base/trace.h"
#include "broker/peer/peer.h"
#include "proto/body.h"

static const RouterLimits *peer_limits(const Peer *peer)
{
        return &peer->input.shard->thread.root->limits;
}

bool peer_add_fds(Peer *peer, const int *fds, unsigned n)
{
        struct PeerInput *input = &peer->input;

        if (n == 0)
                return true;
        if (input->n_fds + n > input->fds_capacity) {
                unsigned capacity = 2 * (input->n_fds + n);
                int *grown = alloc_resize(input->fds, capacity * sizeof(int));

                if (!grown) {
                        for (unsigned i = 0; i < n; i++)
                                close(fds[i]);
                        return false;
                }
                input->fds = grown;
                input->fds_capacity = capacity;
        }
        memcpy(input->fds + input->n_fds, fds, n * sizeof(int));
        input->n_fds += n;
        return true;
}

/* The first `n` fds of the connection's FIFO become the message's. */
static bool peer_take_fds(Peer *peer, Incoming *incoming)
{
        struct PeerInput *input = &peer->input;
        uint32_t n = incoming->header.n_unix_fds;

        if (n == 0)
                return true;
        TRACE_WINDOW(TRACE_EXEMPT);
        incoming->fds = pool_alloc(&input->shard->thread.pool, n * sizeof(int));
        if (!incoming->fds)
                return false;
        memcpy(incoming->fds, input->fds, n * sizeof(int));
        input->n_fds -= n;
        memmove(input->fds, input->fds + n, input->n_fds * sizeof(int));
        return true;
}

static void peer_close_fds(Peer *peer, Incoming *incoming)
{
        uint32_t n = incoming->header.n_unix_fds;

        if (!incoming->fds)
                return;
        for (uint32_t i = 0; i < n; i++)
                close(incoming->fds[i]);
        pool_free(&peer->input.shard->thread.pool, incoming->fds, n * sizeof(int));
        incoming->fds = NULL;
}

/* A violation of the wire format: that one connection ends, silently, as with the reference. */
void peer_refuse(Peer *peer)
{
        tally_add(&peer->input.shard->n_closed_invalid, 1);
        peer_close(peer);
}

/* After a message: fds that wait for theirs do so for pending_fd_timeout at most. */
void peer_watch_fds(Peer *peer)
{
        struct PeerInput *input = &peer->input;
        uint64_t timeout_ms = peer_limits(peer)->pending_fd_timeout_ms;

        if (!input->complete)
                return;                                              /* the timer is Hello's */
        if (input->n_fds == 0 || input->pauses || input->held_first) /* paused: not its fault */
                timers_disarm(&input->shard->timers, &input->timer);
        else if (!timers_is_armed(&input->timer) && timeout_ms > 0)
                timers_arm(&input->shard->timers, &input->timer,
                           input->shard->now_ns + timeout_ms * UINT64_C(1000000));
}

/* Too much of this peer's is in memory: it is not read any more. If it cannot be answered or writes
 * nothing more, it is read to its end, to find out that it has gone. */
static void peer_pause_account(Peer *peer)
{
        struct PeerInput *input = &peer->input;

        if (input->hung_up || switch_is_on(&peer->output_dead) ||
            !account_pause(peer->endpoint.account))
                return;
        input->pauses |= PEER_PAUSE_ACCOUNT;
        if (input->socket.receiving && !input->socket.stopping)
                io_stop(input->shard->io, &input->socket);
}

static void peer_handle(Peer *peer, const uint8_t *data, const Frame *frame, IoBuffer *buffer,
                        Blob *blob)
{
        struct PeerInput *input = &peer->input;
        Shard *shard = input->shard;
        Incoming incoming = {
                .data = data, .buffer = buffer, .blob = blob, .account = peer->endpoint.account};
        const RouterLimits *limits;

        TRACE_HOP();
        router_load_root(&shard->thread);
        limits = peer_limits(peer);
        TRACE_WINDOW(sizeof(Blob) + frame->size > POOL_SIZE_MAX ? TRACE_EXEMPT : TRACE_PARSE);
        if (header_parse(data, frame, &incoming.header) != HEADER_OK ||
            body_validate(data + frame->header_size, frame->body_size, incoming.header.signature,
                          frame->big_endian) != BODY_OK ||
            incoming.header.n_unix_fds > input->n_fds ||
            incoming.header.n_unix_fds > limits->max_message_unix_fds ||
            !peer_take_fds(peer, &incoming)) {
                peer_refuse(peer);
                return;
        }
        tally_add(&peer->endpoint.n_received, 1);
        tally_add(&shard->thread.n_routed, 1);
        shard->thread.short_of_buffers =
                io_buffers_free(shard->io) < io_buffers_total(shard->io) / 4;
        shard->handlers.on_message(shard, peer, &incoming);
        if (UNLIKELY(incoming.header.n_unix_fds > 0)) {
                peer_close_fds(peer, &incoming);
                peer_watch_fds(peer);
        }
        if (UNLIKELY(peer_limits(peer)->reply_timeout_ms > 0))
                peer_watch_replies(peer);
        if (UNLIKELY(account_is_over(peer->endpoint.account)))
                peer_pause_account(peer);
        peer_spend(peer, 0, 1);
        shard_count_message(shard, frame->size);
        TRACE_WINDOW(TRACE_CLOSED);
}

/* Begins an assembly with the bytes at hand. */
static void peer_begin_assembly(Peer *peer, const Frame *frame, const uint8_t *data, size_t size)
{
        struct PeerInput *input = &peer->input;

        input->assembly = blob_new(&input->shard->thread.pool, frame->size);
        if (!input->assembly) {
                peer_close(peer); /* out of memory on this peer's account ends this peer */
                return;
        }
        input->assembly_frame = *frame;
        memcpy(input->assembly->data, data, size);
        input->assembly_have = size;
}

void peer_finish_assembly(Peer *peer)
{
        struct PeerInput *input = &peer->input;
        Blob *blob = input->assembly;

        input->assembly = NULL;
        peer_handle(peer, blob->data, &input->assembly_frame, NULL, blob);
        blob_unref(&input->shard->thread.pool, blob);
}

static bool peer_cut(Peer *peer, const uint8_t *data, size_t size, Frame *ret_frame)
{
        uint64_t limit = peer_limits(peer)->max_message_size;
        uint32_t size_max = limit > FRAME_SIZE_MAX ? FRAME_SIZE_MAX : (uint32_t)limit;

        if (frame_cut(data, size, size_max, ret_frame) == FRAME_OK)
                return true;
        peer_refuse(peer);
        return false;
}

/* Continues a frame that began in an earlier buffer; returns how many bytes it took. */
static size_t peer_parse_pieces(Peer *peer, const uint8_t *data, size_t size)
{
        struct PeerInput *input = &peer->input;
        size_t n;
        Frame frame;

        if (input->assembly) {
                n = input->assembly_frame.size - input->assembly_have;
                if (n > size)
                        n = size;
                memcpy(input->assembly->data + input->assembly_have, data, n);
                input->assembly_have += n;
        } else {
                n = FRAME_FIXED_SIZE - input->n_fixed;
                if (n > size)
                        n = size;
                memcpy(input->fixed + input->n_fixed, data, n);
                input->n_fixed += (unsigned)n;
                if (input->n_fixed < FRAME_FIXED_SIZE)
                        return n;
                input->n_fixed = 0;
                if (!peer_cut(peer, input->fixed, FRAME_FIXED_SIZE, &frame))
                        return n;
                peer_begin_assembly(peer, &frame, input->fixed, FRAME_FIXED_SIZE);
        }
        if (input->assembly && input->assembly_have == input->assembly_frame.size)
                peer_finish_assembly(peer);
        return n;
}

/* One frame that begins here; returns how many bytes it took. */
static size_t peer_parse_frame(Peer *peer, const uint8_t *data, size_t size, IoBuffer *buffer)
{
        struct PeerInput *input = &peer->input;
        Frame frame;

        if (size < FRAME_FIXED_SIZE) {
                memcpy(input->fixed, data, size);
                input->n_fixed = (unsigned)size;
                return size;
        }
        if (!peer_cut(peer, data, size, &frame))
                return size;
        if (frame.size <= size) {
                peer_handle(peer, data, &frame, buffer, NULL);
                return frame.size;
        }
        peer_begin_assembly(peer, &frame, data, size);
        return size;
}

size_t peer_parse(Peer *peer, const uint8_t *data, size_t size, IoBuffer *buffer)
{
        struct PeerInput *input = &peer->input;
        size_t at = 0;

        TRACE_HOP();
        while (at < size && !input->closing && !input->pauses) {
                TRACE_WINDOW(TRACE_PARSE);
                if (input->assembly || input->n_fixed > 0)
                        at += peer_parse_pieces(peer, data + at, size - at);
                else
                        at += peer_parse_frame(peer, data + at, size - at, buffer);
        }
        TRACE_WINDOW(TRACE_CLOSED);
        return at;
}
