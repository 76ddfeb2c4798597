/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_ROUTER_JUDGE_H
#define RINGBUS_ROUTER_JUDGE_H

/*
 * The security modules and the policy in force, asked about what is being routed: by the thread's
 * root, which is loaded once for each message. Where no module mediates and everything is allowed
 * that costs a branch; otherwise the thread's caches of answers and verdicts are asked first.
 *
 * The thread that routes, inside a read-side section.
 */

#include "broker/router/router.h"

/* What a client is told that was refused last; until the next refusal. */
static inline const char *judge_refusal(const RouterThread *thread)
{
        return thread->refusals.text;
}

/* Whether messages are judged at all. */
static inline bool judge_is_needed(const RouterThread *thread)
{
        return UNLIKELY(router_judges(thread->root));
}

/*
 * Whether the sender may send this to `to`, which DESTINATION means, and `to` may receive it. For
 * what has a REPLY_SERIAL, `requested` says whether it is the reply that `to` waits for. No lock is
 * held. The verdict is given to judge_refuse() if it is a refusal.
 */
Verdict judge_unicast(RouterThread *thread, const Endpoint *sender, const Endpoint *to,
                      const Header *header, bool requested);

static inline bool judge_is_refusal(Verdict verdict)
{
        return verdict == VERDICT_NO_SEND || verdict == VERDICT_NO_RECEIVE ||
               verdict == VERDICT_MEDIATED;
}

/* Counts it, logs it and finds the words for it. */
void judge_refuse(RouterThread *thread, const Endpoint *sender, const Endpoint *to,
                  const Header *header, bool requested, Verdict verdict);

/* Whether the sender may send this to the bus itself; if not, it was counted, logged and put into
 * words. No lock is held. */
bool judge_to_bus(RouterThread *thread, const Endpoint *sender, const Header *header);

/* The same of a Hello, which only the security modules judge. */
bool judge_hello(RouterThread *thread, const Endpoint *sender, const Header *header);

/* Whether `to` may receive a message of the bus's own that is addressed to it; if not, it was
 * counted. Any locks. */
bool judge_from_bus(RouterThread *thread, const Endpoint *to, const Message *message);

/* Why not, as text; until the next refusal. Any locks. */
const char *judge_word_own(RouterThread *thread, const Endpoint *to, const Header *header);

typedef enum JudgeLocks { JUDGE_NO_LOCK, JUDGE_LOCKED } JudgeLocks;

/*
 * Takes those out of thread->targets who may not get this message, which is not addressed to any of
 * them, without telling the sender; they lie in thread->sorted for a while. `sender` NULL: the bus.
 * Under a lock nothing is logged.
 */
void judge_targets(RouterThread *thread, const Endpoint *sender, const Header *header,
                   JudgeLocks locks);

/* Why one of those was taken out, as text; until the next refusal. Any locks. */
const char *judge_word_target(RouterThread *thread, const Endpoint *sender, const Header *header,
                              const Endpoint *to);

/* Whether it may own a well-known name; if not, it was counted and logged, and the words are there.
 * No lock is held. */
bool judge_name(RouterThread *thread, const Endpoint *endpoint, Text name);

/* Whether it may see what others say to each other, as far as the security modules are concerned;
 * if not, as above. */
bool judge_eavesdropping(RouterThread *thread, const Endpoint *endpoint);

#endif
