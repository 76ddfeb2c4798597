/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_ROUTER_REPLIES_H
#define RINGBUS_ROUTER_REPLIES_H

/*
 * Replies owed: one record per call that expects a reply, in the caller's own table (counts
 * max_replies_per_connection, finds duplicate serials) and on the callee's list, where it is put
 * before the call enters the callee's mailbox. One state word decides who consumes it: exactly one
 * answer per call.
 *
 * Owner: the caller's table belongs to the caller's home worker, the callee's to the callee's; a
 * record is shared by both and freed with the second reference.
 */

#include "broker/router/router.h"

typedef enum RepliesResult {
        REPLIES_OK,
        REPLIES_DUPLICATE,   /* that serial is outstanding already, with the same callee */
        REPLIES_TOO_MANY,    /* max_replies_per_connection */
        REPLIES_CALLEE_GONE, /* sealed: the caller's worker answers NoReply */
        REPLIES_NO_MEMORY,
} RepliesResult;

#define REPLIES_NEVER UINT64_MAX

struct Owed {
        StackNode added; /* on the callee's incoming list */
        RefCount references;
        OwedState state;
        Endpoint *caller;
        uint64_t caller_id;
        uint64_t callee_id; /* ENDPOINT_NO_ID: nobody yet, it is to be started */
        Tally deadline_ns;  /* of the caller's home, or while it is delivered to a fresh owner */
        uint32_t serial;
        ListNode caller_node; /* in the caller's owed_calls */
        Owed *caller_next;    /* chain of the caller's hash */
        Owed *callee_next;    /* chain of the callee's hash */
};

/*
 * Caller's home worker: a record for a call, in the caller's table only; it gets on the callee's
 * list with replies_assign(). `callee_id` may be ENDPOINT_NO_ID. REPLIES_DUPLICATE,
 * REPLIES_TOO_MANY or REPLIES_NO_MEMORY: nothing changed.
 */
RepliesResult replies_expect(RouterThread *thread, Endpoint *caller, uint64_t callee_id,
                             uint32_t serial, Owed **ret_owed);

/* Any thread, in a read-side section: puts the record on the callee's list; asks the callee's home
 * to collect when it gets long. False: the callee has left. */
bool replies_assign(RouterThread *thread, Owed *owed, Endpoint *callee);

/* Callee's home worker: takes over what callers have added and forgets what is settled, so that a
 * callee that never answers does not hold records of callers that have left. */
void replies_collect(RouterThread *thread, Endpoint *callee);

/* Any thread: decides the record; true for exactly one. The winner answers (or withdraws). */
bool replies_settle(Owed *owed);

/* Callee's home worker: a reply to `caller` for `serial` came: true if it was owed. */
bool replies_consume(RouterThread *thread, Endpoint *callee, const Endpoint *caller,
                     uint32_t serial);

/* Caller's home worker: it leaves; nobody answers its calls any more. */
void replies_forget_calls(RouterThread *thread, Endpoint *caller);

/* Callee's home worker: it leaves; seals its list and calls `answer` for each call that it still
 * owed (inside the caller's read-side section). */
void replies_seal(RouterThread *thread, Endpoint *callee,
                  void (*answer)(RouterThread *thread, Endpoint *caller, uint32_t serial));

/* Caller's home worker: a record that is settled leaves the caller's table. */
void replies_forget_call(RouterThread *thread, Endpoint *caller, Owed *owed);

/* When a call that is made now has waited for reply_timeout; REPLIES_NEVER: there is none. */
uint64_t replies_deadline(const RouterThread *thread);

/* Caller's home worker: when replies_expire() is to be called next, if a timer is needed at all:
 * the deadline of its oldest call. REPLIES_NEVER: nothing is owed, or without a deadline. */
uint64_t replies_first_deadline(const RouterThread *thread, const Endpoint *caller);

/*
 * Caller's home worker: has `time_out`, replies_time_out(), settle each call that has waited for
 * reply_timeout and that nobody has settled before; many of them not all at once. Returns when it
 * is to be called again, behind thread->now_ns, or REPLIES_NEVER.
 */
uint64_t replies_expire(RouterThread *thread, Endpoint *caller,
                        void (*time_out)(RouterThread *thread, Owed *owed));

/* Settles the call, unless somebody else has, and answers it by NoReply. */
void replies_time_out(RouterThread *thread, Owed *owed);

/* Callee's home worker, before it pushes a reply that replies_consume() did not find: if the call
 * has just timed out, its NoReply has been pushed when this returns. */
void replies_pass_time_out(RouterThread *thread);

/*
 * The error NoReply with that text, in the place of a reply. Any thread, in a read-side section, no
 * lock held; the record has been settled by the calling thread. Out of memory: the caller's
 * connection ends, so that it does not wait for ever.
 */
void replies_answer(RouterThread *thread, Endpoint *caller, uint32_t serial, Text text);

/* Drops one reference of two (`mine`: the thread's pool). */
void replies_unref(Pool *mine, Owed *owed);

#endif
