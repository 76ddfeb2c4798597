/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/race/router_fixture.h"

#include <sched.h>
#include <string.h>

#include "broker/base/alloc.h"
#include "broker/base/assert.h"
#include "broker/router/ownership.h"

static void post_duties(void *context, unsigned home, StackNode *chain)
{
        (void)context;
        (void)home;
        (void)chain;
        ASSERT_NOT_REACHED(); /* every thread here has a ring, and no step many receivers */
}

static void post_collect(void *context, Endpoint *callee)
{
        (void)context;
        (void)callee;
        ASSERT_NOT_REACHED(); /* nobody here is owed so many replies without answering */
}

static void destroy(Endpoint *endpoint, Pool *mine)
{
        ASSERT(!CONTAINER_OF(endpoint, Client, endpoint)->first);
        account_unref(mine, endpoint->account);
}

static void resume(void *owner)
{
        (void)owner;
        ASSERT_NOT_REACHED(); /* nobody is paused here */
}

void fixture_init(Fixture *fixture, unsigned n_threads)
{
        const RouterHooks hooks = {.post_duties = post_duties, .post_collect = post_collect};
        RouterRoot *root = alloc_zeroed(1, sizeof(*root));
        int r;

        ASSERT(root && n_threads <= FIXTURE_THREADS_MAX);
        ASSERT(policy_compile_open(1, &root->policy) == 0);
        /* All the same: larger than anything a test does, small enough to add to. */
        memset(&root->limits, 0x3f, sizeof(root->limits));
        root->limits.reply_timeout_ms = 0;
        memset(fixture, 0, sizeof(*fixture));
        r = wake_init(&fixture->wake);
        ASSERT(r == 0);
        qsbr_init(&fixture->qsbr, &fixture->wake);
        r = router_init(&fixture->router, &fixture->qsbr, root, &hooks);
        ASSERT(r == 0);
        fixture->n_threads = n_threads;
        for (unsigned i = 0; i < n_threads; i++) {
                r = routerthread_init(&fixture->threads[i], &fixture->router, i);
                ASSERT(r == 0);
        }
}

void fixture_deinit(Fixture *fixture)
{
        while (qsbr_reclaim(&fixture->qsbr) > 0)
                continue;
        router_deinit(&fixture->router);
        for (unsigned i = 0; i < fixture->n_threads; i++)
                routerthread_deinit(&fixture->threads[i]);
        wake_deinit(&fixture->wake);
}

void fixture_add_client(Fixture *fixture, Client *client, unsigned home)
{
        Endpoint *endpoint = &client->endpoint;
        OwnershipResult result;

        endpoint_init(endpoint);
        endpoint->home = home;
        endpoint->slot = names_take_slot(&fixture->router.names);
        endpoint->destroy = destroy;
        endpoint->account = account_new(&fixture->threads[home].pool, client, resume,
                                        UINT64_MAX / 2, UINT64_MAX / 2);
        ASSERT(endpoint->account);
        result = ownership_hello(&fixture->threads[home], endpoint, NULL);
        ASSERT(result == OWNERSHIP_OK);
        fixture_flush(fixture, home);
}

static void drop(Fixture *fixture, unsigned index, MailNode *node)
{
        Pool *pool = &fixture->threads[index].pool;

        while (node) {
                Delivery *delivery = CONTAINER_OF(node, Delivery, node);

                node = node->next;
                message_unref(pool, delivery->message, 1);
        }
}

void fixture_leave(Fixture *fixture, Client *client)
{
        unsigned home = client->endpoint.home;
        MailNode *node;

        mailbox_close(&client->endpoint.mailbox, &node);
        drop(fixture, home, node);
        ownership_leave(&fixture->threads[home], &client->endpoint);
}

void fixture_free_client(Fixture *fixture, Client *client)
{
        for (unsigned i = 0; i < fixture->n_threads; i++)
                fixture_flush(fixture, i);
        while (qsbr_reclaim(&fixture->qsbr) > 0) /* the threads have ended: nobody to wait for */
                continue;
        names_return_slot(&fixture->router.names, client->endpoint.slot);
        endpoint_unref(&client->endpoint, &fixture->threads[client->endpoint.home].pool);
}

