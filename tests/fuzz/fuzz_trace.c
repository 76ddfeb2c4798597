/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Traces. What was read, written again and read again must be the same; and a file that just ends
 * must be read up to where it ends. A plan to replay it must be a possible one; and where a body is
 * made up, it must be valid.
 */

#include <stdio.h>
#include <stdlib.h>

#include "bench/load/trace/replay_body.h"
#include "bench/load/trace/replay_plan.h"
#include "bench/load/trace/trace_reader.h"
#include "bench/load/trace/trace_writer.h"
#include "broker/base/assert.h"
#include "broker/base/hash.h"
#include "proto/body.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The numbers of strings may change: in a fuzzed file one text may be there twice. */
static void check_text(const Trace *a, uint32_t in_a, const Trace *b, uint32_t in_b)
{
        ASSERT(in_a <= a->n_strings && in_b <= b->n_strings);
        ASSERT(text_equal(trace_text(a, in_a), trace_text(b, in_b)));
}

static void check_message(const Trace *a, const TraceMessage *x, const Trace *b,
                          const TraceMessage *y)
{
        ASSERT(x->type == y->type && x->flags == y->flags && x->big_endian == y->big_endian);
        ASSERT(x->sender == y->sender && x->receiver == y->receiver);
        ASSERT(x->serial == y->serial && x->reply_to == y->reply_to);
        ASSERT(x->body_size == y->body_size && x->n_fds == y->n_fds && x->n_args == y->n_args);
        ASSERT(x->receiver == TRACE_NOBODY || x->receiver <= a->n_peers);
        check_text(a, x->destination, b, y->destination);
        check_text(a, x->path, b, y->path);
        check_text(a, x->interface, b, y->interface);
        check_text(a, x->member, b, y->member);
        check_text(a, x->error, b, y->error);
        check_text(a, x->signature, b, y->signature);
        for (unsigned i = 0; i < x->n_args; i++) {
                ASSERT(x->args[i].index == y->args[i].index);
                ASSERT(x->args[i].type == y->args[i].type);
                if (x->args[i].type == TRACE_ARG_STRING)
                        check_text(a, x->args[i].value, b, y->args[i].value);
                else
                        ASSERT(x->args[i].value == y->args[i].value);
        }
        if (a->has_payloads)
                ASSERT(memcmp(x->body, y->body, x->body_size) == 0);
}

static void check_event(const Trace *a, const TraceEvent *x, const Trace *b, const TraceEvent *y)
{
        ASSERT(x->kind == y->kind && x->time_ns == y->time_ns && x->was_there == y->was_there);
        switch (x->kind) {
        case TRACE_PEER:
                check_text(a, a->peers[x->peer].name, b, b->peers[y->peer].name);
                break;
        case TRACE_GONE:
                ASSERT(x->peer == y->peer && x->peer <= a->n_peers);
                break;
        case TRACE_NAME:
                check_text(a, x->name.name, b, y->name.name);
                ASSERT(x->name.old_owner == y->name.old_owner);
                ASSERT(x->name.new_owner == y->name.new_owner);
                break;
        case TRACE_RULE:
                check_text(a, x->rule.rule, b, y->rule.rule);
                ASSERT(x->rule.peer == y->rule.peer && x->rule.added == y->rule.added);
                break;
        case TRACE_MESSAGE:
                check_message(a, &x->message, b, &y->message);
                break;
        case TRACE_END:
        case TRACE_FACT:
        case TRACE_STRING:
                ASSERT_NOT_REACHED();
        }
}

static uint32_t put_text(const Trace *trace, TraceWriter *writer, uint32_t number)
{
        return trace_writer_string(writer, trace_text(trace, number));
}

static void write_message(const Trace *trace, TraceWriter *writer, TraceEvent *event)
{
        TraceMessage *message = &event->message;
        TraceArg args[TRACE_ARGS_MAX];

        for (unsigned i = 0; i < message->n_args; i++) {
                args[i] = message->args[i];
                if (args[i].type == TRACE_ARG_STRING)
                        args[i].value = put_text(trace, writer, args[i].value);
        }
        message->args = args;
        message->destination = put_text(trace, writer, message->destination);
        message->path = put_text(trace, writer, message->path);
        message->interface = put_text(trace, writer, message->interface);
        message->member = put_text(trace, writer, message->member);
        message->error = put_text(trace, writer, message->error);
        message->signature = put_text(trace, writer, message->signature);
        trace_writer_event(writer, event);
}

static void write_event(const Trace *trace, TraceWriter *writer, TraceEvent event)
{
        if (event.kind == TRACE_PEER) {
                trace_writer_peer(writer, event.time_ns,
                                  put_text(trace, writer, trace->peers[event.peer].name),
                                  event.was_there);
                return;
        }
        if (event.kind == TRACE_MESSAGE) {
                write_message(trace, writer, &event);
                return;
        }
        if (event.kind == TRACE_NAME)
                event.name.name = put_text(trace, writer, event.name.name);
        if (event.kind == TRACE_RULE)
                event.rule.rule = put_text(trace, writer, event.rule.rule);
        trace_writer_event(writer, &event);
}

