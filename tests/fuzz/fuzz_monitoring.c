/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The texts of AddMatch, RemoveMatch and BecomeMonitor, through the real driver and router: each
 * call has the one answer that the text and the caller deserve; a monitor sees exactly the messages
 * that a literal matcher lets through; at the end everything is gone.
 *
 * The input: a byte of flags (see MonitoringFlag), then texts with NUL bytes between them.
 */
#include <string.h>

#include "broker/base/clock.h"
#include "broker/base/log.h"
#include "proto/utf8.h"
#include "tests/unit/matches_model.h"
#include "tests/unit/peer_fixture.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef enum MonitoringFlag {
        MONITORING_BECOME = 0x01, /* BecomeMonitor with all of them; else AddMatch with each */
        MONITORING_POOR = 0x02,   /* no privileges */
        MONITORING_FLAGS = 0x04,  /* of BecomeMonitor: not 0 */
} MonitoringFlag;

enum { TEXTS_MAX = 8, TEXT_SIZE_MAX = 1200, BUFFERS = 16 };

typedef struct Texts {
        char data[TEXTS_MAX][TEXT_SIZE_MAX + 1];
        MatchRule rules[TEXTS_MAX];
        char scratch[TEXTS_MAX][TEXT_SIZE_MAX + 1];
        MatchRuleResult results[TEXTS_MAX];
        unsigned n;
} Texts;

/* For the life of the process: building it is slow. Each run leaves it as it was. */
static PeerFixture *fixture;

/* What is no UTF-8 is no argument of a call. */
static void read_texts(Texts *texts, const uint8_t *data, size_t size)
{
        texts->n = 0;
        while (size > 0 && texts->n < TEXTS_MAX) {
                const uint8_t *end = memchr(data, '\0', size);
                const size_t whole = end ? (size_t)(end - data) : size;
                const size_t n = whole < TEXT_SIZE_MAX ? whole : TEXT_SIZE_MAX;
                char *text = texts->data[texts->n];

                memcpy(text, data, n);
                text[n] = '\0';
                if (utf8_is_valid(text, n)) {
                        texts->results[texts->n] =
                                matchrule_parse(text_from(text), texts->scratch[texts->n],
                                                &texts->rules[texts->n], NULL);
                        texts->n++;
                }
                data += whole + (end != NULL);
                size -= whole + (end != NULL);
        }
}

static const char *error_of(MatchRuleResult result)
{
        switch (result) {
        case MATCHRULE_OK:
                break;
        case MATCHRULE_TOO_LONG:
                return "org.freedesktop.DBus.Error.LimitsExceeded";
        case MATCHRULE_INVALID:
                return "org.freedesktop.DBus.Error.MatchRuleInvalid";
        }
        return NULL;
}

/* The answer to the client's last call: that error, or none. */
static void expect_answer(Remote *client, const char *error)
{
        const RawMessage *message;

        do /* an eavesdropper sees its own calls */
                message = remote_await(client);
        while (message->type == RAWMESSAGE_CALL || message->type == RAWMESSAGE_SIGNAL);
        ASSERT(message->reply_serial == client->serial);
        if (error)
                ASSERT(message->type == RAWMESSAGE_ERROR &&
                       strcmp(message->error_name, error) == 0);
        else
                ASSERT(message->type == RAWMESSAGE_RETURN);
}

static void add_and_remove(Remote *client, const Texts *texts, uint8_t flags)
{
        static const char denied[] = "org.freedesktop.DBus.Error.AccessDenied",
                          missing[] = "org.freedesktop.DBus.Error.MatchRuleNotFound";
        bool added[TEXTS_MAX];

        for (unsigned i = 0; i < texts->n; i++) {
                const char *error = error_of(texts->results[i]);

                if (!error && texts->rules[i].eavesdrop && (flags & MONITORING_POOR))
                        error = denied;
                added[i] = !error;
                remote_call(client, "AddMatch", "s", texts->data[i]);
                expect_answer(client, error);
        }
        for (unsigned i = 0; i < texts->n; i++) {
                const char *error = error_of(texts->results[i]);

                if (!added[i] && !error)
                        error = missing;
                remote_call(client, "RemoveMatch", "s", texts->data[i]);
                expect_answer(client, error);
        }
        ASSERT(client->peer->endpoint.n_rules == 0);
}

