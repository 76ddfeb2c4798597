/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unicast traffic through the guarded daemon, as dense as it gets: whole batches in one write, in
 * all sizes that count as ordinary, to names and to unique names, in both byte orders, with and
 * without replies, with other work in between and with a receiver that does not read. Every message
 * has to arrive; the daemon must not abort.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/wire/expect.h"
#include "tests/wire/scene.h"
#include "tests/wire/stats.h"

enum {
        BATCH = 100,      /* more than a worker's batch of 64 */
        N_ROUNDS = 60,    /* of each kind */
        N_UNREAD = 3000,  /* of 4 KiB: more than a socket holds */
        N_OWED = 6000,    /* calls without an answer yet: more than their table has chains */
        N_NAMES = 4800,   /* a snapshot of them takes more than the pools' largest class */
        BODY_MAX = 32000, /* with its header within the pools' largest class */
};

#define NAME "t.Guarded"

/* Appends one message with `size` bytes of body; its serial. */
static uint32_t traffic_append(RawClient *client, Marshal *bytes, RawHeader header, size_t size)
{
        Marshal one, body;
        MarshalArray array;

        marshal_init(&one, client->flags & RAWCLIENT_BIG_ENDIAN);
        marshal_init(&body, client->flags & RAWCLIENT_BIG_ENDIAN);
        array = marshal_open_array(&body, 1);
        for (size_t i = 0; i < size; i++)
                marshal_u8(&body, (uint8_t)i);
        marshal_close_array(&body, array);
        header.serial = rawclient_serial(client);
        header.signature = "ay";
        rawmessage_build(&header, &body, &one);
        marshal_bytes(bytes, one.data, one.size);
        marshal_deinit(&one);
        marshal_deinit(&body);
        return header.serial;
}

/* One write with a batch of messages; the serial of the first. */
static uint32_t traffic_send(RawClient *client, const RawHeader *header, size_t size)
{
        Marshal bytes;
        uint32_t first = 0;

        marshal_init(&bytes, false);
        for (unsigned i = 0; i < BATCH; i++) {
                uint32_t serial = traffic_append(client, &bytes, *header, size);

                first = i == 0 ? serial : first;
        }
        assert_int_equal(rawclient_send(client, bytes.data, bytes.size), 0);
        marshal_deinit(&bytes);
        return first;
}

/* The callee reads a batch of calls and answers them in one write. */
static void traffic_answer(RawClient *callee, const char *caller, size_t size)
{
        Marshal bytes;

        marshal_init(&bytes, false);
        for (unsigned i = 0; i < BATCH; i++) {
                const RawMessage *call = expect_call(callee, caller, "M");
                RawHeader reply = scene_reply(call, "ay");

                assert_int_equal(call->body_size, size + 4);
                traffic_append(callee, &bytes, reply, size);
        }
        assert_int_equal(rawclient_send(callee, bytes.data, bytes.size), 0);
        marshal_deinit(&bytes);
}

static void traffic_call(RawClient *caller, RawClient *callee, const char *destination, size_t size)
{
        const RawHeader call = scene_method(destination, "M", "ay");
        uint32_t first = traffic_send(caller, &call, size);

        traffic_answer(callee, caller->unique_name, size);
        for (unsigned i = 0; i < BATCH; i++)
                assert_int_equal(expect_return(caller, first + i)->body_size, size + 4);
}

static size_t traffic_size(unsigned round)
{
        static const size_t sizes[] = {0, 1, 8, 100, 1024, 4092, 4096, 9000, 16384, BODY_MAX};

        return sizes[round % (sizeof(sizes) / sizeof(sizes[0]))];
}

static void test_guard_pipelined_calls_and_replies_pass(void **state)
{
        RawClient *caller = scene_join(*state), *callee = scene_join(*state);

        scene_own(callee, NAME);
        for (unsigned round = 0; round < N_ROUNDS; round++)
                traffic_call(caller, callee, round % 2 ? NAME : callee->unique_name,
                             traffic_size(round));
        expect_nothing(caller);
        expect_nothing(callee);
}

