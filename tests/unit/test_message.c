/* SPDX-License-Identifier: Apache-2.0 */
/* Messages: where bytes lie, who is charged, places in mailboxes, commit words, vectors; accounts.
 */
#include <fcntl.h>
#include <unistd.h>

#include "broker/base/alloc.h"
#include "broker/message/account.h"
#include "broker/message/releases.h"
#include "tests/unit/router_fixture.h"

/* A signal to :1.9 with a body of one byte array of `size`. */
static void build(Parcel *parcel, Actor *sender, uint32_t size, uint32_t n_fds)
{
        RawHeader header = {.type = RAWMESSAGE_SIGNAL,
                            .serial = 3,
                            .path = "/a",
                            .interface = "a.b",
                            .member = "M",
                            .destination = ":1.9",
                            .signature = "ay",
                            .unix_fds = n_fds};
        const int fds[] = {0, 1, 2};
        Marshal body;

        marshal_init(&body, false);
        marshal_u32(&body, size);
        for (uint32_t i = 0; i < size; i++)
                marshal_u8(&body, (uint8_t)(i * 7));
        parcel_init(parcel, sender, &header, &body, fds);
        marshal_deinit(&body);
}

/* Reassembles what would be sent from `offset` on and compares it with the whole. */
static void expect_bytes_from(const Message *message, const uint8_t *whole, size_t offset)
{
        struct iovec iovecs[MESSAGE_IOVECS];
        unsigned n = message_fill_iovecs(message, offset, iovecs);

        assert_in_range(n, 1, MESSAGE_IOVECS);
        for (unsigned i = 0; i < n; offset += iovecs[i++].iov_len)
                assert_memory_equal(iovecs[i].iov_base, whole + offset, iovecs[i].iov_len);
        assert_int_equal(offset, message->size);
}

static uint8_t *copy_whole(const Message *message)
{
        struct iovec iovecs[MESSAGE_IOVECS];
        unsigned n = message_fill_iovecs(message, 0, iovecs);
        uint8_t *whole = test_malloc(message->size);
        size_t at = 0;

        for (unsigned i = 0; i < n; at += iovecs[i++].iov_len)
                memcpy(whole + at, iovecs[i].iov_base, iovecs[i].iov_len);
        return whole;
}

static void test_message_relay_small_body_is_copied(void **state)
{
        Actor *a = actor_join(*state, 0);
        Message *message;
        uint8_t *whole;
        Parcel parcel;

        build(&parcel, a, MESSAGE_COPY_MAX - 4, 0);
        message = message_new_relay(&a->thread->pool, &parcel.incoming, TEXT(":1.0"), 1, false);
        assert_null(message->body);
        assert_int_equal(counter_read(&a->endpoint.account->bytes), message->size);
        whole = copy_whole(message);
        for (size_t offset = 0; offset < message->size; offset += 37)
                expect_bytes_from(message, whole, offset);
        assert_memory_equal(whole + message->size - parcel.incoming.header.frame.body_size,
                            incoming_body(&parcel.incoming),
                            parcel.incoming.header.frame.body_size);
        message_unref(&a->thread->pool, message, 1);
        assert_int_equal(counter_read(&a->endpoint.account->bytes), 0);
        test_free(whole);
        parcel_deinit(&parcel, a);
}

/* A large body refers to the blob that it was assembled in, unless the message is to own it. */
static void test_message_relay_large_body_refers_to_its_blob(void **state)
{
        Actor *a = actor_join(*state, 0);
        Pool *pool = &a->thread->pool;
        Message *message, *own;
        uint8_t *whole;
        Parcel parcel;
        Blob *blob;

        build(&parcel, a, 100000, 0);
        blob = blob_new(pool, parcel.bytes.size);
        memcpy(blob->data, parcel.bytes.data, parcel.bytes.size);
        parcel.incoming.data = blob->data;
        parcel.incoming.blob = blob;
        message = message_new_relay(pool, &parcel.incoming, TEXT(":1.0"), 1, false);
        own = message_new_relay(pool, &parcel.incoming, TEXT(":1.0"), 1, true);
        assert_ptr_equal(message->body, incoming_body(&parcel.incoming));
        assert_null(own->body);
        whole = copy_whole(message);
        blob_unref(pool, blob); /* the message has a reference */
        for (size_t offset = 0; offset < message->size; offset += 977) {
                expect_bytes_from(message, whole, offset);
                expect_bytes_from(own, whole, offset);
        }
        expect_bytes_from(message, whole, message->bytes_size);
        expect_bytes_from(message, whole, message->bytes_size - 1);
        assert_true(message_release_buffer(pool, message)); /* there is none */
        message_unref(pool, message, 1);
        message_unref(pool, own, 1);
        test_free(whole);
        parcel_deinit(&parcel, a);
}

