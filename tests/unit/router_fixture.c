/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/router_fixture.h"

#include "broker/router/replies.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broker/base/alloc.h"
#include "broker/base/hash.h"
#include "broker/router/busmessage.h"

static unsigned router_fixture_count_fds(void)
{
        DIR *folder = opendir("/proc/self/fd");
        unsigned n = 0;

        assert_non_null(folder);
        while (readdir(folder))
                n++;
        closedir(folder);
        return n;
}

/* Duties that were handed to a worker: the fixture plays all workers. */
static void router_fixture_post_duties(void *context, unsigned home, StackNode *chain)
{
        RouterFixture *fixture = context;

        while (chain) {
                Endpoint *endpoint = CONTAINER_OF(chain, Endpoint, duty_node);

                chain = chain->next;
                assert_int_equal(endpoint->home, home);
                fixture->n_handed[home]++;
                list_push_back(&fixture->duties,
                               &CONTAINER_OF(endpoint, Actor, endpoint)->duty_node);
        }
}

static RouterLimits router_fixture_limits(void)
{
        return (RouterLimits){.max_message_size = 128 << 20,
                              .max_message_unix_fds = 16,
                              .max_incoming_bytes = 1 << 30,
                              .max_incoming_unix_fds = 1 << 20,
                              .max_outgoing_bytes = 1 << 30,
                              .max_outgoing_unix_fds = 1 << 20,
                              .max_completed_connections = 100000,
                              .max_connections_per_user = 100000,
                              .max_names_per_connection = 50000,
                              .max_match_rules_per_connection = 50000,
                              .max_replies_per_connection = 50000};
}

/* As the callee's home worker does it. */
static void router_fixture_post_collect(void *context, Endpoint *callee)
{
        RouterFixture *fixture = context;
        RouterThread *home = &fixture->threads[callee->home];

        switch_set(&callee->may_post_collect);
        replies_collect(home, callee);
        endpoint_unref(callee, &home->pool);
}

int router_fixture_setup(void **state)
{
        RouterFixture *fixture = alloc_zeroed(1, sizeof(*fixture));
        RouterHooks hooks = {.post_duties = router_fixture_post_duties,
                             .post_collect = router_fixture_post_collect,
                             .context = fixture};
        static bool hashed;

        assert_non_null(fixture);
        if (!hashed)
                assert_int_equal(hash_init(), 0);
        hashed = true;
        fixture->n_fds_before = router_fixture_count_fds();
        list_init(&fixture->actors);
        list_init(&fixture->duties);
        assert_int_equal(wake_init(&fixture->wake), 0);
        qsbr_init(&fixture->qsbr, &fixture->wake);
        fixture->root = alloc_zeroed(1, sizeof(*fixture->root));
        assert_non_null(fixture->root);
        fixture->root->limits = router_fixture_limits();
        assert_int_equal(policy_compile_open(1, &fixture->root->policy), 0);
        assert_int_equal(router_init(&fixture->router, &fixture->qsbr, fixture->root, &hooks), 0);
        for (unsigned i = 0; i < FIXTURE_THREADS; i++)
                assert_int_equal(routerthread_init(&fixture->threads[i], &fixture->router,
                                                   i < 2 ? i : ROUTER_WORKERS_MAX),
                                 0);
        *state = fixture;
        return 0;
}

void router_fixture_reclaim(RouterFixture *fixture)
{
        while (qsbr_reclaim(&fixture->qsbr) > 0)
                continue;
}

int router_fixture_teardown(void **state)
{
        RouterFixture *fixture = *state;
        ListNode *node;

        router_fixture_collect(fixture);
        while ((node = list_first(&fixture->actors))) {
                Actor *actor = CONTAINER_OF(node, Actor, node);

                if (!actor->left)
                        actor_leave(actor);
                list_remove(node);
        }
        router_fixture_collect(fixture);
        assert_true(list_is_empty(&fixture->duties));
        router_fixture_reclaim(fixture);
        assert_int_equal(counter_read(&fixture->router.n_capturing), 0);
        assert_int_equal(fixture->router.names.n_endpoints, 0);
        for (unsigned i = 0; i < FIXTURE_THREADS; i++)
                routerthread_deinit(&fixture->threads[i]);
        router_deinit(&fixture->router);
        wake_deinit(&fixture->wake);
        assert_int_equal(router_fixture_count_fds(), fixture->n_fds_before);
        alloc_free(fixture);
        return 0;
}

