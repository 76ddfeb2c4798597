/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/peer_fixture.h"

#include "broker/router/replies.h"

#include <string.h>

#include "broker/base/alloc.h"
#include "broker/base/clock.h"
#include "broker/base/hash.h"

static void peer_fixture_on_message(Shard *shard, Peer *peer, Incoming *incoming)
{
        PeerFixture *fixture = shard->handlers.context;

        if (fixture->on_message)
                fixture->on_message(fixture, peer, incoming);
        else
                dispatch_message(&fixture->driver, shard, peer, incoming);
}

static void peer_fixture_on_complete(Shard *shard, void *ticket)
{
        PeerFixture *fixture = shard->handlers.context;

        (void)ticket;
        fixture->n_completed++;
}

static void peer_fixture_post_resume(void *context, Peer *peer)
{
        PeerFixture *fixture = context;

        if (!switch_clear(&peer->may_post_resume))
                return;
        endpoint_ref(&peer->endpoint);
        stack_push(&fixture->resumes, &peer->post_node);
        fixture->n_resumed++;
}

static void peer_fixture_post_duties(void *context, unsigned home, StackNode *chain)
{
        PeerFixture *fixture = context;

        ASSERT(home < fixture->n_shards);
        while (chain) {
                StackNode *next = chain->next;

                stack_push(&fixture->duties[home], chain);
                fixture->n_handed++;
                chain = next;
        }
}

/* One thread is every peer's home here. */
static void peer_fixture_post_collect(void *context, Endpoint *callee)
{
        Shard *home = peer_of(callee)->input.shard;

        (void)context;
        switch_set(&callee->may_post_collect);
        replies_collect(&home->thread, callee);
        endpoint_unref(callee, &home->thread.pool);
}

static RouterRoot *peer_fixture_root(void)
{
        RouterRoot *root = alloc_zeroed(1, sizeof(*root));

        ASSERT(root);
        root->limits = (RouterLimits){.max_message_size = 128 << 20,
                                      .max_message_unix_fds = 16,
                                      .max_incoming_bytes = 127 << 20,
                                      .max_incoming_unix_fds = 64,
                                      .max_outgoing_bytes = 127 << 20,
                                      .max_outgoing_unix_fds = 64,
                                      .max_completed_connections = 2048,
                                      .max_connections_per_user = 256,
                                      .max_names_per_connection = 512,
                                      .max_match_rules_per_connection = 512,
                                      .max_replies_per_connection = 128,
                                      .pending_fd_timeout_ms = 150000};
        ASSERT(policy_compile_open(1, &root->policy) == 0);
        return root;
}

static void peer_fixture_start_shard(PeerFixture *fixture, unsigned index, IoBackend backend,
                                     unsigned n_buffers)
{
        const ShardHandlers handlers = {.on_message = peer_fixture_on_message,
                                        .on_complete = peer_fixture_on_complete,
                                        .post_resume = peer_fixture_post_resume,
                                        .context = fixture};
        Shard *shard = &fixture->shards[index];
        IoOptions options = {.backend = backend,
                             .n_buffers = n_buffers,
                             .wake = &fixture->wakes[index],
                             .handlers = {.on_sent = shard_on_sent,
                                          .on_hung_up = shard_on_hung_up,
                                          .context = shard}};
        int r = wake_init(&fixture->wakes[index]);

        ASSERT(r == 0);
        r = shard_init(shard, &fixture->router, index, &handlers);
        ASSERT(r == 0);
        r = io_new(&options, &shard->io);
        ASSERT(r == 0);
        stack_init(&fixture->duties[index]);
}

PeerFixture *peer_fixture_new(IoBackend backend, unsigned n_shards, unsigned n_buffers)
{
        PeerFixture *fixture = alloc_aligned(64, sizeof(*fixture));
        RouterHooks hooks = {.post_duties = peer_fixture_post_duties,
                             .post_collect = peer_fixture_post_collect,
                             .context = fixture};
        static bool hashed;
        int r;

        ASSERT(fixture);
        memset(fixture, 0, sizeof(*fixture));
        if (!hashed)
                hashed = hash_init() == 0;
        ASSERT(hashed);
        r = wake_init(&fixture->control_wake);
        ASSERT(r == 0);
        qsbr_init(&fixture->qsbr, &fixture->control_wake);
        stack_init(&fixture->resumes);
        fixture->root = peer_fixture_root();
        r = router_init(&fixture->router, &fixture->qsbr, fixture->root, &hooks);
        ASSERT(r == 0);
        r = driver_init(&fixture->driver, &fixture->router, &(DriverHooks){0},
                        &(DriverFeatures){.systemd_activation = true});
        ASSERT(r == 0);
        fixture->n_shards = n_shards;
        for (unsigned i = 0; i < n_shards; i++)
                peer_fixture_start_shard(fixture, i, backend, n_buffers);
        return fixture;
}

