/* SPDX-License-Identifier: Apache-2.0 */
/* See summary.h. One pass over the events. */

#include "bench/load/trace/summary.h"
#include "broker/base/alloc.h"
#include "broker/base/clock.h"
#include "proto/frame.h"

#include <errno.h>
#include <stdlib.h>

/* The pass. */
typedef struct Counting {
        const Trace *trace;
        Summary *summary;
        uint64_t second;      /* of the message before */
        uint64_t n_in_second; /* so far */
        bool *is_answered;    /* by number of the message */
} Counting;

const char *summary_kind_name(unsigned kind)
{
        static const char *const names[SUMMARY_KINDS] = {"other", "call", "return", "error",
                                                         "signal"};

        return names[kind];
}

static void count_rate(Counting *counting, uint64_t time_ns)
{
        uint64_t second = time_ns / CLOCK_NS_PER_S;

        if (second != counting->second)
                counting->n_in_second = 0;
        counting->second = second;
        counting->n_in_second++;
        if (counting->n_in_second > counting->summary->busiest_second)
                counting->summary->busiest_second = counting->n_in_second;
}

static void count_answer(Counting *counting, const TraceEvent *event)
{
        const Trace *trace = counting->trace;
        const TraceEvent *call;

        if (event->message.reply_to == 0)
                return;
        call = &trace->events[trace->messages[event->message.reply_to]];
        counting->is_answered[event->message.reply_to] = true;
        histogram_add(&counting->summary->answers, event->time_ns - call->time_ns);
}

static void count_message(Counting *counting, const TraceEvent *event)
{
        const TraceMessage *message = &event->message;
        Summary *summary = counting->summary;
        SummaryPeer *sender = &summary->peers[message->sender];
        unsigned kind = summary_kind(message);

        summary->n_messages[kind]++;
        sender->n_sent[kind]++;
        sender->n_sent_all++;
        sender->sent_bytes += message->body_size;
        if (message->receiver != TRACE_NOBODY)
                summary->peers[message->receiver].n_received++;
        if (message->type == FRAME_TYPE_METHOD_CALL && message->receiver == TRACE_BUS)
                summary->n_calls_to_bus++;
        if (message->type == FRAME_TYPE_SIGNAL && message->sender == TRACE_BUS)
                summary->n_signals_of_bus++;
        else if (message->sender == TRACE_BUS)
                summary->n_answers_of_bus++;
        summary->body_bytes += message->body_size;
        summary->n_fds += message->n_fds;
        summary->n_with_fds += message->n_fds > 0;
        histogram_add(&summary->bodies, message->body_size);
        count_rate(counting, event->time_ns);
        count_answer(counting, event);
}

static void count_name(Summary *summary, const TraceName *change)
{
        SummaryPeer *owner = &summary->peers[change->new_owner];

        if (change->new_owner == TRACE_BUS)
                return;
        if (owner->name == 0)
                owner->name = change->name;
        owner->n_names++;
        summary->n_names++;
}

static void count_event(Counting *counting, const TraceEvent *event)
{
        Summary *summary = counting->summary;

        switch (event->kind) {
        case TRACE_PEER:
                summary->n_there += event->was_there;
                break;
        case TRACE_GONE:
                summary->n_gone++;
                break;
        case TRACE_NAME:
                count_name(summary, &event->name);
                break;
        case TRACE_RULE:
                if (event->was_there)
                        summary->n_rules_before++;
                else if (event->rule.added)
                        summary->n_rules_added++;
                else
                        summary->n_rules_removed++;
                break;
        case TRACE_MESSAGE:
                count_message(counting, event);
                break;
        case TRACE_END:
        case TRACE_FACT:
        case TRACE_STRING:
                break;
        }
}

static int compare_peers(const void *a, const void *b)
{
        const SummaryPeer *x = a, *y = b;

        if (x->n_sent_all != y->n_sent_all)
                return x->n_sent_all < y->n_sent_all ? 1 : -1;
        return x->peer < y->peer ? -1 : x->peer > y->peer;
}

static void drop_silent_peers(Summary *summary)
{
        while (summary->n_peers > 0 && summary->peers[summary->n_peers - 1].n_sent_all == 0)
                summary->n_peers--;
}

static void count_unanswered(Counting *counting)
{
        const Trace *trace = counting->trace;

        for (uint32_t i = 1; i <= trace->n_messages; i++) {
                const TraceMessage *message = &trace->events[trace->messages[i]].message;

                if (message->type == FRAME_TYPE_METHOD_CALL && !counting->is_answered[i] &&
                    !(message->flags & FRAME_FLAG_NO_REPLY_EXPECTED))
                        counting->summary->n_unanswered++;
        }
}

int summary_make(const Trace *trace, Summary *ret_summary)
{
        Counting counting = {.trace = trace, .summary = ret_summary, .second = UINT64_MAX};

        *ret_summary = (Summary){.n_peers = trace->n_peers + 1};
        ret_summary->peers = alloc_zeroed(ret_summary->n_peers, sizeof(*ret_summary->peers));
        counting.is_answered = alloc_zeroed((size_t)trace->n_messages + 1, sizeof(bool));
        if (!ret_summary->peers || !counting.is_answered) {
                summary_deinit(ret_summary);
                alloc_free(counting.is_answered);
                return -ENOMEM;
        }
        for (uint32_t i = 0; i < ret_summary->n_peers; i++)
                ret_summary->peers[i].peer = i;
        for (size_t i = 0; i < trace->n_events; i++)
                count_event(&counting, &trace->events[i]);
        count_unanswered(&counting);
        qsort(ret_summary->peers, ret_summary->n_peers, sizeof(*ret_summary->peers), compare_peers);
        drop_silent_peers(ret_summary);
        alloc_free(counting.is_answered);
        return 0;
}

void summary_deinit(Summary *summary)
{
        summary->peers = alloc_free(summary->peers);
        summary->n_peers = 0;
}
