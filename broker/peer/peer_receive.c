/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Receiving: what the kernel delivers goes to the parser at once, or is held while there is a
 * reason to pause. When much of a message is still missing, the general receive is stopped and the
 * rest comes straight into the message's own memory.
 */
#include <string.h>
#include <unistd.h>

#include "broker/base/alloc.h"
#include "broker/base/stage.h"
#include "broker/base/trace.h"
#include "broker/peer/peer.h"

enum {
        INTO_MIN = 64 * 1024, /* missing bytes from which receiving into place pays */
        HELD_MAX = 4,         /* buffers held back before the receive is stopped */
};

struct PeerHeld {
        PeerHeld *next;
        IoBuffer *buffer; /* one reference; NULL: the bytes were copied */
        const uint8_t *data;
        size_t size;
        size_t copy_size;
        uint8_t copy[];
};

static PeerHeld *peer_new_held(Peer *peer, const uint8_t *data, size_t size, IoBuffer *buffer)
{
        struct PeerInput *input = &peer->input;
        /* The gate's bytes do not stay; and a pause that may be long must not pin a buffer that
         * others need. */
        const bool copy = !buffer || (input->pauses & ~(uint32_t)PEER_PAUSE_BUDGET) ||
                          input->shard->thread.short_of_buffers;
        size_t copy_size = copy ? size : 0;
        PeerHeld *held = pool_alloc(&input->shard->thread.pool, sizeof(*held) + copy_size);

        if (!held) {
                peer_close(peer);
                return NULL;
        }
        *held = (PeerHeld){
                .buffer = copy ? NULL : buffer, .data = data, .size = size, .copy_size = copy_size};
        if (!copy) {
                io_buffer_ref(buffer);
        } else {
                memcpy(held->copy, data, size);
                held->data = held->copy;
        }
        return held;
}

void peer_hold(Peer *peer, const uint8_t *data, size_t size, IoBuffer *buffer)
{
        struct PeerInput *input = &peer->input;
        PeerHeld *held = peer_new_held(peer, data, size, buffer);

        if (!held)
                return;
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

/* What is left of it waits on, before the others. Copied, if it still lies in a receive buffer: at
 * a pause that may be long. */
static void peer_put_back(Peer *peer, PeerHeld *held, size_t parsed)
{
        struct PeerInput *input = &peer->input;

        held->data += parsed;
        held->size -= parsed;
        if (held->buffer && (input->pauses & ~(uint32_t)PEER_PAUSE_BUDGET)) {
                PeerHeld *copy = peer_new_held(peer, held->data, held->size, held->buffer);

                peer_free_held(peer, held);
                if (!copy)
                        return;
                held = copy;
        }
        held->next = input->held_first;
        input->held_first = held;
        if (!held->next)
                input->held_last = held;
        input->n_held++;
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

/* When everything received is parsed, what fds are left belong to the one message that is not
 * complete yet: more than it may have are a hoard. */
static void peer_check_fds(Peer *peer)
{
        struct PeerInput *input = &peer->input;

        if (!input->pauses && !input->held_first &&
            input->n_fds > input->shard->thread.root->limits.max_message_unix_fds)
                peer_refuse(peer);
        else
                peer_watch_fds(peer);
}

void peer_continue(Peer *peer, uint32_t pause_over)
{
        struct PeerInput *input = &peer->input;
        PeerHeld *held;

        TRACE_HOP();
        input->pauses &= ~pause_over;
        if (STAGE_MUTANT(END_INPUT) && switch_is_on(&peer->output_dead))
                peer_close(peer);
        while (!input->pauses && !input->closing && (held = peer_take_held(input))) {
                size_t parsed = peer_parse(peer, held->data, held->size, held->buffer);

                if (parsed < held->size && !input->closing)
                        peer_put_back(peer, held, parsed);
                else
                        peer_free_held(peer, held);
        }
        if (input->left)
                return;
        if (!input->socket.receiving && (input->closing || (input->ended && !input->held_first))) {
                peer_leave(peer);
                return;
        }
        if (input->n_fds > 0 && !input->closing)
                peer_check_fds(peer);
        peer_consider_into(peer);
        peer_receive_more(peer);
}

void peer_pause(Peer *peer, uint32_t reason)
{
        peer->input.pauses |= reason;
}

void peer_hang_up(Peer *peer)
{
        struct PeerInput *input = &peer->input;

        input->hung_up = true;
        if (!(input->pauses & PEER_PAUSE_ACCOUNT))
                return;
        input->pauses &= ~(uint32_t)PEER_PAUSE_ACCOUNT;
        if (!list_contains_node(&input->budget_node))
                list_push_back(&input->shard->over_budget, &input->budget_node);
}

/* A peer has a share of each turn, or one flooder keeps the others waiting. */
void peer_spend(Peer *peer, size_t n_bytes, unsigned n_messages)
{
        struct PeerInput *input = &peer->input;
        Shard *shard = input->shard;

        if (input->budget_turn != shard->turn) {
                input->budget_turn = shard->turn;
                input->bytes_spent = 0;
                input->messages_spent = 0;
        }
        input->bytes_spent += n_bytes;
        input->messages_spent += n_messages;
        if (input->closing || (input->pauses & PEER_PAUSE_BUDGET) ||
            (input->bytes_spent < SHARD_PEER_BYTES && input->messages_spent < SHARD_PEER_MESSAGES))
                return;
        input->pauses |= PEER_PAUSE_BUDGET;
        /* It may be there already, to end or to be read to its end. */
        if (!list_contains_node(&input->budget_node))
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
                size_t parsed = peer_parse(peer, received->data, received->size, received->buffer);

                if (parsed < received->size && !input->closing)
                        peer_hold(peer, received->data + parsed, received->size - parsed,
                                  received->buffer);
        }
        peer_spend(peer, received->size, 0);
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
        if (received->size > 0 && !input->closing)
                peer_take_bytes(peer, received);
        if (UNLIKELY(input->n_fds > 0) && !input->closing)
                peer_check_fds(peer);
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