void router_fixture_collect(RouterFixture *fixture)
{
        for (unsigned i = 0; i < FIXTURE_THREADS; i++) {
                StackNode *node = routerthread_take_duties(&fixture->threads[i]), *next;

                for (; node; node = next) {
                        next = node->next;
                        list_push_back(&fixture->duties,
                                       &CONTAINER_OF(node, Actor, endpoint.duty_node)->duty_node);
                }
                routerthread_hand_over(&fixture->threads[i]);
        }
}

uint64_t router_fixture_deliveries(const RouterFixture *fixture)
{
        uint64_t n = 0;

        for (unsigned i = 0; i < FIXTURE_THREADS; i++)
                n += tally_read(&fixture->threads[i].n_deliveries);
        return n;
}

static void actor_never_resumes(void *owner)
{
        (void)owner;
        fail_msg("an account that was not paused is resumed");
}

static void actor_destroy(Endpoint *endpoint, Pool *mine)
{
        Actor *actor = CONTAINER_OF(endpoint, Actor, endpoint);

        assert_true(actor->left);
        assert_null(actor->mail);
        assert_int_equal(endpoint_queued_bytes(endpoint), 0);
        assert_int_equal(counter_read(&endpoint->queued_fds), 0);
        assert_int_equal(counter_read(&endpoint->n_owed_to), 0);
        account_unref(mine, endpoint->account);
        names_return_slot(&actor->fixture->router.names, endpoint->slot);
        rawmessage_free(actor->last);
        alloc_free(actor);
}

Actor *actor_new(RouterFixture *fixture, unsigned home)
{
        Actor *actor = alloc_aligned(64, sizeof(*actor));

        assert_non_null(actor);
        memset(actor, 0, sizeof(*actor));
        endpoint_init(&actor->endpoint);
        actor->fixture = fixture;
        actor->thread = &fixture->threads[home];
        actor->endpoint.home = home;
        actor->endpoint.uid = 1000;
        actor->endpoint.passes_fds = true;
        actor->endpoint.destroy = actor_destroy;
        actor->endpoint.slot = names_take_slot(&fixture->router.names);
        actor->endpoint.account = account_new(&actor->thread->pool, actor, actor_never_resumes,
                                              UINT64_MAX, UINT64_MAX);
        assert_non_null(actor->endpoint.account);
        list_push_back(&fixture->actors, &actor->node);
        return actor;
}

Actor *actor_join(RouterFixture *fixture, unsigned home)
{
        Actor *actor = actor_new(fixture, home);

        assert_int_equal(actor_hello(actor), OWNERSHIP_OK);
        router_fixture_drop_all(fixture);
        return actor;
}

static void actor_retired(Retired *retired)
{
        endpoint_unref(&CONTAINER_OF(retired, Actor, retired)->endpoint, NULL);
}

/* Accounts for a delivery that is sent, or dropped. */
static void actor_finish(Actor *actor, const Delivery *delivery)
{
        Message *message = delivery->message;

        endpoint_dequeue_sent(&actor->endpoint, 1, message_charge(message), message->n_fds);
        message_end_delivery(delivery);
        message_unref(&actor->thread->pool, message, 1);
}

static void actor_discard(Actor *actor, MailNode *node)
{
        while (node) {
                Delivery *delivery = CONTAINER_OF(node, Delivery, node);

                node = node->next;
                actor_finish(actor, delivery);
        }
}

static void actor_end_duty(Actor *actor)
{
        if (!list_contains_node(&actor->duty_node))
                return;
        list_remove(&actor->duty_node);
        endpoint_unref(&actor->endpoint, &actor->thread->pool);
}

void actor_leave(Actor *actor)
{
        MailNode *node;

        router_fixture_collect(actor->fixture);
        actor->left = true;
        mailbox_close(&actor->endpoint.mailbox, &node);
        actor_discard(actor, node);
        actor_discard(actor, actor->mail);
        actor->mail = NULL;
        ownership_leave(actor->thread, &actor->endpoint);
        cell_publish(&actor->endpoint.account->owner, NULL);
        actor_end_duty(actor);
        list_remove(&actor->node);
        qsbr_retire(&actor->fixture->qsbr, &actor->retired, actor_retired);
}