static void call_become(Remote *client, const Texts *texts, uint32_t flags)
{
        const RawHeader header = {.type = RAWMESSAGE_CALL,
                                  .serial = ++client->serial,
                                  .path = "/org/freedesktop/DBus",
                                  .interface = "org.freedesktop.DBus.Monitoring",
                                  .member = "BecomeMonitor",
                                  .destination = "org.freedesktop.DBus",
                                  .signature = "asu"};
        Marshal bytes, body;
        MarshalArray array;

        marshal_init(&bytes, false);
        marshal_init(&body, false);
        array = marshal_open_array(&body, 4);
        for (unsigned i = 0; i < texts->n; i++)
                marshal_string(&body, texts->data[i]);
        marshal_close_array(&body, array);
        marshal_u32(&body, flags);
        rawmessage_build(&header, &body, &bytes);
        remote_write_all(client, bytes.data, bytes.size);
        marshal_deinit(&body);
        marshal_deinit(&bytes);
}

static const char *become_error(const Texts *texts, uint8_t flags)
{
        const char *error = NULL;

        if (flags & MONITORING_POOR)
                return "org.freedesktop.DBus.Error.AccessDenied";
        if (flags & MONITORING_FLAGS)
                return "org.freedesktop.DBus.Error.InvalidArgs";
        for (unsigned i = 0; i < texts->n && !error; i++)
                error = error_of(texts->results[i]);
        return error;
}

static bool wanted(const Texts *texts, const ModelMessage *message)
{
        for (unsigned i = 0; i < texts->n; i++)
                if (model_matches(&texts->rules[i], message))
                        return true;
        return texts->n == 0;
}

/* One message of `sender`'s, with two arguments if it is a call and one if it is a signal. */
static void send_message(Remote *sender, const RawHeader *header, const char *first,
                         const char *second)
{
        Marshal bytes, body;

        marshal_init(&bytes, false);
        marshal_init(&body, false);
        marshal_string(&body, first);
        if (second)
                marshal_string(&body, second);
        rawmessage_build(header, &body, &bytes);
        remote_write_all(sender, bytes.data, bytes.size);
        marshal_deinit(&body);
        marshal_deinit(&bytes);
}

enum { MODELS = 4 };

/* What make_traffic() sends and what the bus answers, as the model has it. */
static void describe_traffic(ModelMessage *models, const char *const *names,
                             const char *const *owners)
{
        static const char bus[] = "org.freedesktop.DBus";

        for (unsigned i = 0; i < MODELS; i++)
                models[i] = (ModelMessage){.sender = ":1.0", .names = names, .owners = owners};
        models[0].type = RAWMESSAGE_CALL;
        models[0].path = "/a/b";
        models[0].interface = "a.b";
        models[0].member = "M";
        models[0].destination = "com.example.Receiver";
        models[0].recipient = ":1.1";
        models[0].args[0] = (ModelArg){'s', "com.example.x"};
        models[0].args[1] = (ModelArg){'o', "/a/b/c"};
        models[0].n_args = 2;
        models[1].type = RAWMESSAGE_SIGNAL;
        models[1].path = "/a";
        models[1].interface = "a.b";
        models[1].member = "S";
        models[1].args[0] = (ModelArg){'s', "x"};
        models[1].n_args = 1;
        models[2].type = RAWMESSAGE_CALL;
        models[2].path = "/org/freedesktop/DBus";
        models[2].interface = bus;
        models[2].member = "GetId";
        models[2].destination = bus;
        models[3].type = RAWMESSAGE_RETURN;
        models[3].sender = bus;
        models[3].destination = models[3].recipient = ":1.0";
        models[3].args[0] = (ModelArg){'s', fixture->driver.id};
        models[3].n_args = 1;
}

