/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/micro/world.h"

#include <string.h>

#include "broker/base/alloc.h"
#include "broker/base/hash.h"
#include "broker/router/ownership.h"
#include "broker/router/rules.h"

static void post_duties(void *context, unsigned home, StackNode *chain)
{
        (void)context;
        (void)home;
        ASSERT(!chain); /* all mailboxes are closed */
}

static void post_collect(void *context, Endpoint *callee)
{
        (void)context;
        ASSERT(!callee); /* nobody calls anybody */
}

static void resume(void *owner)
{
        ASSERT(!owner); /* nobody sends, so no account is ever paused */
}

static Message *build_nothing(RouterThread *thread, const void *context, uint32_t code)
{
        (void)thread;
        (void)context;
        (void)code;
        return NULL;
}

static const OwnershipReply no_reply = {.build = build_nothing};

static void destroy(Endpoint *endpoint, Pool *mine)
{
        WorldPeer *peer = CONTAINER_OF(endpoint, WorldPeer, endpoint);

        account_unref(mine, endpoint->account);
        names_return_slot(&peer->world->router.names, endpoint->slot);
        alloc_free(peer);
}

/* What control does all the time: a table does not grow before the last growth's is done. */
static void reclaim(World *world)
{
        while (qsbr_reclaim(&world->qsbr) > 0)
                continue;
}

static void keep(World *world, WorldPeer *peer)
{
        if (world->n_peers == world->capacity) {
                world->capacity = world->capacity ? 2 * world->capacity : 16;
                world->peers =
                        alloc_resize(world->peers, world->capacity * sizeof(world->peers[0]));
                ASSERT(world->peers);
        }
        world->peers[world->n_peers++] = peer;
}

WorldPeer *world_join(World *world)
{
        WorldPeer *peer = alloc_aligned(64, sizeof(*peer));
        MailNode *mail;

        ASSERT(peer);
        memset(peer, 0, sizeof(*peer));
        endpoint_init(&peer->endpoint);
        peer->world = world;
        peer->endpoint.uid = 1000;
        peer->endpoint.destroy = destroy;
        peer->endpoint.slot = names_take_slot(&world->router.names);
        peer->endpoint.account =
                account_new(&world->thread.pool, peer, resume, UINT64_MAX, UINT64_MAX);
        ASSERT(peer->endpoint.account);
        mailbox_close(&peer->endpoint.mailbox, &mail);
        ASSERT(ownership_hello(&world->thread, &peer->endpoint, &no_reply) == OWNERSHIP_OK);
        if (qsbr_has_retired(&world->qsbr))
                reclaim(world);
        keep(world, peer);
        return peer;
}

static void free_peer(Retired *retired)
{
        endpoint_unref(&CONTAINER_OF(retired, WorldPeer, retired)->endpoint, NULL);
}

static void leave(World *world, WorldPeer *peer)
{
        ownership_leave(&world->thread, &peer->endpoint);
        cell_publish(&peer->endpoint.account->owner, NULL);
        qsbr_retire(&world->qsbr, &peer->retired, free_peer);
        reclaim(world);
}

World *world_new(void)
{
        static bool hashed;
        World *world = alloc_zeroed(1, sizeof(*world));
        RouterRoot *root = alloc_zeroed(1, sizeof(*root));
        const RouterHooks hooks = {
                .post_duties = post_duties, .post_collect = post_collect, .context = world};

        ASSERT(world && root);
        ASSERT(hashed || hash_init() == 0);
        hashed = true;
        root->limits = (RouterLimits){.max_message_size = FRAME_SIZE_MAX,
                                      .max_outgoing_bytes = 1 << 30,
                                      .max_completed_connections = 1 << 20,
                                      .max_connections_per_user = 1 << 20,
                                      .max_names_per_connection = 1 << 20,
                                      .max_match_rules_per_connection = 1 << 20};
        ASSERT(policy_compile_open(1, &root->policy) == 0);
        ASSERT(wake_init(&world->wake) == 0);
        qsbr_init(&world->qsbr, &world->wake);
        ASSERT(router_init(&world->router, &world->qsbr, root, &hooks) == 0);
        ASSERT(routerthread_init(&world->thread, &world->router, 0) == 0);
        return world;
}

World *world_free(World *world)
{
        if (!world)
                return NULL;
        while (world->n_peers > 0)
                leave(world, world->peers[--world->n_peers]);
        ASSERT(world->router.matches.n_entries == 0);
        alloc_free(world->peers);
        routerthread_deinit(&world->thread);
        router_deinit(&world->router);
        wake_deinit(&world->wake);
        return alloc_free(world);
}

void world_own(World *world, WorldPeer *peer, const char *name)
{
        ASSERT(ownership_request(&world->thread, &peer->endpoint, text_from(name), 0, &no_reply) ==
               OWNERSHIP_OK);
        reclaim(world);
}

void world_add_rule(World *world, WorldPeer *peer, const char *rule)
{
        char scratch[MATCHRULE_TEXT_MAX];
        MatchRule parsed;

        ASSERT(matchrule_parse(text_from(rule), scratch, &parsed, NULL) == MATCHRULE_OK);
        ASSERT(rules_add(&world->thread, &peer->endpoint, &parsed, NULL) == RULES_OK);
        if (qsbr_has_retired(&world->qsbr))
                reclaim(world);
}
