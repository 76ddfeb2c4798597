/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Input: received bytes -> frames -> validated messages. This is the only door from untrusted bytes
 * to a Message. A frame that lies whole in a receive buffer is routed from there; one that came in
 * pieces is assembled in memory of its exact size (after the limit check), and when much of it is
 * still missing the rest is received straight into place.
 */
#include <string.h>
#include <unistd.h>

#include "broker/base/alloc.h"
#include "broker/base/trace.h"
#include "broker/peer/peer.h"
#include "proto/body.h"

enum {
        INTO_MIN = 64 * 1024, /* missing bytes from which receiving into place pays */
        HELD_MAX = 4,         /* buffers held back before the receive is stopped */
};

struct PeerHeld {
        PeerHeld *next;
        IoBuffer *buffer; /* one reference; NULL: the bytes are in `copy` */
        const uint8_t *data;
        size_t size;
        size_t copy_size;
        uint8_t copy[];
};

static const RouterLimits *peer_limits(const Peer *peer)
{
        return &router_root(peer->router)->limits;
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
static void peer_refuse(Peer *peer)
{
        tally_add(&peer->input.shard->n_closed_invalid, 1);
        peer_close(peer);
}

/* After a message: fds that wait for theirs do so for pending_fd_timeout at most. */
static void peer_watch_fds(Peer *peer)
{
        struct PeerInput *input = &peer->input;
        uint64_t timeout_ms = peer_limits(peer)->pending_fd_timeout_ms;

        if (!input->complete)
                return; /* the timer is Hello's */
        if (input->n_fds == 0)
                timers_disarm(&input->shard->timers, &input->timer);
        else if (!timers_is_armed(&input->timer) && timeout_ms > 0)
                timers_arm(&input->shard->timers, &input->timer,
                           input->shard->now_ns + timeout_ms * UINT64_C(1000000));
}

static void peer_handle(Peer *peer, const uint8_t *data, const Frame *frame, IoBuffer *buffer,
                        Blob *blob)
{
        struct PeerInput *input = &peer->input;
        Shard *shard = input->shard;
        Incoming incoming = {
                .data = data, .buffer = buffer, .blob = blob, .account = peer->endpoint.account};
        const RouterLimits *limits = peer_limits(peer);

        TRACE_HOP();
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
        if (UNLIKELY(account_is_over(peer->endpoint.account)) &&
            account_pause(peer->endpoint.account))
                input->pauses |= PEER_PAUSE_ACCOUNT;
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

static void peer_finish_assembly(Peer *peer)
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

void peer_parse(Peer *peer, const uint8_t *data, size_t size, IoBuffer *buffer)
{
        struct PeerInput *input = &peer->input;

        TRACE_HOP();
        while (size > 0 && !input->closing) {
                size_t n;

                TRACE_WINDOW(TRACE_PARSE);
                if (input->pauses) {
                        peer_hold(peer, data, size, buffer);
                        break;
                }
                if (input->assembly || input->n_fixed > 0)
                        n = peer_parse_pieces(peer, data, size);
                else
                        n = peer_parse_frame(peer, data, size, buffer);
                data += n;
                size -= n;
        }
        TRACE_WINDOW(TRACE_CLOSED);
}

void peer_hold(Peer *peer, const uint8_t *data, size_t size, IoBuffer *buffer)
{
        struct PeerInput *input = &peer->input;
        size_t copy_size = buffer ? 0 : size; /* the gate's bytes do not stay */
        PeerHeld *held = pool_alloc(&input->shard->thread.pool, sizeof(*held) + copy_size);

        if (!held) {
                peer_close(peer);
                return;
        }
        *held = (PeerHeld){.buffer = buffer, .data = data, .size = size, .copy_size = copy_size};
        if (buffer) {
                io_buffer_ref(buffer);
        } else {
                memcpy(held->copy, data, size);
                held->data = held->copy;
        }
        if (input->held_last)
                input->held_last->next = held;
        else
                input->held_first = held;
        input->held_last = held;
        input->n_held++;
        if (input->n_held >= HELD_MAX && input->socket.receiving && !input->socket.stopping)
                io_stop(input->shard->io, &input->socket);
}

static PeerHeld *peer_take_held(struct PeerInput *input)
{
        PeerHeld *held = input->held_first;

        if (!held)
                return NULL;
        input->held_first = held->next;
        if (!held->next)
                input->held_last = NULL;
        input->n_held--;
        return held;
}

static void peer_free_held(Peer *peer, PeerHeld *held)
{
        if (held->buffer)
                io_buffer_unref(held->buffer);
        pool_free(&peer->input.shard->thread.pool, held, sizeof(*held) + held->copy_size);
}

void peer_drop_input(Peer *peer)
{
        struct PeerInput *input = &peer->input;
        PeerHeld *held;

        while ((held = peer_take_held(input)))
                peer_free_held(peer, held);
        blob_unref(&input->shard->thread.pool, input->assembly);
        input->assembly = NULL;
        for (unsigned i = 0; i < input->n_fds; i++)
                close(input->fds[i]);
        input->n_fds = 0;
        input->fds = alloc_free(input->fds);
}

/* Receives again, in the way that suits what is expected next. */
static void peer_receive_more(Peer *peer)
{
        struct PeerInput *input = &peer->input;
        size_t missing;

        if (input->closing || input->ended || input->socket.receiving || input->pauses ||
            input->held_first)
                return;
        missing = input->assembly ? input->assembly_frame.size - input->assembly_have : 0;
        if (missing >= INTO_MIN)
                io_receive_into(input->shard->io, &input->socket,
                                input->assembly->data + input->assembly_have, missing);
        else
                io_receive(input->shard->io, &input->socket);
}

/* Much of a message is missing: stop the general receive, to get the rest into place. */
static void peer_consider_into(Peer *peer)
{
        struct PeerInput *input = &peer->input;

        if (input->assembly && !input->closing && input->socket.receiving &&
            !input->socket.stopping &&
            input->assembly_frame.size - input->assembly_have >= INTO_MIN)
                io_stop(input->shard->io, &input->socket);
}

void peer_continue(Peer *peer, uint32_t pause_over)
{
        struct PeerInput *input = &peer->input;
        PeerHeld *held;

        TRACE_HOP();
        input->pauses &= ~pause_over;
        while (!input->pauses && !input->closing && (held = peer_take_held(input))) {
                /* Parsing may pause again and hold the rest: that goes in front of the others. */
                PeerHeld *others = input->held_first, *others_last = input->held_last;

                input->held_first = NULL;
                input->held_last = NULL;
                peer_parse(peer, held->data, held->size, held->buffer);
                peer_free_held(peer, held);
                if (input->held_last)
                        input->held_last->next = others;
                else
                        input->held_first = others;
                if (others)
                        input->held_last = others_last;
        }
        if (input->left)
                return;
        if (!input->socket.receiving && (input->closing || (input->ended && !input->held_first))) {
                peer_leave(peer);
                return;
        }
        peer_consider_into(peer);
        peer_receive_more(peer);
}

/* A byte budget per peer and turn, or one flooder keeps the others waiting. */
static void peer_charge_budget(Peer *peer, size_t size)
{
        struct PeerInput *input = &peer->input;
        Shard *shard = input->shard;

        if (input->budget_turn != shard->turn) {
                input->budget_turn = shard->turn;
                input->budget_used = 0;
        }
        input->budget_used += size;
        if (input->budget_used < SHARD_PEER_BUDGET || (input->pauses & PEER_PAUSE_BUDGET))
                return;
        input->pauses |= PEER_PAUSE_BUDGET;
        list_push_back(&shard->over_budget, &input->budget_node);
}

static void peer_take_bytes(Peer *peer, const IoReceived *received)
{
        struct PeerInput *input = &peer->input;

        if (received->into) {
                input->assembly_have += received->size;
                if (input->assembly_have == input->assembly_frame.size)
                        peer_finish_assembly(peer);
        } else if (input->pauses || input->held_first) {
                peer_hold(peer, received->data, received->size, received->buffer);
        } else {
                peer_parse(peer, received->data, received->size, received->buffer);
        }
        peer_charge_budget(peer, received->size);
}

void peer_receive(Peer *peer, IoReceived *received)
{
        struct PeerInput *input = &peer->input;

        TRACE_HOP();
        /* Lost fds: which one belongs to which message cannot be told any more. Without negotiation
         * they are never received and nobody counts on them. */
        if (!peer_add_fds(peer, received->fds, received->n_fds) ||
            (received->fds_lost && peer->endpoint.passes_fds))
                peer_refuse(peer);
        else if (received->n_fds > 0 && !input->closing)
                peer_watch_fds(peer);
        if (received->size > 0 && !input->closing)
                peer_take_bytes(peer, received);
        if (received->buffer)
                io_buffer_unref(received->buffer);
        if (received->ended && received->error < 0)
                input->ended = true;
        if (input->closing && !input->socket.receiving) {
                peer_leave(peer);
                return;
        }
        if (input->ended && !input->held_first) {
                peer_leave(peer);
                return;
        }
        peer_consider_into(peer);
        peer_receive_more(peer);
}