void peer_fixture_reclaim(PeerFixture *fixture)
{
        while (qsbr_reclaim(&fixture->qsbr) > 0)
                continue;
}

PeerFixture *peer_fixture_free(PeerFixture *fixture)
{
        for (unsigned i = 0; i < fixture->n_shards; i++)
                PEER_FIXTURE_UNTIL(fixture, fixture->shards[i].n_peers == 0 &&
                                                    fixture->shards[i].n_sends_open == 0);
        peer_fixture_settle(fixture, 2);
        peer_fixture_reclaim(fixture);
        for (unsigned i = 0; i < fixture->n_shards; i++) {
                Shard *shard = &fixture->shards[i];

                shard->io = io_free(shard->io); /* asserts that no buffer is lent */
                shard_deinit(shard);
                wake_deinit(&fixture->wakes[i]);
        }
        driver_deinit(&fixture->driver);
        router_deinit(&fixture->router);
        wake_deinit(&fixture->control_wake);
        return alloc_free(fixture);
}

/* What other shards have handed over, and inputs that may go on. */
static void peer_fixture_drain_inbox(PeerFixture *fixture, unsigned index)
{
        Shard *shard = &fixture->shards[index];
        StackNode *node, *next;

        for (node = stack_reverse(stack_take(&fixture->duties[index])); node; node = next) {
                next = node->next;
                routerthread_add_duty(&shard->thread, CONTAINER_OF(node, Endpoint, duty_node));
        }
        for (node = stack_reverse(stack_take(&fixture->resumes)); node; node = next) {
                Peer *peer = CONTAINER_OF(node, Peer, post_node);

                next = node->next;
                switch_set(&peer->may_post_resume);
                peer_continue(peer, PEER_PAUSE_ACCOUNT);
                endpoint_unref(&peer->endpoint, &shard->thread.pool);
        }
}

static void peer_fixture_continue(Shard *shard)
{
        StackNode *node = shard->uncommitted, *next;

        shard_continue_peers(shard);
        shard->uncommitted = NULL;
        for (; node; node = next) {
                next = node->next;
                routerthread_add_duty(&shard->thread, CONTAINER_OF(node, Endpoint, duty_node));
        }
}

void peer_fixture_turn_shard(PeerFixture *fixture, unsigned index)
{
        Shard *shard = &fixture->shards[index];
        IoReceived *received = &fixture->received;
        uint64_t first_batch;

        io_wait(shard->io, 0, false);
        shard->n_iovecs = 0;
        shard_begin_turn(shard);
        shard_handle_sent(shard);
        peer_fixture_continue(shard);
        first_batch = shard->n_batches;
        while (shard->n_batches == first_batch && io_next(shard->io, received))
                peer_receive(CONTAINER_OF(received->socket, Peer, input.socket), received);
        timers_fire(&shard->timers, shard->now_ns, shard);
        peer_fixture_drain_inbox(fixture, index);
        shard_flush(shard);
        pool_replenish(&shard->thread.pool);
}

void peer_fixture_turn(PeerFixture *fixture)
{
        for (unsigned i = 0; i < fixture->n_shards; i++)
                peer_fixture_turn_shard(fixture, i);
}

static uint64_t peer_fixture_progress(const PeerFixture *fixture)
{
        uint64_t n = fixture->n_resumed + fixture->n_handed;

        for (unsigned i = 0; i < fixture->n_shards; i++) {
                const Shard *shard = &fixture->shards[i];

                n += io_counters(shard->io)->receives + tally_read(&shard->n_flushes) +
                     tally_read(&shard->thread.n_deliveries) + tally_read(&shard->thread.n_routed) -
                     shard->n_peers;
        }
        return n;
}

static bool peer_fixture_has_work(PeerFixture *fixture)
{
        for (unsigned i = 0; i < fixture->n_shards; i++) {
                Shard *shard = &fixture->shards[i];

                if (!list_is_empty(&shard->over_budget) || shard->uncommitted ||
                    shard->thread.duties_first || !stack_is_empty(&fixture->duties[i]))
                        return true;
        }
        return !stack_is_empty(&fixture->resumes);
}

void peer_fixture_settle(PeerFixture *fixture, unsigned n)
{
        for (unsigned quiet = 0; quiet < n;) {
                uint64_t before = peer_fixture_progress(fixture);

                peer_fixture_turn(fixture);
                if (peer_fixture_progress(fixture) == before && !peer_fixture_has_work(fixture))
                        quiet++;
                else
                        quiet = 0;
        }
}