static void make_traffic(Remote *sender)
{
        const RawHeader call = {.type = RAWMESSAGE_CALL,
                                .serial = 1000,
                                .path = "/a/b",
                                .interface = "a.b",
                                .member = "M",
                                .destination = "com.example.Receiver",
                                .signature = "so"},
                        signal = {.type = RAWMESSAGE_SIGNAL,
                                  .serial = 1001,
                                  .path = "/a",
                                  .interface = "a.b",
                                  .member = "S",
                                  .signature = "s"};

        send_message(sender, &call, "com.example.x", "/a/b/c");
        send_message(sender, &signal, "x", NULL);
        remote_call(sender, "GetId", NULL);
        expect_answer(sender, NULL);
        peer_fixture_settle(fixture, 1);
}

/* The monitor sees those that the model lets through, in this order, and nothing else. */
static void check_seen(Remote *monitor, Remote *sender, const Texts *texts)
{
        static const char bus[] = "org.freedesktop.DBus";
        const char *const names[MODEL_NAMES] = {"com.example.Receiver", bus, bus, bus};
        const char *const owners[MODEL_NAMES] = {":1.1", bus, bus, bus};
        ModelMessage models[MODELS];

        describe_traffic(models, names, owners);
        make_traffic(sender);
        remote_pump(monitor);
        for (unsigned i = 0; i < MODELS; i++) {
                const RawMessage *message;

                if (!wanted(texts, &models[i]))
                        continue;
                message = remote_next(monitor);
                ASSERT(message && message->type == models[i].type);
                ASSERT(!models[i].member || strcmp(message->member, models[i].member) == 0);
        }
        ASSERT(!remote_next(monitor));
}

static void become(Remote *client, Remote *sender, const Texts *texts, uint8_t flags)
{
        const char *error = become_error(texts, flags);

        call_become(client, texts, flags & MONITORING_FLAGS);
        expect_answer(client, error);
        ASSERT(client->peer->endpoint.monitor == !error);
        if (error) {
                ASSERT(client->peer->endpoint.n_rules == 0);
                remote_call(client, "GetId", NULL);
                expect_answer(client, NULL);
                return;
        }
        ASSERT(strcmp(remote_await(client)->member, "NameLost") == 0);
        check_seen(client, sender, texts);
        remote_call(client, "GetId", NULL);
        PEER_FIXTURE_UNTIL(fixture, fixture->shards[0].n_peers == 2); /* it has spoken */
}

static Remote *join(const char *name)
{
        Remote *remote = remote_new(fixture, 0, true);

        remote_hello(remote);
        if (!name)
                return remote;
        remote_call(remote, "RequestName", "su", name, 0);
        expect_answer(remote, NULL);
        return remote;
}

/* What a run has changed is gone. */
static void check_nothing_left(void)
{
        PEER_FIXTURE_UNTIL(fixture,
                           fixture->shards[0].n_peers == 0 && fixture->shards[0].n_sends_open == 0);
        peer_fixture_settle(fixture, 1);
        peer_fixture_reclaim(fixture);
        ASSERT(fixture->router.matches.n_entries == 0);
        ASSERT(table_count(&fixture->router.matches.interfaces) == 0);
        ASSERT(list_is_empty(&fixture->router.matches.monitors));
        ASSERT(table_count(&fixture->router.names.well_known) == 0);
        ASSERT(counter_read(&fixture->router.n_capturing) == 0);
        fixture->router.names.next_id = 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static Texts texts;
        Remote *sender, *receiver, *client;

        if (size < 1)
                return 0;
        if (!fixture) {
                log_set_level(LOG_LEVEL_ERROR);
                fixture = peer_fixture_new(IO_BACKEND_EPOLL, 1, BUFFERS);
        }
        read_texts(&texts, data + 1, size - 1);
        sender = join(NULL);
        receiver = join("com.example.Receiver");
        client = join(NULL);
        client->peer->endpoint.privileged = !(data[0] & MONITORING_POOR);
        if (data[0] & MONITORING_BECOME)
                become(client, sender, &texts, data[0]);
        else
                add_and_remove(client, &texts, data[0]);
        remote_free(client);
        remote_free(receiver);
        remote_free(sender);
        check_nothing_left();
        return 0;
}