static void write_trace(const Trace *trace, FILE *file)
{
        TraceWriter writer;

        trace_writer_init(&writer, file, trace->has_payloads);
        for (uint32_t i = 0; i < trace->n_facts; i++)
                trace_writer_fact(&writer, trace->facts[i].key, trace->facts[i].value);
        for (size_t i = 0; i < trace->n_events; i++)
                write_event(trace, &writer, trace->events[i]);
        ASSERT(trace_writer_finish(&writer, trace->duration_ns) == 0);
        trace_writer_deinit(&writer);
}

static void check_round_trip(const Trace *trace)
{
        TraceError error;
        char *data = NULL;
        size_t size = 0;
        FILE *file = open_memstream(&data, &size);
        Trace again;

        ASSERT(file);
        write_trace(trace, file);
        fclose(file);
        ASSERT(trace_reader_parse((const uint8_t *)data, size, &again, &error) == 0);
        ASSERT(again.cut_offset == 0 && again.n_events == trace->n_events);
        ASSERT(again.n_peers == trace->n_peers && again.n_messages == trace->n_messages);
        ASSERT(again.n_facts == trace->n_facts && again.duration_ns == trace->duration_ns);
        for (size_t i = 0; i < trace->n_events; i++)
                check_event(trace, &trace->events[i], &again, &again.events[i]);
        trace_reader_deinit(&again);
        free(data);
}

static void check_prefix(const uint8_t *data, size_t size, const Trace *whole)
{
        size_t cut = TRACE_HEADER_SIZE + size * 7 % (size - TRACE_HEADER_SIZE + 1);
        TraceError error;
        Trace trace;

        ASSERT(trace_reader_parse(data, cut, &trace, &error) == 0);
        ASSERT(trace.cut_offset <= cut && trace.n_events <= whole->n_events);
        ASSERT(trace.cut_offset > 0 || cut == size);
        trace_reader_deinit(&trace);
}

/* Whatever a step waits for lies before it. */
static void check_step(const ReplayPlan *plan, uint32_t number, const uint32_t *n_inbound,
                       uint32_t n_answers)
{
        const ReplayStep *step = &plan->steps[number];

        ASSERT(step->peer >= 1 && step->peer <= plan->trace->n_peers);
        ASSERT(step->message <= plan->trace->n_messages);
        ASSERT(step->next == 0 || (step->next > number + 1 && step->next <= plan->n_steps));
        ASSERT(step->n_inbound <= n_inbound[step->peer]);
        ASSERT(step->n_answers <= n_answers);
        ASSERT(step->kind != REPLAY_SEND || step->message != 0);
}

/* The plan's order, as far as messages between peers tell it: answers of the bus lie between. */
static void check_plan(const Trace *trace)
{
        uint32_t *n_inbound = calloc(trace->n_peers + 1, sizeof(*n_inbound));
        ReplayPlan plan;

        ASSERT(n_inbound && replay_plan_make(trace, &plan) == 0);
        for (uint32_t i = 1; i <= trace->n_peers; i++)
                n_inbound[i] = plan.peers[i].n_inbound;
        for (uint32_t i = 0; i < plan.n_steps; i++)
                check_step(&plan, i, n_inbound, plan.n_answers);
        for (uint32_t i = 1; i <= trace->n_messages; i++) {
                const ReplayFate *fate = &plan.fates[i];

                ASSERT(fate->step <= plan.n_steps && fate->answer <= trace->n_messages);
                ASSERT(fate->inbound == 0 || fate->receiver != TRACE_NOBODY || fate->is_expected);
                if (fate->step != 0 && plan.steps[fate->step - 1].kind == REPLAY_SEND)
                        ASSERT(plan.steps[fate->step - 1].message == i);
        }
        replay_plan_deinit(&plan);
        free(n_inbound);
}

static void check_body(uint8_t *body, uint32_t size, Text signature, const ReplayBodyArg *args,
                       unsigned n_args)
{
        if (replay_body_fill(body, size, signature, args, n_args))
                ASSERT(body_validate(body, size, signature,
                                     __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__) == BODY_OK);
}

static void check_bodies(const Trace *trace)
{
        for (uint32_t i = 1; i <= trace->n_messages && i <= 16; i++) {
                const TraceMessage *message = &trace->events[trace->messages[i]].message;
                Text signature = trace_text(trace, message->signature);
                uint8_t *body;

                if (message->body_size > 1 << 16 || !text_present(signature))
                        continue;
                body = malloc(message->body_size + 1);
                ASSERT(body);
                check_body(body, message->body_size, signature, NULL, 0);
                check_body(body, message->body_size, signature,
                           (ReplayBodyArg[]){{.index = i % 3, .value = TEXT("/given/")}}, 1);
                free(body);
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static bool is_ready;
        TraceError error = {.reason = NULL};
        Trace trace;
        int r;

        if (!is_ready)
                ASSERT(hash_init() == 0);
        is_ready = true;
        r = trace_reader_parse(data, size, &trace, &error);
        if (r < 0) {
                ASSERT(error.reason && error.offset <= size);
                return 0;
        }
        check_round_trip(&trace);
        check_plan(&trace);
        check_bodies(&trace);
        if (trace.cut_offset == 0)
                check_prefix(data, size, &trace);
        trace_reader_deinit(&trace);
        return 0;
}
