/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Before the recorder becomes a monitor it asks who is there, who owns which names and, where the
 * bus tells, which match rules there are:
 *
 *   CONNECTING -> WATCHING -> LISTING -> OWNERS -> RULES -> BECOMING -> MONITORING
 *
 * Changes of names in the meantime come as signals (WATCHING adds that rule first), so that nothing
 * falls between the answers and the first message that the monitor sees.
 */

#include "bench/load/trace/record_live.h"
#include "bench/load/trace/unmarshal.h"
#include "broker/base/alloc.h"
#include "broker/base/assert.h"
#include "proto/body.h"
#include "proto/syntax.h"
#include "proto/writer.h"

#define NAME_RULE                                                                                  \
        "type='signal',sender='org.freedesktop.DBus',interface='org.freedesktop.DBus',"            \
        "member='NameOwnerChanged'"

static const char *const driver = "org.freedesktop.DBus";

/* Calls the bus; of the arguments only strings can be had here. */
static void call_bus(Live *live, const char *interface, const char *member, const char *argument)
{
        uint8_t data[1024] __attribute__((aligned(8)));
        WriterHeader header = {
                .type = FRAME_TYPE_METHOD_CALL,
                .serial = connection_serial(&live->connection),
                .path = TEXT("/org/freedesktop/DBus"),
                .interface = text_from(interface),
                .member = text_from(member),
                .destination = TEXT("org.freedesktop.DBus"),
                .signature = argument ? TEXT("s") : TEXT(""),
        };
        bool becomes = strcmp(member, "BecomeMonitor") == 0;
        Writer writer;
        size_t size;

        if (becomes)
                header.signature = TEXT("asu");
        writer_begin(&writer, data, sizeof(data), &header);
        if (argument)
                writer_string(&writer, text_from(argument));
        if (becomes) {
                writer_open_array(&writer, 's');
                writer_close_array(&writer);
                writer_u32(&writer, 0);
        }
        /* The longest argument is a bus name. */
        ASSERT(writer_finish(&writer, &size) == 0);
        live->serial = header.serial;
        connection_queue(&live->connection, data, size, NULL, 0);
}

static void become_monitor(Live *live)
{
        live->state = LIVE_BECOMING;
        call_bus(live, "org.freedesktop.DBus.Monitoring", "BecomeMonitor", NULL);
}

static void ask_for_rules(Live *live)
{
        live->state = LIVE_RULES;
        call_bus(live, "org.freedesktop.DBus.Debug.Stats", "GetAllMatchRules", NULL);
}

/* Who owns the next name of the list that somebody can own. */
static void ask_for_owners(Live *live)
{
        live->state = LIVE_OWNERS;
        while (live->n_answered < live->n_names) {
                Text name = text_from(live->names[live->n_answered]);

                if (syntax_is_well_known_name(name) && !text_equal(name, text_from(driver))) {
                        call_bus(live, driver, "ListQueuedOwners", name.data);
                        return;
                }
                recorder_was_there_peer(&live->record->recorder, name);
                live->n_answered++;
        }
        ask_for_rules(live);
}

static void take_list(Live *live, const Header *header, const uint8_t *body)
{
        Unmarshal values = {.data = body, .big_endian = header->frame.big_endian};
        size_t end;

        if (!text_equal(header->signature, TEXT("as"))) {
                record_live_fail(live, "the bus answers ListNames with something else than names");
                return;
        }
        end = unmarshal_array(&values, 4);
        while (values.position < end) {
                Text name = unmarshal_text(&values);
                char **names = alloc_resize(live->names, (live->n_names + 1) * sizeof(*names));

                if (!names)
                        break;
                live->names = names;
                names[live->n_names] = alloc_string(name.data, name.size);
                if (!names[live->n_names])
                        break;
                live->n_names++;
        }
        ask_for_owners(live);
}

/* The owner comes first, then those who wait for the name. */
static void take_owners(Live *live, const Header *header, const uint8_t *body)
{
        Text name = text_from(live->names[live->n_answered++]);
        Unmarshal values = {.data = body, .big_endian = header->frame.big_endian};
        bool is_queued = false;

        if (header->frame.type == FRAME_TYPE_METHOD_RETURN &&
            text_equal(header->signature, TEXT("as"))) {
                size_t end = unmarshal_array(&values, 4);

                for (; values.position < end; is_queued = true)
                        recorder_was_there_name(&live->record->recorder, name,
                                                unmarshal_text(&values), is_queued);
        }
        ask_for_owners(live);
}

