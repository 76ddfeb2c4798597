/* SPDX-License-Identifier: Apache-2.0 */
/* Who is who, and who owns what. */

#include "bench/load/trace/recorder_private.h"
#include "broker/base/alloc.h"
#include "proto/syntax.h"

#include <errno.h>

RecorderName *recorder_name(Recorder *recorder, uint32_t string)
{
        uint32_t n_names = recorder->n_names ? recorder->n_names : 64;
        RecorderName *names;

        if (string == 0)
                return NULL;
        if (string < recorder->n_names)
                return &recorder->names[string];
        while (n_names <= string)
                n_names *= 2;
        names = alloc_resize(recorder->names, n_names * sizeof(*names));
        if (!names) {
                recorder->writer->error = -ENOMEM;
                return NULL;
        }
        memset(names + recorder->n_names, 0, (n_names - recorder->n_names) * sizeof(*names));
        recorder->names = names;
        recorder->n_names = n_names;
        return &names[string];
}

uint32_t recorder_find_peer(const Recorder *recorder, Text unique_name)
{
        uint32_t string = intern_find(&recorder->writer->strings, unique_name);

        return string != 0 && string < recorder->n_names && unique_name.data[0] == ':'
                       ? recorder->names[string].peer
                       : 0;
}

uint32_t recorder_peer(Recorder *recorder, Text unique_name, bool was_there)
{
        uint32_t string = trace_writer_string(recorder->writer, unique_name);
        RecorderName *name = recorder_name(recorder, string);

        if (!name)
                return 0;
        if (name->peer == 0) {
                trace_writer_peer(recorder->writer, recorder->time_ns, string, was_there);
                *name = (RecorderName){.peer = recorder->writer->n_peers, .is_known = true};
        }
        return name->peer;
}

static void write_name(Recorder *recorder, const TraceName *change, bool was_there)
{
        TraceEvent event = {.kind = TRACE_NAME,
                            .was_there = was_there,
                            .time_ns = recorder->time_ns,
                            .name = *change};

        trace_writer_event(recorder->writer, &event);
}

static bool is_self(const Recorder *recorder, Text name)
{
        return recorder->self[0] != '\0' && text_equal(name, text_from(recorder->self));
}

void recorder_was_there_peer(Recorder *recorder, Text unique_name)
{
        if (syntax_is_unique_name(unique_name) && !is_self(recorder, unique_name))
                recorder_peer(recorder, unique_name, true);
}

void recorder_was_there_name(Recorder *recorder, Text name, Text owner, bool is_queued)
{
        RecorderName *known;
        uint32_t string, peer;

        if (!syntax_is_well_known_name(name) || !syntax_is_unique_name(owner) ||
            is_self(recorder, owner) || text_equal(name, TEXT(RECORDER_BUS_NAME)))
                return;
        peer = recorder_peer(recorder, owner, true);
        string = trace_writer_string(recorder->writer, name);
        known = recorder_name(recorder, string);
        if (peer == 0 || !known || (known->is_known && !is_queued))
                return;
        /* One that waits in the queue changes nothing: replaying asks for the name once more. */
        write_name(recorder,
                   &(TraceName){.name = string,
                                .old_owner = is_queued ? known->peer : 0,
                                .new_owner = peer},
                   true);
        if (!is_queued)
                *known = (RecorderName){.peer = peer, .is_known = true};
}

void recorder_was_there_rule(Recorder *recorder, Text peer, Text rule)
{
        TraceEvent event = {.kind = TRACE_RULE, .was_there = true, .time_ns = recorder->time_ns};

        if (!syntax_is_unique_name(peer) || is_self(recorder, peer) || rule.size > TRACE_STRING_MAX)
                return;
        event.rule.peer = recorder_peer(recorder, peer, true);
        event.rule.rule = trace_writer_string(recorder->writer, rule);
        event.rule.added = true;
        if (event.rule.peer == 0 || event.rule.rule == 0)
                return;
        trace_writer_event(recorder->writer, &event);
        recorder_interest(recorder, rule);
}

static void unique_name_changed(Recorder *recorder, Text name, bool has_come)
{
        TraceEvent event = {.kind = TRACE_GONE, .time_ns = recorder->time_ns};

        if (has_come) {
                recorder_peer(recorder, name, false);
                return;
        }
        event.peer = recorder_peer(recorder, name, true);
        if (event.peer != 0)
                trace_writer_event(recorder->writer, &event);
}

/* A peer that owns a name and was never heard of was there. */
static uint32_t find_owner(Recorder *recorder, Text owner)
{
        return syntax_is_unique_name(owner) ? recorder_peer(recorder, owner, true) : 0;
}

void recorder_name_changed(Recorder *recorder, Text name, Text old_owner, Text new_owner)
{
        RecorderName *known;
        TraceName change;

        if (is_self(recorder, name))
                return;
        if (syntax_is_unique_name(name)) {
                unique_name_changed(recorder, name, new_owner.size > 0);
                return;
        }
        if (!syntax_is_well_known_name(name))
                return;
        change.name = trace_writer_string(recorder->writer, name);
        change.old_owner = find_owner(recorder, old_owner);
        change.new_owner = find_owner(recorder, new_owner);
        known = recorder_name(recorder, change.name);
        if (!known || (known->is_known && known->peer == change.new_owner))
                return;
        if (!known->is_known && change.old_owner != 0)
                write_name(recorder,
                           &(TraceName){.name = change.name, .new_owner = change.old_owner}, true);
        write_name(recorder, &change, false);
        *known = (RecorderName){.peer = change.new_owner, .is_known = true};
}
