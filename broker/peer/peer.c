/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/peer/peer.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "broker/base/alloc.h"
#include "broker/base/stage.h"
#include "broker/router/ownership.h"

/* Any thread: the last reference is gone. */
static void peer_destroy(Endpoint *endpoint, Pool *mine)
{
        Peer *peer = peer_of(endpoint);

        ASSERT(!peer->output.first && !peer->input.held_first);
        account_unref(mine, endpoint->account);
        names_return_slot(&peer->router->names, endpoint->slot);
        peer_output_fds_deinit(peer, peer->router);
        credentials_deinit(&peer->credentials);
        close(peer->fd);
        alloc_free(peer);
}

/* The reclaimer: nobody can have looked the endpoint up any more. */
static void peer_retired(Retired *retired)
{
        endpoint_unref(&CONTAINER_OF(retired, Peer, retired)->endpoint, NULL);
}

static void peer_resume_account(void *owner)
{
        Peer *peer = owner;

        peer->input.shard->handlers.post_resume(peer->input.shard->handlers.context, peer);
}

/* The timer of a connection's two waits: for Hello, and for the message that fds belong to. Either
 * way the connection ends. */
static void peer_time_out(Timer *timer, void *context)
{
        (void)context;
        peer_close(CONTAINER_OF(timer, Peer, input.timer));
}

/* Any thread. */
static void peer_fail(Endpoint *endpoint)
{
        Peer *peer = peer_of(endpoint);
        const ShardHandlers *handlers = &peer->input.shard->handlers;

        shutdown(peer->fd, SHUT_RDWR);
        /* Its home may be waiting for room in its account: it has to read on, to the end. */
        switch_set(&peer->output_dead);
        handlers->post_resume(handlers->context, peer);
}

static int peer_init_account(Peer *peer, Shard *shard)
{
        const RouterLimits *limits = &shard->thread.root->limits;

        peer->endpoint.account =
                account_new(&shard->thread.pool, peer, peer_resume_account,
                            limits->max_incoming_bytes, limits->max_incoming_unix_fds);
        return peer->endpoint.account ? 0 : -ENOMEM;
}

int peer_new(Shard *shard, Router *router, const PeerOptions *options, Peer **ret_peer)
{
        Peer *peer = alloc_aligned(64, sizeof(*peer));
        Endpoint *endpoint;
        int r;

        if (!peer)
                return -ENOMEM;
        memset(peer, 0, sizeof(*peer));
        endpoint = &peer->endpoint;
        endpoint_init(endpoint);
        peer->router = router;
        switch_set(&peer->may_post_resume);
        peer->fd = options->fd;
        peer->credentials = options->credentials;
        endpoint->home = shard->thread.index;
        endpoint->uid = options->credentials.uid;
        endpoint->credentials = &peer->credentials;
        endpoint->passes_fds = options->passes_fds;
        endpoint->privileged = options->privileged;
        endpoint->destroy = peer_destroy;
        endpoint->fail = peer_fail;
        peer->input.shard = shard;
        peer->input.ticket = options->ticket;
        peer->input.timer.fire = peer_time_out;
        peer->input.socket.fd = options->fd;
        peer->input.socket.with_fds = options->passes_fds;
        peer->input.socket.n_fds_max = (uint32_t)shard->thread.root->limits.max_message_unix_fds;
        if (peer->input.socket.n_fds_max > IO_FDS_MAX)
                peer->input.socket.n_fds_max = IO_FDS_MAX;
        endpoint->slot = names_take_slot(&router->names);
        r = endpoint->slot == UINT32_MAX ? -EMFILE : peer_init_account(peer, shard);
        if (r == 0)
                r = io_add(shard->io, &peer->input.socket);
        if (r == 0 && options->deadline_ns > 0)
                r = timers_arm(&shard->timers, &peer->input.timer, options->deadline_ns);
        if (r < 0) {
                if (peer->input.socket.added)
                        io_remove(shard->io, &peer->input.socket);
                if (endpoint->account)
                        account_unref(&shard->thread.pool, endpoint->account);
                if (endpoint->slot != UINT32_MAX)
                        names_return_slot(&router->names, endpoint->slot);
                alloc_free(peer);
                return r;
        }
        list_push_back(&shard->peers, &peer->input.shard_node);
        shard->n_peers++;
        *ret_peer = peer;
        return 0;
}

