/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The order of the plan is the trace's, but for two things that a monitor sees too late. That a
 * peer left is known by what it causes, names that are free and calls that will not be answered:
 * its step comes before these. And a call that started its receiver was sent before that receiver
 * had the name: here, where nothing is started, it is sent once the name is owned.
 */

#include "bench/load/trace/replay_plan.h"
#include "bench/load/trace/replay_plan_private.h"
#include "broker/base/alloc.h"
#include "broker/base/clock.h"
#include "proto/frame.h"

#include <errno.h>
#include <stdlib.h>

enum {
        LOOK_AHEAD_MAX = 100000, /* events, for the owner of a name that was started */
        LEAVING_MAX_MS = 100,    /* from the first consequence of leaving to the last */
};

typedef enum ItemKind { ITEM_STEP, ITEM_ANSWER /* of the bus */ } ItemKind;

/* Something with a place in the order. */
typedef struct Item {
        uint64_t key; /* the event's index * 4, and a little more for what comes after it */
        ItemKind kind;
        ReplayStep step;  /* ITEM_STEP */
        uint32_t message; /* ITEM_ANSWER */
} Item;

typedef struct Ordering {
        ReplayPlan *plan;
        Item *items;
        size_t n_items;
        bool *has_greeted;   /* by peer: its Hello is part of CONNECT */
        size_t *consequence; /* by peer: the event + 1 by which its leaving showed first, or 0 */
        uint32_t *n_inbound; /* by peer, so far */
        uint32_t *last_step; /* by peer, + 1 */
} Ordering;

static Item *add_item(Ordering *ordering, uint64_t key, ItemKind kind)
{
        Item *item = &ordering->items[ordering->n_items++];

        *item = (Item){.key = key, .kind = kind};
        return item;
}

static void note_consequence(Ordering *ordering, uint32_t peer, size_t event)
{
        if (peer != TRACE_BUS && peer != TRACE_NOBODY && ordering->consequence[peer] == 0)
                ordering->consequence[peer] = event + 1;
}

/* Whoever speaks or is answered is still there. */
static void note_signs(Ordering *ordering, size_t index)
{
        const ReplayPlan *plan = ordering->plan;
        const TraceEvent *event = &plan->trace->events[index];
        const TraceMessage *message = &event->message;

        if (event->kind == TRACE_NAME && !event->was_there) {
                note_consequence(ordering, event->name.old_owner, index);
                return;
        }
        if (event->kind != TRACE_MESSAGE)
                return;
        if (message->sender != TRACE_BUS)
                ordering->consequence[message->sender] = 0;
        if (message->sender != TRACE_BUS || message->reply_to == 0)
                return;
        if (message->receiver != TRACE_NOBODY)
                ordering->consequence[message->receiver] = 0;
        if (message->type == FRAME_TYPE_ERROR)
                note_consequence(ordering, plan->fates[message->reply_to].receiver, index);
}

static void add_leaving(Ordering *ordering, size_t index)
{
        const Trace *trace = ordering->plan->trace;
        const TraceEvent *event = &trace->events[index];
        size_t first = ordering->consequence[event->peer];
        Item *item;

        if (ordering->plan->peers[event->peer].is_ghost)
                return;
        if (first == 0 ||
            event->time_ns - trace->events[first - 1].time_ns > LEAVING_MAX_MS * CLOCK_NS_PER_MS)
                first = index + 1;
        item = add_item(ordering, (first - 1) * 4, ITEM_STEP);
        item->step = (ReplayStep){.time_ns = trace->events[first - 1].time_ns,
                                  .peer = event->peer,
                                  .kind = REPLAY_DISCONNECT,
                                  .awaits = REPLAY_AWAIT_ANSWER,
                                  .is_barrier = true};
}

static void add_coming(Ordering *ordering, size_t index)
{
        const TraceEvent *event = &ordering->plan->trace->events[index];
        Item *item;

        if (event->was_there)
                return;
        item = add_item(ordering, index * 4, ITEM_STEP);
        item->step = (ReplayStep){.time_ns = event->time_ns,
                                  .peer = event->peer,
                                  .kind = REPLAY_CONNECT,
                                  .awaits = REPLAY_AWAIT_ANSWER,
                                  .is_barrier = true};
}

