/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BENCH_LOAD_SCENARIO_CALLER_H
#define RINGBUS_BENCH_LOAD_SCENARIO_CALLER_H

/*
 * A client that calls and waits for replies, each of which is an operation of the run.
 *
 * Owner: the part's thread.
 */

#include "bench/load/scenario/run.h"

typedef struct Caller {
        RunClient client;
        Window window;
        /* Replies come from the bus, or from services that are not this program's: it is the caller
         * who counts them as messages. */
        bool counts_replies;
} Caller;

typedef struct CallerReply {
        uint64_t started_ns;
        uint32_t tag;
} CallerReply;

/* Begins an operation: sends a copy, as begun at `started_ns`, which the message's stamp says, too.
 * False if too many are outstanding: then the run has failed. */
bool caller_send(Caller *caller, const Template *call, uint64_t started_ns, uint32_t tag);

/* The accounting alone: the serial of a call that the caller sends by itself; 0 as above. */
uint32_t caller_begin(Caller *caller, uint64_t started_ns, uint32_t tag);

/*
 * First thing in a frame handler: true if the frame is the reply to one of those calls. What became
 * of the operation is for the scenario to count: see caller_end(). Other replies fail the run; what
 * is no reply is false.
 */
bool caller_take(Caller *caller, const ConnectionFrame *frame, CallerReply *ret_reply);

/* The same for a frame that is a reply, of a caller that has looked for others himself: false if it
 * is to none of those calls. */
bool caller_find(Caller *caller, const ConnectionFrame *frame, CallerReply *ret_reply);

/* The operation ended: well, with its latency, or by the error that the reply is. True if well. */
bool caller_end(Caller *caller, const ConnectionFrame *frame, const CallerReply *reply);

/* A call to the bus, with arguments of types s and u only, as for run_call_bus(). */
void caller_bus_call(Template *template, const char *member, const char *signature, ...);

/* ConnectionHandlers.ready of clients that have nothing to do until the run starts. */
void caller_is_ready(Connection *connection);

void caller_deinit(Caller *caller); /* once the run is over; idempotent */

#endif