void fixture_remove_client(Fixture *fixture, Client *client)
{
        fixture_leave(fixture, client);
        fixture_free_client(fixture, client);
}

void fixture_begin_work(void)
{
        qsbr_register_thread();
}

void fixture_end_work(Fixture *fixture, unsigned index)
{
        fixture_flush(fixture, index);
        qsbr_unregister_thread();
        counter_add(&fixture->n_workers_done, 1);
}

void fixture_reclaim(Fixture *fixture, unsigned n_workers)
{
        while (counter_read(&fixture->n_workers_done) < n_workers)
                if (qsbr_reclaim(&fixture->qsbr) == 0)
                        sched_yield();
}

static void take_mail(Client *client)
{
        MailNode *node = mailbox_take(&client->endpoint.mailbox);

        while (node) {
                Delivery *delivery = CONTAINER_OF(node, Delivery, node);

                node = node->next;
                delivery->node.next = NULL;
                if (client->first)
                        client->last->node.next = &delivery->node;
                else
                        client->first = delivery;
                client->last = delivery;
        }
}

/* Hands over what is committed; false: something is not. */
static bool hand_over(Client *client, Pool *pool)
{
        while (client->first) {
                Delivery *delivery = client->first;
                Message *message = delivery->message;
                MailNode *next = delivery->node.next;
                Frame frame;
                Header header;

                if (!message_is_committed(message))
                        return false;
                ASSERT(frame_cut(message->bytes, message->bytes_size, FRAME_SIZE_MAX, &frame) ==
                       FRAME_OK);
                ASSERT(header_parse(message->bytes, &frame, &header) == HEADER_OK);
                if (client->receive)
                        client->receive(client, message, &header);
                client->first = next ? CONTAINER_OF(next, Delivery, node) : NULL;
                endpoint_dequeue_sent(&client->endpoint, 1, message_charge(message), 0);
                message_unref(pool, message, 1);
        }
        return true;
}

/* The duty holder, until the duty ends. */
static void flush(Fixture *fixture, RouterThread *thread, Client *client)
{
        Mailbox *mailbox = &client->endpoint.mailbox;

        do {
                take_mail(client);
                while (!hand_over(client, &thread->pool))
                        turn_pass(&fixture->router.turn);
        } while (!mailbox_release(mailbox) && !mailbox_is_closed(mailbox));
        endpoint_unref(&client->endpoint, &thread->pool);
}

void fixture_flush(Fixture *fixture, unsigned index)
{
        RouterThread *thread = &fixture->threads[index];
        StackNode *node, *next;

        while ((node = routerthread_take_duties(thread))) {
                for (; node; node = next) {
                        next = node->next;
                        flush(fixture, thread, CONTAINER_OF(node, Client, endpoint.duty_node));
                }
        }
        pool_replenish(&thread->pool);
}

void fixture_message(uint8_t *bytes, const WriterHeader *header, Client *sender,
                     Incoming *ret_incoming)
{
        Writer writer;
        Frame frame;
        size_t size;

        writer_begin(&writer, bytes, FIXTURE_BYTES_MAX, header);
        ASSERT(writer_finish(&writer, &size) == 0);
        *ret_incoming = (Incoming){.data = bytes, .account = sender->endpoint.account};
        ASSERT(frame_cut(bytes, size, FRAME_SIZE_MAX, &frame) == FRAME_OK);
        ASSERT(header_parse(bytes, &frame, &ret_incoming->header) == HEADER_OK);
}

void fixture_signal(uint8_t *bytes, uint32_t serial, Text destination, Client *sender,
                    Incoming *ret_incoming)
{
        const WriterHeader header = {.type = FRAME_TYPE_SIGNAL,
                                     .serial = serial,
                                     .path = TEXT("/com/example"),
                                     .interface = TEXT("com.example.Interface"),
                                     .member = TEXT("Member"),
                                     .destination = destination};

        fixture_message(bytes, &header, sender, ret_incoming);
}
