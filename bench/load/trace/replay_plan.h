/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BENCH_LOAD_TRACE_REPLAY_PLAN_H
#define RINGBUS_BENCH_LOAD_TRACE_REPLAY_PLAN_H

/*
 * From a trace to what each peer has to do, and what must have happened before it may:
 *
 * - A peer does its steps in the recorded order.
 * - A step follows, at the same peer, on everything that the trace shows to have reached that peer
 *   alone before: calls, answers and signals to it. So an answer comes after its call.
 * - A step follows on all answers of the bus that the trace shows before it, whoever got them: a
 *   name that was owned, a rule that was in force is so again.
 * - A step that changes who owns which name (connecting, leaving, RequestName, ReleaseName) waits
 *   until everything before it is done.
 *
 * Everything that a step waits for lies before it in one order, that of the plan, so that no
 * trace, whatever it says, can make peers wait for each other in a circle.
 *
 * What a bus did by itself is not sent: signals about names, answers to calls to it. What cannot
 * be sent again is left out, and counted by reason.
 *
 * Owner: one thread; not changed once made.
 */

#include "bench/load/trace/summary.h"
#include "bench/load/trace/trace.h"

typedef enum ReplayKind {
        REPLAY_CONNECT,
        REPLAY_DISCONNECT,
        REPLAY_SEND,
} ReplayKind;

typedef enum ReplayWait {
        REPLAY_AWAIT_NOTHING, /* done when it is sent: broadcasts, for instance */
        REPLAY_AWAIT_ARRIVAL, /* done when it has reached its receiver, or was refused by the bus */
        REPLAY_AWAIT_ANSWER,  /* done when the bus has answered */
} ReplayWait;

typedef enum ReplayLeftOut {
        REPLAY_LEFT_BUS,       /* the bus's own: no reason to worry */
        REPLAY_LEFT_TYPE,      /* of a type that is none of the four */
        REPLAY_LEFT_ORPHAN,    /* an answer to a call from before the recording, or to none */
        REPLAY_LEFT_EFFECT,    /* a call to the bus that would change more than this connection */
        REPLAY_LEFT_ARGUMENTS, /* a call to the bus whose arguments are not in the trace */
        REPLAY_LEFT_ANSWER,    /* an answer to a call that was left out */
        REPLAY_N_LEFT_OUT,
} ReplayLeftOut;

typedef struct ReplayStep {
        uint64_t time_ns; /* in the trace */
        uint32_t peer;
        uint32_t message;     /* what is sent; of CONNECT the Hello, or 0 */
        uint32_t next;        /* the peer's next step + 1, or 0 */
        uint32_t n_inbound;   /* so many of what reaches the peer must have come */
        uint32_t n_answers;   /* so many of the bus's answers must have come */
        uint32_t answer;      /* of CONNECT and DISCONNECT: the place among the bus's answers + 1 */
        uint8_t kind;         /* ReplayKind */
        uint8_t awaits;       /* ReplayWait */
        bool is_barrier;      /* all steps before it must be done */
        bool wants_no_answer; /* nobody answered: NO_REPLY_EXPECTED, whatever was recorded */
} ReplayStep;

/* What is known of a message beyond the trace. By its number. */
typedef struct ReplayFate {
        uint32_t step;       /* + 1; 0: is not sent */
        uint32_t receiver;   /* better known than when it was recorded */
        uint32_t answer;     /* of a call: the message that answers it, or 0 */
        uint32_t inbound;    /* its place among what reaches its receiver + 1; 0: nobody waits */
        uint32_t bus_answer; /* of an answer of the bus: its place among these + 1; or 0 */
        bool is_expected;    /* an answer of the bus that will come */
        uint8_t left_out;    /* ReplayLeftOut, if it is neither sent nor expected */
} ReplayFate;

typedef struct ReplayPeer {
        uint32_t first_step; /* + 1, or 0 */
        uint32_t n_inbound;
        bool was_there;       /* connects before the replay begins */
        bool is_ghost;        /* was never there: somebody called a name that nobody had */
        bool may_be_replaced; /* of its names, one went to somebody else while it was there */
} ReplayPeer;

typedef struct ReplayPlan {
        const Trace *trace; // borrowed
        ReplayStep *steps;
        uint32_t n_steps;
        ReplayFate *fates;                  /* by message */
        ReplayPeer *peers;                  /* by peer */
        uint32_t n_answers;                 /* of the bus, that steps wait for */
        uint64_t n_recorded[SUMMARY_KINDS]; /* messages that are to come again */
        uint64_t n_left_out[REPLAY_N_LEFT_OUT];
        uint64_t n_unawaited_errors; /* errors of the bus that come when they come */
} ReplayPlan;

/* 0 or -ENOMEM. The trace must outlive the plan. */
int replay_plan_make(const Trace *trace, ReplayPlan *ret_plan);
void replay_plan_deinit(ReplayPlan *plan); /* idempotent */

#endif