/* The event that gave the receiver its name, between a call and its answer; or the call. */
static size_t find_start(const ReplayPlan *plan, uint32_t number)
{
        const Trace *trace = plan->trace;
        const ReplayFate *fate = &plan->fates[number];
        const TraceMessage *call = replay_plan_message(plan, number);
        size_t index = trace->messages[number], end;

        if (call->receiver != TRACE_NOBODY || fate->receiver == TRACE_NOBODY || fate->answer == 0)
                return index;
        end = trace->messages[fate->answer];
        for (size_t i = index; i < end && i - index < LOOK_AHEAD_MAX; i++) {
                const TraceEvent *event = &trace->events[i];

                if (event->kind == TRACE_NAME && !event->was_there &&
                    event->name.name == call->destination &&
                    event->name.new_owner == fate->receiver)
                        return i;
        }
        return index;
}

static bool changes_names(const ReplayPlan *plan, const TraceMessage *message)
{
        return replay_plan_calls(plan, message, "RequestName") ||
               replay_plan_calls(plan, message, "ReleaseName");
}

static bool is_there(const ReplayPlan *plan, uint32_t receiver)
{
        return receiver != TRACE_NOBODY && receiver != TRACE_BUS && !plan->peers[receiver].is_ghost;
}

/* When a message that is sent is done. */
static void decide_wait(const ReplayPlan *plan, uint32_t number, ReplayStep *step)
{
        const TraceMessage *message = replay_plan_message(plan, number);
        const ReplayFate *fate = &plan->fates[number];
        bool is_call = message->type == FRAME_TYPE_METHOD_CALL;
        bool is_answered = is_call && fate->answer != 0;

        if (is_there(plan, fate->receiver)) {
                step->awaits = REPLAY_AWAIT_ARRIVAL;
                return;
        }
        step->awaits = REPLAY_AWAIT_NOTHING;
        step->wants_no_answer = is_call && !is_answered;
        if (is_answered && !(message->flags & FRAME_FLAG_NO_REPLY_EXPECTED))
                step->awaits =
                        fate->receiver == TRACE_BUS ? REPLAY_AWAIT_ANSWER : REPLAY_AWAIT_ARRIVAL;
}

static void add_message(Ordering *ordering, size_t index, uint32_t number)
{
        ReplayPlan *plan = ordering->plan;
        const TraceEvent *event = &plan->trace->events[index];
        const TraceMessage *message = &event->message;
        ReplayFate *fate = &plan->fates[number];
        Item *item;

        if (fate->left_out != REPLAY_N_LEFT_OUT)
                return;
        if (fate->is_expected) {
                item = add_item(ordering, index * 4 + 1, ITEM_ANSWER);
                item->message = number;
                return;
        }
        if (replay_plan_calls(plan, message, "Hello") && !plan->peers[message->sender].was_there &&
            !ordering->has_greeted[message->sender]) {
                ordering->has_greeted[message->sender] = true;
                return;
        }
        index = find_start(plan, number);
        item = add_item(ordering, index * 4 + (fate->receiver == message->receiver ? 1 : 2),
                        ITEM_STEP);
        item->step = (ReplayStep){.time_ns = plan->trace->events[index].time_ns,
                                  .peer = message->sender,
                                  .message = number,
                                  .kind = REPLAY_SEND,
                                  .is_barrier = changes_names(plan, message)};
        decide_wait(plan, number, &item->step);
}

static void add_items(Ordering *ordering)
{
        const Trace *trace = ordering->plan->trace;
        uint32_t number = 0;

        for (size_t i = 0; i < trace->n_events; i++) {
                const TraceEvent *event = &trace->events[i];

                note_signs(ordering, i);
                if (event->kind == TRACE_PEER)
                        add_coming(ordering, i);
                else if (event->kind == TRACE_GONE)
                        add_leaving(ordering, i);
                else if (event->kind == TRACE_MESSAGE)
                        add_message(ordering, i, ++number);
        }
}

/* By key; items with equal keys stay in the order in which they were added, as their addresses
 * tell: qsort() gets pointers. */
static int compare_items(const void *a, const void *b)
{
        const Item *x = *(const Item *const *)a, *y = *(const Item *const *)b;

        if (x->key != y->key)
                return x->key < y->key ? -1 : 1;
        return x < y ? -1 : x > y;
}

