/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/peer/shard.h"

#include <string.h>

#include "broker/base/clock.h"
#include "broker/base/trace.h"
#include "broker/peer/peer.h"

int shard_init(Shard *shard, Router *router, unsigned index, const ShardHandlers *handlers)
{
        memset(shard, 0, sizeof(*shard));
        shard->handlers = *handlers;
        timers_init(&shard->timers);
        list_init(&shard->peers);
        list_init(&shard->over_budget);
        return routerthread_init(&shard->thread, router, index);
}

void shard_deinit(Shard *shard)
{
        ASSERT(shard->n_peers == 0 && shard->n_sends_open == 0);
        timers_deinit(&shard->timers);
        routerthread_deinit(&shard->thread);
}

void shard_begin_turn(Shard *shard)
{
        shard->turn++;
        shard->now_ns = clock_now_ns();
        shard->thread.now_ns = shard->now_ns;
        router_load_root(&shard->thread);
}

void shard_on_sent(void *context, IoSend *send, ssize_t result)
{
        Shard *shard = context;
        Peer *peer = CONTAINER_OF(send, Peer, output.send);

        TRACE_HOP();
        peer->output.result = result;
        peer->output.next_sent = NULL;
        if (shard->sent_last)
                shard->sent_last->output.next_sent = peer;
        else
                shard->sent_first = peer;
        shard->sent_last = peer;
}

void shard_on_hung_up(void *context, IoSocket *socket)
{
        (void)context;
        peer_hang_up(CONTAINER_OF(socket, Peer, input.socket));
}

void shard_handle_sent(Shard *shard)
{
        while (shard->sent_first) {
                Peer *peer = shard->sent_first;

                shard->sent_first = peer->output.next_sent;
                if (!shard->sent_first)
                        shard->sent_last = NULL;
                shard->n_sends_open--;
                peer_handle_sent(shard, peer);
        }
        releases_drop(&shard->releases, &shard->thread.pool);
}

void shard_continue_peers(Shard *shard)
{
        const uint64_t first_batch = shard->n_batches;
        List resting;
        ListNode *node;

        list_init(&resting);
        list_move_all(&resting, &shard->over_budget);
        while (shard->n_batches == first_batch && (node = list_take_first(&resting)))
                peer_continue(CONTAINER_OF(node, Peer, input.budget_node), PEER_PAUSE_BUDGET);
        while ((node = list_last(&resting))) {
                list_remove(node);
                list_push_front(&shard->over_budget, node);
        }
}

void shard_submit(Shard *shard)
{
        TRACE_HOP();
        io_submit(shard->io);
        shard->n_iovecs = 0;
}

void shard_flush(Shard *shard)
{
        StackNode *node = routerthread_take_duties(&shard->thread), *next;

        shard->batch_messages = 0;
        shard->batch_bytes = 0;
        routerthread_hand_over(&shard->thread); /* first: other workers may begin */
        if (!node)
                return;
        TRACE_HOP();
        for (; node; node = next) {
                next = node->next;
                TRACE_WINDOW(TRACE_FLUSH);
                peer_flush(shard, peer_of(CONTAINER_OF(node, Endpoint, duty_node)));
        }
        TRACE_WINDOW(TRACE_FLUSH);
        shard_submit(shard);
        TRACE_WINDOW(TRACE_CLOSED);
        /* What completions put back on the duty list waits for the next turn: meanwhile input goes
         * on, and more messages share a send. */
        shard_handle_sent(shard);
}

void shard_count_message(Shard *shard, uint32_t size)
{
        TRACE_HOP();
        shard->batch_messages++;
        shard->batch_bytes += size;
        if (shard->batch_messages >= SHARD_BATCH_MESSAGES ||
            shard->batch_bytes >= SHARD_BATCH_BYTES) {
                shard_flush(shard);
                shard->n_batches++;
        }
        if (++shard->n_since_quiescent >= SHARD_BATCH_MESSAGES || size > MESSAGE_COPY_MAX) {
                shard->n_since_quiescent = 0;
                qsbr_quiescent();
                router_load_root(&shard->thread);
        }
}