static void test_guard_big_endian_peers_pass(void **state)
{
        RawClient *caller = scene_join_with(*state, RAWCLIENT_BIG_ENDIAN);
        RawClient *callee = scene_join(*state);

        scene_own(callee, NAME);
        for (unsigned round = 0; round < N_ROUNDS / 4; round++)
                traffic_call(caller, callee, NAME, traffic_size(round));
        expect_nothing(caller);
}

/* Signals to one receiver, calls without reply, and bytes that come in pieces. */
static void test_guard_oneway_messages_in_pieces_pass(void **state)
{
        RawClient *sender = scene_join(*state), *receiver = scene_join(*state);
        const RawHeader signal = scene_signal(receiver->unique_name, "S", "ay");

        size_t first_size = 2;

        for (size_t cut = 1; cut < first_size; cut += 7) {
                Marshal bytes;

                marshal_init(&bytes, false);
                traffic_append(sender, &bytes, signal, 100);
                first_size = bytes.size;
                traffic_append(sender, &bytes, signal, 5000);
                assert_int_equal(rawclient_send(sender, bytes.data, cut), 0);
                expect_nothing(receiver); /* the bus has had the time to read the first piece */
                assert_int_equal(rawclient_send(sender, bytes.data + cut, bytes.size - cut), 0);
                marshal_deinit(&bytes);
                (void)expect_signal(receiver, sender->unique_name, "S");
                (void)expect_signal(receiver, sender->unique_name, "S");
        }
        expect_nothing(sender);
}

/* Between unicasts the same connection does what is allowed to lock and to allocate. */
static void test_guard_other_work_between_unicasts_passes(void **state)
{
        RawClient *caller = scene_join(*state), *callee = scene_join(*state);
        RawHeader broadcast = scene_signal(NULL, "B", "s");
        RawHeader with_fd = scene_method(NAME, "F", "h");

        scene_own(callee, NAME);
        scene_match(callee, "member='B'");
        with_fd.flags = RAWMESSAGE_NO_REPLY_EXPECTED;
        with_fd.unix_fds = 1;
        for (unsigned round = 0; round < N_ROUNDS; round++) {
                int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
                Marshal index;

                traffic_call(caller, callee, NAME, traffic_size(round));
                scene_send(caller, &broadcast, "x");
                scene_match(caller, "interface='t.I',member='N'");
                marshal_init(&index, false);
                marshal_u32(&index, 0);
                assert_int_equal(rawclient_send_body(caller, &with_fd, &index, &fd, 1), 0);
                marshal_deinit(&index);
                close(fd);
                (void)expect_signal(callee, caller->unique_name, "B");
                assert_int_equal(expect_call(callee, caller->unique_name, "F")->n_fds, 1);
        }
        expect_nothing(callee);
}

/* A full socket: sends that wait for room, bodies copied out of receive buffers. */
static void test_guard_receiver_that_does_not_read_passes(void **state)
{
        RawClient *sender = scene_join(*state), *slow = scene_join(*state);
        const RawHeader signal = scene_signal(slow->unique_name, "S", "ay");

        for (unsigned n = 0; n < N_UNREAD; n += BATCH)
                (void)traffic_send(sender, &signal, 4096 + n % 5000);
        expect_nothing(sender);
        for (unsigned n = 0; n < N_UNREAD; n++)
                (void)expect_signal(slow, sender->unique_name, "S");
        expect_nothing(slow);
}

/* The records of replies owed grow with the calls. */
static void test_guard_many_calls_without_answer_pass(void **state)
{
        RawClient *caller = scene_join(*state), *callee = scene_join(*state);
        const RawHeader call = scene_method(callee->unique_name, "M", "ay");

        for (unsigned n = 0; n < N_OWED; n += BATCH)
                (void)traffic_send(caller, &call, 8);
        for (unsigned n = 0; n < N_OWED; n += BATCH)
                traffic_answer(callee, caller->unique_name, 8);
        for (unsigned n = 0; n < N_OWED; n++)
                assert_int_equal(expect_message(caller)->type, RAWMESSAGE_RETURN);
        expect_nothing(caller);
}