static void place_step(Ordering *ordering, const Item *item)
{
        ReplayPlan *plan = ordering->plan;
        uint32_t number = plan->n_steps + 1, peer = item->step.peer;
        ReplayStep *step = &plan->steps[plan->n_steps++];
        ReplayFate *fate = item->step.message ? &plan->fates[item->step.message] : NULL;

        *step = item->step;
        step->n_inbound = ordering->n_inbound[peer];
        step->n_answers = plan->n_answers;
        if (ordering->last_step[peer] == 0)
                plan->peers[peer].first_step = number;
        else
                plan->steps[ordering->last_step[peer] - 1].next = number;
        ordering->last_step[peer] = number;
        if (step->kind != REPLAY_SEND)
                step->answer = ++plan->n_answers;
        if (!fate)
                return;
        fate->step = number;
        if (step->kind == REPLAY_SEND && is_there(plan, fate->receiver))
                fate->inbound = ++ordering->n_inbound[fate->receiver];
}

/* An error that answers a call to a peer comes at once or when that peer leaves: who knows. */
static void place_answer(Ordering *ordering, uint32_t number)
{
        ReplayPlan *plan = ordering->plan;
        const TraceMessage *answer = replay_plan_message(plan, number);
        const TraceMessage *call = replay_plan_message(plan, answer->reply_to);
        const ReplayFate *fate = &plan->fates[answer->reply_to];

        if (is_there(plan, fate->receiver) || (call->flags & FRAME_FLAG_NO_REPLY_EXPECTED)) {
                plan->n_unawaited_errors++;
                return;
        }
        plan->fates[number].inbound = ++ordering->n_inbound[call->sender];
        if (fate->receiver == TRACE_BUS)
                plan->fates[number].bus_answer = ++plan->n_answers;
}

/* A Hello's call is sent by CONNECT. */
static void place_greetings(Ordering *ordering)
{
        ReplayPlan *plan = ordering->plan;

        for (uint32_t i = 1; i <= plan->trace->n_messages; i++) {
                const TraceMessage *message = replay_plan_message(plan, i);
                ReplayFate *fate = &plan->fates[i];
                ReplayStep *step;

                if (fate->left_out != REPLAY_N_LEFT_OUT || fate->is_expected || fate->step != 0 ||
                    plan->peers[message->sender].first_step == 0)
                        continue;
                step = &plan->steps[plan->peers[message->sender].first_step - 1];
                step->message = i;
                fate->step = plan->peers[message->sender].first_step;
        }
}

static int place_items(Ordering *ordering, Item **sorted)
{
        ReplayPlan *plan = ordering->plan;

        for (size_t i = 0; i < ordering->n_items; i++)
                sorted[i] = &ordering->items[i];
        qsort(sorted, ordering->n_items, sizeof(Item *), compare_items);
        plan->steps = alloc_zeroed(ordering->n_items + 1, sizeof(*plan->steps));
        if (!plan->steps)
                return -ENOMEM;
        for (size_t i = 0; i < ordering->n_items; i++) {
                if (sorted[i]->kind == ITEM_STEP)
                        place_step(ordering, sorted[i]);
                else
                        place_answer(ordering, sorted[i]->message);
        }
        place_greetings(ordering);
        for (uint32_t i = 1; i <= plan->trace->n_peers; i++)
                plan->peers[i].n_inbound = ordering->n_inbound[i];
        return 0;
}

int replay_plan_order(ReplayPlan *plan)
{
        size_t n_peers = (size_t)plan->trace->n_peers + 1, n_events = plan->trace->n_events + 1;
        Ordering ordering = {
                .plan = plan,
                .items = alloc_zeroed(n_events, sizeof(Item)),
                .has_greeted = alloc_zeroed(n_peers, sizeof(bool)),
                .consequence = alloc_zeroed(n_peers, sizeof(size_t)),
                .n_inbound = alloc_zeroed(n_peers, sizeof(uint32_t)),
                .last_step = alloc_zeroed(n_peers, sizeof(uint32_t)),
        };
        Item **sorted = alloc_zeroed(n_events, sizeof(*sorted));
        int r = -ENOMEM;

        if (ordering.items && ordering.has_greeted && ordering.consequence && ordering.n_inbound &&
            ordering.last_step && sorted) {
                add_items(&ordering);
                r = place_items(&ordering, sorted);
        }
        alloc_free(ordering.items);
        alloc_free(ordering.has_greeted);
        alloc_free(ordering.consequence);
        alloc_free(ordering.n_inbound);
        alloc_free(ordering.last_step);
        alloc_free(sorted);
        return r;
}
