/* SPDX-License-Identifier: Apache-2.0 */
/* What actors do: the name methods, rules and messages. See router_fixture.h. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "broker/router/busmessage.h"
#include "tests/unit/router_fixture.h"

static void actor_write_code(Writer *writer, const void *context)
{
        writer_u32(writer, *(const uint32_t *)context);
}

static Message *actor_build_code(RouterThread *thread, const void *context, uint32_t code)
{
        const Actor *actor = context;
        WriterHeader header = {.type = FRAME_TYPE_METHOD_RETURN,
                               .sender = BUSMESSAGE_BUS_NAME,
                               .reply_serial = actor->serial,
                               .destination = actor_name(actor),
                               .signature = TEXT("u")};

        return busmessage_build(thread, &header, actor_write_code, &code);
}

OwnershipResult actor_hello(Actor *actor)
{
        OwnershipReply reply = {.build = actor_build_code, .context = actor};

        actor->serial++;
        return ownership_hello(actor->thread, &actor->endpoint, &reply);
}

OwnershipResult actor_request(Actor *actor, const char *name, uint32_t flags)
{
        OwnershipReply reply = {.build = actor_build_code, .context = actor};

        actor->serial++;
        return ownership_request(actor->thread, &actor->endpoint, text_from(name), flags, &reply);
}

OwnershipResult actor_release(Actor *actor, const char *name)
{
        OwnershipReply reply = {.build = actor_build_code, .context = actor};

        actor->serial++;
        return ownership_release(actor->thread, &actor->endpoint, text_from(name), &reply);
}

static RulesResult actor_change_rule(Actor *actor, const char *text,
                                     RulesResult (*change)(RouterThread *, Endpoint *,
                                                           const MatchRule *, Message *))
{
        char scratch[MATCHRULE_TEXT_MAX];
        const char *reason = "";
        MatchRule rule;

        if (matchrule_parse(text_from(text), scratch, &rule, &reason) != MATCHRULE_OK)
                fail_msg("%s: %s", text, reason);
        return change(actor->thread, &actor->endpoint, &rule, NULL);
}

RulesResult actor_add_rule(Actor *actor, const char *rule)
{
        return actor_change_rule(actor, rule, rules_add);
}

RulesResult actor_remove_rule(Actor *actor, const char *rule)
{
        return actor_change_rule(actor, rule, rules_remove);
}

static void actor_write_nothing(Writer *writer, const void *context)
{
        (void)writer;
        (void)context;
}

void actor_become_monitor(Actor *actor, const char *text)
{
        WriterHeader header = {.type = FRAME_TYPE_METHOD_RETURN,
                               .sender = BUSMESSAGE_BUS_NAME,
                               .reply_serial = ++actor->serial,
                               .destination = actor_name(actor)};
        char scratch[MATCHRULE_TEXT_MAX];
        MatchRule rule;

        assert_int_equal(matchrule_parse(text_from(text), scratch, &rule, NULL), MATCHRULE_OK);
        assert_int_equal(rules_add_monitoring(actor->thread, &actor->endpoint, &rule), RULES_OK);
        ownership_become_monitor(
                actor->thread, &actor->endpoint,
                busmessage_build(actor->thread, &header, actor_write_nothing, NULL));
}

void parcel_init_endian(Parcel *parcel, Actor *sender, const RawHeader *header, const Marshal *body,
                        bool big_endian)
{
        Incoming *incoming = &parcel->incoming;
        Frame frame;

        memset(parcel, 0, sizeof(*parcel));
        marshal_init(&parcel->bytes, big_endian);
        rawmessage_build(header, body, &parcel->bytes);
        assert_int_equal(frame_cut(parcel->bytes.data, parcel->bytes.size, FRAME_SIZE_MAX, &frame),
                         FRAME_OK);
        assert_int_equal(frame.size, parcel->bytes.size);
        assert_int_equal(header_parse(parcel->bytes.data, &frame, &incoming->header), HEADER_OK);
        incoming->data = parcel->bytes.data;
        incoming->account = sender->endpoint.account;
}

void parcel_init(Parcel *parcel, Actor *sender, const RawHeader *header, const Marshal *body,
                 const int *fds)
{
        Incoming *incoming = &parcel->incoming;

        parcel_init_endian(parcel, sender, header, body, false);
        if (header->unix_fds == 0)
                return;
        incoming->fds = pool_alloc(&sender->thread->pool, header->unix_fds * sizeof(int));
        assert_non_null(incoming->fds);
        for (uint32_t i = 0; i < header->unix_fds; i++)
                incoming->fds[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, 3);
}

void parcel_deinit(Parcel *parcel, Actor *sender)
{
        uint32_t n = parcel->incoming.header.n_unix_fds;

        for (uint32_t i = 0; parcel->incoming.fds && i < n; i++)
                assert_int_equal(close(parcel->incoming.fds[i]), 0);
        if (parcel->incoming.fds)
                pool_free(&sender->thread->pool, parcel->incoming.fds, n * sizeof(int));
        marshal_deinit(&parcel->bytes);
}

static SendResult actor_send_parcel(Actor *actor, Parcel *parcel)
{
        SendResult result;

        if (text_present(parcel->incoming.header.destination))
                result = send_unicast(actor->thread, &actor->endpoint, &parcel->incoming);
        else
                result = send_broadcast(actor->thread, &actor->endpoint, &parcel->incoming);
        parcel_deinit(parcel, actor);
        return result;
}

SendResult actor_send(Actor *actor, const RawHeader *header, ...)
{
        Marshal body;
        Parcel parcel;
        va_list values;

        marshal_init(&body, false);
        va_start(values, header);
        marshal_values(&body, header->signature ? header->signature : "", values);
        va_end(values);
        parcel_init(&parcel, actor, header, &body, NULL);
        marshal_deinit(&body);
        return actor_send_parcel(actor, &parcel);
}

SendResult actor_call(Actor *actor, uint32_t serial, const char *destination)
{
        RawHeader header = {.type = RAWMESSAGE_CALL,
                            .serial = serial,
                            .path = "/a",
                            .member = "Call",
                            .destination = destination};

        return actor_send(actor, &header);
}

SendResult actor_reply(Actor *actor, uint32_t reply_serial, const char *destination)
{
        RawHeader header = {.type = RAWMESSAGE_RETURN,
                            .serial = 1000000 + reply_serial,
                            .flags = RAWMESSAGE_NO_REPLY_EXPECTED,
                            .reply_serial = reply_serial,
                            .destination = destination};

        return actor_send(actor, &header);
}

SendResult actor_signal(Actor *actor, const char *destination, const char *member)
{
        RawHeader header = {.type = RAWMESSAGE_SIGNAL,
                            .serial = 9,
                            .path = "/a",
                            .interface = "a.b",
                            .member = member,
                            .destination = destination};

        return actor_send(actor, &header);
}

SendResult actor_broadcast(Actor *actor, const char *member, const char *arg0)
{
        RawHeader header = {.type = RAWMESSAGE_SIGNAL,
                            .serial = 9,
                            .path = "/a",
                            .interface = "a.b",
                            .member = member,
                            .signature = "s"};

        return actor_send(actor, &header, arg0);
}