/* Few buses tell, and not everybody: then only rules that are added later are known. */
static void take_rules(Live *live, const Header *header, const uint8_t *body)
{
        Unmarshal values = {.data = body, .big_endian = header->frame.big_endian};
        bool is_known = header->frame.type == FRAME_TYPE_METHOD_RETURN &&
                        text_equal(header->signature, TEXT("a{sas}"));
        size_t end;

        record_fact(live->record, "rules before", is_known ? "known" : "unknown");
        if (is_known) {
                end = unmarshal_array(&values, 8);
                while (values.position < end) {
                        Text peer;
                        size_t rules_end;

                        unmarshal_align(&values, 8);
                        peer = unmarshal_text(&values);
                        rules_end = unmarshal_array(&values, 4);
                        while (values.position < rules_end)
                                recorder_was_there_rule(&live->record->recorder, peer,
                                                        unmarshal_text(&values));
                }
        }
        become_monitor(live);
}

static void refuse(Live *live, const char *what, const Header *header, const uint8_t *body)
{
        BodyArg arg = {.text = TEXT_NONE};

        if (header->signature.size > 0)
                body_read_args(body, header->frame.body_size, header->signature,
                               header->frame.big_endian, 1, &arg);
        if (!text_present(arg.text))
                arg.text = TEXT("");
        if (live->state == LIVE_BECOMING)
                record_live_fail(
                        live,
                        "the bus refuses BecomeMonitor, without which nobody can record it: %.*s: "
                        "%.*s",
                        TEXT_FORMAT(header->error_name), TEXT_FORMAT(arg.text));
        else
                record_live_fail(live, "the bus refuses %s: %.*s: %.*s", what,
                                 TEXT_FORMAT(header->error_name), TEXT_FORMAT(arg.text));
}

static void take_answer(Live *live, const Header *header, const uint8_t *body)
{
        bool is_error = header->frame.type == FRAME_TYPE_ERROR;

        switch (live->state) {
        case LIVE_CONNECTING:
        case LIVE_MONITORING:
                break;
        case LIVE_WATCHING:
                if (is_error) {
                        refuse(live, "AddMatch", header, body);
                        break;
                }
                live->state = LIVE_LISTING;
                call_bus(live, driver, "ListNames", NULL);
                break;
        case LIVE_LISTING:
                if (is_error)
                        refuse(live, "ListNames", header, body);
                else
                        take_list(live, header, body);
                break;
        case LIVE_OWNERS: /* a name may have gone meanwhile: that is an error, and no harm */
                take_owners(live, header, body);
                break;
        case LIVE_RULES:
                take_rules(live, header, body);
                break;
        case LIVE_BECOMING:
                if (is_error)
                        refuse(live, "BecomeMonitor", header, body);
                else
                        record_live_start(live);
                break;
        }
}

/* Before the monitor's time: answers, and changes of names. */
void record_snapshot_frame(Live *live, const ConnectionFrame *frame)
{
        BodyArg args[3];
        Header header;

        if (connection_frame_header(frame, &header) < 0 ||
            body_validate(frame->body, frame->body_size, header.signature, frame->big_endian) !=
                    BODY_OK) {
                record_live_fail(live, "the bus sends a message that is not valid");
                return;
        }
        if (frame->type == FRAME_TYPE_SIGNAL) {
                if (text_equal(header.member, TEXT("NameOwnerChanged")) &&
                    text_equal(header.signature, TEXT("sss"))) {
                        body_read_args(frame->body, frame->body_size, header.signature,
                                       frame->big_endian, 3, args);
                        recorder_name_changed(&live->record->recorder, args[0].text, args[1].text,
                                              args[2].text);
                }
                return;
        }
        if (header.reply_serial == live->serial)
                take_answer(live, &header, frame->body);
}

void record_snapshot_begin(Live *live)
{
        live->state = LIVE_WATCHING;
        call_bus(live, driver, "AddMatch", NAME_RULE);
}
