/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/micro/matching_world.h"

#include <string.h>

#include "broker/base/alloc.h"
#include "broker/base/hash.h"
#include "broker/router/ownership.h"
#include "broker/router/rules.h"

static void matching_post_duties(void *context, unsigned home, StackNode *chain)
{
        (void)context;
        (void)home;
        ASSERT(!chain); /* all mailboxes are closed */
}

static void matching_post_collect(void *context, Endpoint *callee)
{
        (void)context;
        ASSERT(!callee); /* nobody calls anybody */
}

static void matching_resume(void *owner)
{
        ASSERT(!owner); /* nobody sends, so no account is ever paused */
}

static Message *matching_no_reply(RouterThread *thread, const void *context, uint32_t code)
{
        (void)thread;
        (void)context;
        (void)code;
        return NULL;
}

static const OwnershipReply no_reply = {.build = matching_no_reply};

static void matching_destroy(Endpoint *endpoint, Pool *mine)
{
        MatchingPeer *peer = CONTAINER_OF(endpoint, MatchingPeer, endpoint);

        account_unref(mine, endpoint->account);
        names_return_slot(&peer->world->router.names, endpoint->slot);
        alloc_free(peer);
}

static MatchingPeer *matching_join(MatchingWorld *world)
{
        MatchingPeer *peer = alloc_aligned(64, sizeof(*peer));
        MailNode *mail;

        ASSERT(peer);
        memset(peer, 0, sizeof(*peer));
        endpoint_init(&peer->endpoint);
        peer->world = world;
        peer->endpoint.uid = 1000;
        peer->endpoint.destroy = matching_destroy;
        peer->endpoint.slot = names_take_slot(&world->router.names);
        peer->endpoint.account =
                account_new(&world->thread.pool, peer, matching_resume, UINT64_MAX, UINT64_MAX);
        ASSERT(peer->endpoint.account);
        mailbox_close(&peer->endpoint.mailbox, &mail);
        ASSERT(ownership_hello(&world->thread, &peer->endpoint, &no_reply) == OWNERSHIP_OK);
        return peer;
}

static void matching_retired(Retired *retired)
{
        endpoint_unref(&CONTAINER_OF(retired, MatchingPeer, retired)->endpoint, NULL);
}

static void matching_reclaim(MatchingWorld *world)
{
        while (qsbr_reclaim(&world->qsbr) > 0)
                continue;
}

static void matching_leave(MatchingWorld *world, MatchingPeer *peer)
{
        ownership_leave(&world->thread, &peer->endpoint);
        cell_publish(&peer->endpoint.account->owner, NULL);
        qsbr_retire(&world->qsbr, &peer->retired, matching_retired);
        matching_reclaim(world);
}

MatchingWorld *matching_world_new(void)
{
        static bool hashed;
        MatchingWorld *world = alloc_zeroed(1, sizeof(*world));
        RouterRoot *root = alloc_zeroed(1, sizeof(*root));
        const RouterHooks hooks = {.post_duties = matching_post_duties,
                                   .post_collect = matching_post_collect,
                                   .context = world};

        ASSERT(world && root);
        ASSERT(hashed || hash_init() == 0);
        hashed = true;
        root->limits = (RouterLimits){.max_message_size = FRAME_SIZE_MAX,
                                      .max_outgoing_bytes = 1 << 30,
                                      .max_completed_connections = 1000,
                                      .max_connections_per_user = 1000,
                                      .max_names_per_connection = 1 << 20,
                                      .max_match_rules_per_connection = 1 << 20};
        ASSERT(wake_init(&world->wake) == 0);
        qsbr_init(&world->qsbr, &world->wake);
        ASSERT(router_init(&world->router, &world->qsbr, root, &hooks) == 0);
        ASSERT(routerthread_init(&world->thread, &world->router, 0) == 0);
        world->sender = matching_join(world);
        for (unsigned i = 0; i < MATCHING_SUBSCRIBERS; i++)
                world->subscribers[i] = matching_join(world);
        return world;
}

void matching_world_clear(MatchingWorld *world)
{
        for (unsigned i = 0; i < MATCHING_SUBSCRIBERS; i++) {
                if (world->subscribers[i])
                        matching_leave(world, world->subscribers[i]);
                world->subscribers[i] = NULL;
        }
        ASSERT(world->router.matches.n_entries == 0);
}

MatchingWorld *matching_world_free(MatchingWorld *world)
{
        if (!world)
                return NULL;
        matching_world_clear(world);
        matching_leave(world, world->sender);
        routerthread_deinit(&world->thread);
        router_deinit(&world->router);
        wake_deinit(&world->wake);
        return alloc_free(world);
}

void matching_world_own(MatchingWorld *world, const char *name)
{
        ASSERT(ownership_request(&world->thread, &world->sender->endpoint, text_from(name), 0,
                                 &no_reply) == OWNERSHIP_OK);
        matching_reclaim(world); /* the old snapshot of its names */
}

void matching_world_add(MatchingWorld *world, unsigned subscriber, const char *rule)
{
        Endpoint *endpoint = &world->subscribers[subscriber]->endpoint;
        char scratch[MATCHRULE_TEXT_MAX];
        MatchRule parsed;

        ASSERT(matchrule_parse(text_from(rule), scratch, &parsed, NULL) == MATCHRULE_OK);
        ASSERT(rules_add(&world->thread, endpoint, &parsed, NULL) == RULES_OK);
        if (qsbr_has_retired(&world->qsbr)) /* a table has grown; it may not grow again before */
                matching_reclaim(world);
}