/* Requests every `step`th of many names, and awaits the replies. */
static void traffic_own(RawClient *client, unsigned step)
{
        char name[32];

        for (unsigned n = 0; n < N_NAMES; n += step) {
                uint32_t serial;

                snprintf(name, sizeof(name), "t.Name%u", n);
                serial = scene_call(client, "RequestName", "su", name, 0);
                /* Not each by itself, but the last one too. */
                if (n / step % 64 == 63 || n + step >= N_NAMES)
                        while (expect_message(client)->reply_serial != serial)
                                continue;
        }
}

/* Snapshots and answers that are larger than what pools have: none of it comes from the general
 * heap under the registry. */
static void test_guard_thousands_of_names_pass(void **state)
{
        RawClient *owner = scene_join(*state), *heir = scene_join(*state);
        RawClient *asker = scene_join(*state);
        uint32_t serial;

        traffic_own(owner, 1);
        traffic_own(heir, 64);
        serial = scene_call(asker, "ListNames", NULL);
        assert_int_equal(expect_message(asker)->reply_serial, serial);
        serial = scene_call(owner, "ReleaseName", "s", "t.Name0");
        while (expect_message(owner)->reply_serial != serial)
                continue;
        expect_name_signal(heir, "NameAcquired", "t.Name0");
        serial = scene_call(asker, "ListQueuedOwners", "s", "t.Name64");
        assert_int_equal(expect_message(asker)->reply_serial, serial);
        scene_leave(*state, owner);
        expect_name_signal(heir, "NameAcquired", "t.Name4736"); /* the newest first */
        expect_nothing(asker);
}

/* Statistics of many connections' rules allocate, but under no lock. */
static void test_guard_statistics_pass(void **state)
{
        RawClient *asker = scene_join(*state), *caller = scene_join(*state),
                  *callee = scene_join(*state);
        char rule[64];

        scene_own(callee, NAME);
        for (unsigned i = 0; i < 600; i++) {
                snprintf(rule, sizeof(rule), "interface='t.Never',arg0='%u'", i);
                scene_match(i % 2 ? caller : callee, rule);
        }
        for (unsigned round = 0; round < N_ROUNDS / 4; round++) {
                traffic_call(caller, callee, NAME, traffic_size(round));
                (void)expect_return(asker, stats_call(asker, "GetStats", NULL));
                (void)expect_return(asker, stats_call(asker, "GetConnectionStats", NAME));
                (void)expect_return(asker, stats_call(asker, "GetAllMatchRules", NULL));
        }
        expect_nothing(asker);
}

static int start_with_a_reply_timeout(void **state)
{
        return scene_start_with(state, "<limit name=\"reply_timeout\">600000</limit>"
                                       "<limit name=\"max_replies_per_connection\">50000</limit>");
}

#define TEST(name) cmocka_unit_test_teardown(name, scene_clear)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(test_guard_pipelined_calls_and_replies_pass),
                TEST(test_guard_big_endian_peers_pass),
                TEST(test_guard_oneway_messages_in_pieces_pass),
                TEST(test_guard_other_work_between_unicasts_passes),
                TEST(test_guard_receiver_that_does_not_read_passes),
                TEST(test_guard_many_calls_without_answer_pass),
                TEST(test_guard_thousands_of_names_pass),
                TEST(test_guard_statistics_pass),
        };
        const struct CMUnitTest timed[] = {
                TEST(test_guard_pipelined_calls_and_replies_pass),
                TEST(test_guard_many_calls_without_answer_pass),
        };
        int r = scene_run("traffic", tests, scene_start);

        return r + scene_run("traffic (reply_timeout)", timed, start_with_a_reply_timeout);
}