/* Bytes that nobody counts references to do not stay: they are copied whatever their size. */
static void test_message_relay_of_passing_bytes_is_copied(void **state)
{
        Actor *a = actor_join(*state, 0);
        Message *message;
        Parcel parcel;

        build(&parcel, a, 100000, 0);
        message = message_new_relay(&a->thread->pool, &parcel.incoming, TEXT(":1.0"), 1, false);
        assert_null(message->body);
        assert_int_equal(message->bytes_size, message->size);
        message_unref(&a->thread->pool, message, 1);
        parcel_deinit(&parcel, a);
}

static void test_message_fds_are_taken_given_back_and_closed(void **state)
{
        Actor *a = actor_join(*state, 0);
        Pool *pool = &a->thread->pool;
        Message *message;
        Parcel parcel;
        int fd;

        build(&parcel, a, 4, 3);
        fd = parcel.incoming.fds[2];
        message = message_new_relay(pool, &parcel.incoming, TEXT(":1.0"), 1, false);
        assert_null(parcel.incoming.fds);
        assert_int_equal(counter_read(&a->endpoint.account->fds), 3);
        message_give_back_fds(message, &parcel.incoming);
        assert_int_equal(counter_read(&a->endpoint.account->fds), 0);
        assert_int_equal(parcel.incoming.fds[2], fd);
        message_unref(pool, message, 1);
        assert_true(fcntl(fd, F_GETFD) >= 0);
        message = message_new_relay(pool, &parcel.incoming, TEXT(":1.0"), 1, false);
        message_unref(pool, message, 1);
        assert_true(fcntl(fd, F_GETFD) < 0);
        parcel_deinit(&parcel, a);
}

/* Places come from the block, then from chunks; each is pushed with a reference of the pusher's. */
static void test_message_many_deliveries_are_distinct(void **state)
{
        enum { MANY = 1000 };
        Actor *a = actor_join(*state, 0);
        Pool *pool = &a->thread->pool;
        Message *message = message_new_own(pool, 64, 3);
        Delivery *places[MANY];

        message_ref(message, MANY + 10);
        message_give_back_refs(message, 10);
        for (int i = 0; i < MANY; i++) {
                places[i] = message_add_delivery(pool, message);
                assert_non_null(places[i]);
                assert_ptr_equal(places[i]->message, message);
                assert_int_equal((uintptr_t)places[i] % MAILBOX_NODE_ALIGNMENT, 0);
                for (int j = 0; j < i; j++)
                        assert_ptr_not_equal(places[i], places[j]);
        }
        message_unref(pool, message, MANY / 2);
        message_unref(pool, message, MANY / 2);
        message_unref(pool, message, 1);
}

/* References are dropped when they are, each message freed once, however many share a slot; those
 * of a message for one receiver at once. */
static void test_releases_drop_each_message_once(void **state)
{
        enum { MESSAGES = 3 * RELEASES_SLOTS, ROUNDS = 5 };
        Actor *a = actor_join(*state, 0);
        Pool *pool = &a->thread->pool;
        Message *messages[MESSAGES], *alone = message_new_own(pool, 64, 1);
        Releases *releases = alloc_zeroed(1, sizeof(*releases));

        for (int i = 0; i < MESSAGES; i++) {
                messages[i] = message_new_own(pool, 64, 1);
                message_join_step(messages[i], messages[i]);
                message_ref(messages[i], ROUNDS);
        }
        message_ref(alone, 1);
        releases_add(releases, pool, alone);
        assert_true(refcount_is_single(&alone->references));
        for (int round = 0; round < ROUNDS; round++)
                for (int i = 0; i < MESSAGES; i++)
                        releases_add(releases, pool, messages[i]);
        releases_drop(releases, pool);
        assert_int_equal(releases->n_used, 0);
        for (int i = 0; i < MESSAGES; i++) {
                assert_true(refcount_is_single(&messages[i]->references));
                message_unref(pool, messages[i], 1);
        }
        /* One after the other: kept until the end, dropped once. */
        message_join_step(alone, alone);
        message_ref(alone, 2);
        releases_add(releases, pool, alone);
        releases_add(releases, pool, alone);
        assert_false(refcount_is_single(&alone->references));
        releases_drop(releases, pool);
        assert_true(refcount_is_single(&alone->references));
        message_unref(pool, alone, 1);
        alloc_free(releases);
}