void peer_start(Peer *peer, const uint8_t *bytes, size_t n_bytes, const int *fds, unsigned n_fds)
{
        struct PeerInput *input = &peer->input;

        if (!peer_add_fds(peer, fds, n_fds))
                peer_close(peer);
        if (!input->closing) {
                size_t parsed = peer_parse(peer, bytes, n_bytes, NULL);

                if (parsed < n_bytes && !input->closing)
                        peer_hold(peer, bytes + parsed, n_bytes - parsed, NULL);
        }
        if (input->n_fds > 0 && !input->closing)
                peer_watch_fds(peer);
        if (input->closing) {
                peer_leave(peer);
                return;
        }
        peer_continue(peer, 0);
}

void peer_set_complete(Peer *peer)
{
        struct PeerInput *input = &peer->input;

        ASSERT(!input->complete);
        input->complete = true;
        timers_disarm(&input->shard->timers, &input->timer);
        if (input->n_fds > 0)
                peer_watch_fds(peer);
        input->shard->handlers.on_complete(input->shard, input->ticket);
}

void peer_close(Peer *peer)
{
        struct PeerInput *input = &peer->input;

        if (input->closing)
                return;
        input->closing = true;
        shutdown(peer->fd, SHUT_RDWR);
        if (input->socket.receiving && !input->socket.stopping)
                io_stop(input->shard->io, &input->socket); /* also when it waits for buffers */
        /* A receive under way now ends by itself; without one, the worker's next turn leaves. */
        if (!input->socket.receiving) {
                if (!list_contains_node(&input->budget_node))
                        list_push_back(&input->shard->over_budget, &input->budget_node);
        }
}

/* Empties the mailbox for good. A duty holder elsewhere drops what it has taken. */
static void peer_close_mailbox(Peer *peer)
{
        Pool *pool = &peer->input.shard->thread.pool;
        MailNode *node;

        mailbox_close(&peer->endpoint.mailbox, &node);
        while (node) {
                Delivery *delivery = CONTAINER_OF(node, Delivery, node);
                Message *message = delivery->message;

                node = node->next;
                endpoint_dequeue(&peer->endpoint, message_charge(message), message->n_fds);
                message_end_delivery(delivery);
                message_unref(pool, message, 1);
        }
}

void peer_leave(Peer *peer)
{
        struct PeerInput *input = &peer->input;
        Shard *shard = input->shard;

        if (input->left)
                return;
        ASSERT(!input->socket.receiving);
        input->left = true;
        input->closing = true;
        shutdown(peer->fd, SHUT_RDWR); /* ends a send that waits for room */
        peer_close_mailbox(peer);
        STAGE_STOP(LEAVE_CLOSED, peer->endpoint.id);
        ownership_leave(&shard->thread, &peer->endpoint);
        STAGE_STOP(LEAVE_SEALED, peer->endpoint.id);
        cell_publish(&peer->endpoint.account->owner, NULL);
        peer_drop_input(peer);
        io_remove(shard->io, &input->socket);
        timers_disarm(&shard->timers, &input->timer);
        timers_disarm(&shard->timers, &input->replies);
        list_remove(&input->budget_node);
        list_remove(&input->shard_node);
        shard->n_peers--;
        if (!input->complete) {
                input->complete = true;
                shard->handlers.on_complete(shard, input->ticket);
        }
        qsbr_retire(peer->router->qsbr, &peer->retired, peer_retired);
}