static RawMessage *actor_read(Actor *actor, const Message *message)
{
        struct iovec iovecs[MESSAGE_IOVECS];
        unsigned n = message_fill_iovecs(message, 0, iovecs);
        uint8_t *bytes = alloc_bytes(message->size);
        RawMessage *raw;
        size_t at = 0;

        (void)actor;
        assert_non_null(bytes);
        for (unsigned i = 0; i < n; at += iovecs[i++].iov_len)
                memcpy(bytes + at, iovecs[i].iov_base, iovecs[i].iov_len);
        assert_int_equal(at, message->size);
        raw = rawmessage_parse(bytes, at);
        assert_non_null(raw);
        assert_int_equal(message->n_fds, raw->unix_fds);
        alloc_free(bytes);
        return raw;
}

const RawMessage *actor_next(Actor *actor)
{
        Delivery *delivery;

        router_fixture_collect(actor->fixture);
        if (!actor->mail && list_contains_node(&actor->duty_node))
                actor->mail = mailbox_take(&actor->endpoint.mailbox);
        if (!actor->mail) {
                if (list_contains_node(&actor->duty_node))
                        assert_true(mailbox_release(&actor->endpoint.mailbox));
                else
                        assert_null(mailbox_take(&actor->endpoint.mailbox));
                actor_end_duty(actor);
                return NULL;
        }
        delivery = CONTAINER_OF(actor->mail, Delivery, node);
        actor->mail = actor->mail->next;
        assert_true(message_is_committed(delivery->message));
        rawmessage_free(actor->last);
        actor->last = actor_read(actor, delivery->message);
        actor_finish(actor, delivery);
        return actor->last;
}

unsigned actor_drop(Actor *actor)
{
        unsigned n = 0;

        while (actor_next(actor))
                n++;
        return n;
}

void router_fixture_drop_all(RouterFixture *fixture)
{
        ListNode *node;

        router_fixture_collect(fixture);
        while ((node = list_first(&fixture->duties)))
                actor_drop(CONTAINER_OF(node, Actor, duty_node));
}

static size_t actor_write_args(const RawMessage *message, char *line, size_t at)
{
        MarshalReader reader;
        const char *types = message->signature ? message->signature : "";

        marshal_reader_init(&reader, message->body, message->body_size, message->big_endian);
        for (const char *type = types; *type; type++) {
                at += (size_t)snprintf(line + at, FIXTURE_LINE_MAX - at, type == types ? " " : ",");
                if (*type == 'u')
                        at += (size_t)snprintf(line + at, FIXTURE_LINE_MAX - at, "%u",
                                               marshal_reader_u32(&reader));
                else
                        at += (size_t)snprintf(line + at, FIXTURE_LINE_MAX - at, "%.200s",
                                               marshal_reader_string(&reader));
        }
        assert_false(reader.bad);
        return at;
}

static void actor_describe(const RawMessage *message, char *line)
{
        static const char prefix[] = "org.freedesktop.DBus.Error.";
        const char *name = message->error_name;

        switch (message->type) {
        case RAWMESSAGE_CALL:
                snprintf(line, FIXTURE_LINE_MAX, "call %s", message->member);
                break;
        case RAWMESSAGE_RETURN:
                actor_write_args(message, line,
                                 (size_t)snprintf(line, FIXTURE_LINE_MAX, "return %u",
                                                  message->reply_serial));
                break;
        case RAWMESSAGE_ERROR:
                assert_non_null(name);
                if (strncmp(name, prefix, sizeof(prefix) - 1) == 0)
                        name += sizeof(prefix) - 1;
                snprintf(line, FIXTURE_LINE_MAX, "error %u %s", message->reply_serial, name);
                break;
        default:
                actor_write_args(
                        message, line,
                        (size_t)snprintf(line, FIXTURE_LINE_MAX, "signal %s", message->member));
        }
}

void actor_expect(Actor *actor, const char *line, ...)
{
        const RawMessage *message = actor_next(actor);
        char expected[FIXTURE_LINE_MAX], found[FIXTURE_LINE_MAX] = "nothing";
        va_list args;

        if (message)
                actor_describe(message, found);
        if (!line) {
                assert_string_equal(found, "nothing");
                return;
        }
        va_start(args, line);
        vsnprintf(expected, sizeof(expected), line, args);
        va_end(args);
        assert_string_equal(found, expected);
}

Text actor_name(const Actor *actor)
{
        return endpoint_name(&actor->endpoint);
}