static void test_message_undone_delivery_is_used_again(void **state)
{
        Actor *a = actor_join(*state, 0);
        Pool *pool = &a->thread->pool;
        Message *message = message_new_own(pool, 64, 1);
        Delivery *first = message_add_delivery(pool, message), *second;

        message_undo_delivery(message, first);
        second = message_add_delivery(pool, message);
        assert_ptr_equal(first, second);
        assert_ptr_not_equal(message_add_delivery(pool, message), second); /* in a chunk */
        message_unref(pool, message, 1);
}

static void test_message_commit_word_is_shared_by_a_step(void **state)
{
        Actor *a = actor_join(*state, 0);
        Pool *pool = &a->thread->pool;
        Message *first = message_new_own(pool, 16, 1), *second = message_new_own(pool, 16, 1);

        assert_true(message_is_committed(first)); /* of no step */
        message_join_step(first, first);
        message_join_step(second, first);
        assert_false(message_is_committed(first));
        assert_false(message_is_committed(second));
        message_unref(pool, first, 1); /* its commit word stays for the other */
        commit_set(&second->step->commit);
        assert_true(message_is_committed(second));
        message_unref(pool, second, 1);
}

static unsigned n_resumed;

static void note_resume(void *owner)
{
        assert_ptr_equal(owner, &n_resumed);
        n_resumed++;
}

static void test_account_resumes_once_when_it_falls_below(void **state)
{
        Actor *a = actor_join(*state, 0);
        Account *account = account_new(&a->thread->pool, &n_resumed, note_resume, 100, 2);

        n_resumed = 0;
        account_charge(account, 100, 2);
        assert_false(account_is_over(account)); /* at the limit is not over it */
        account_charge(account, 1, 0);
        assert_true(account_is_over(account));
        assert_true(account_pause(account));
        account_charge(account, 0, 5);
        account_discharge(account, 50, 0); /* bytes are fine, fds are not */
        assert_int_equal(n_resumed, 0);
        account_discharge(account, 0, 5);
        assert_int_equal(n_resumed, 1);
        account_discharge(account, 51, 2); /* not paused any more */
        assert_int_equal(n_resumed, 1);
        account_unref(&a->thread->pool, account);
}

/* What it would wait for has happened already: no pause, and nobody resumes. */
static void test_account_pause_looks_again(void **state)
{
        Actor *a = actor_join(*state, 0);
        Account *account = account_new(&a->thread->pool, &n_resumed, note_resume, 100, 2);

        n_resumed = 0;
        assert_false(account_pause(account));
        account_charge(account, 200, 0);
        account_discharge(account, 200, 0);
        assert_int_equal(n_resumed, 0);
        account_unref(&a->thread->pool, account);
}

static void test_account_of_who_left_resumes_nobody(void **state)
{
        Actor *a = actor_join(*state, 0);
        Account *account = account_new(&a->thread->pool, &n_resumed, note_resume, 100, 2);

        n_resumed = 0;
        account_charge(account, 200, 0);
        assert_true(account_pause(account));
        cell_publish(&account->owner, NULL);
        account_discharge(account, 200, 0);
        assert_int_equal(n_resumed, 0);
        account_unref(&a->thread->pool, account);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                ROUTER_TEST(test_message_relay_small_body_is_copied),
                ROUTER_TEST(test_message_relay_large_body_refers_to_its_blob),
                ROUTER_TEST(test_message_relay_of_passing_bytes_is_copied),
                ROUTER_TEST(test_message_fds_are_taken_given_back_and_closed),
                ROUTER_TEST(test_message_many_deliveries_are_distinct),
                ROUTER_TEST(test_releases_drop_each_message_once),
                ROUTER_TEST(test_message_undone_delivery_is_used_again),
                ROUTER_TEST(test_message_commit_word_is_shared_by_a_step),
                ROUTER_TEST(test_account_resumes_once_when_it_falls_below),
                ROUTER_TEST(test_account_pause_looks_again),
                ROUTER_TEST(test_account_of_who_left_resumes_nobody),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
