/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_ROUTER_RULES_H
#define RINGBUS_ROUTER_RULES_H

/*
 * AddMatch and RemoveMatch as steps: the index, the counts and the reply change together inside the
 * turn, so that nothing that is sent after the reply is missed, and nothing arrives after it for a
 * rule that was removed (ordering contract, e).
 */

#include "broker/router/step.h"

typedef enum RulesResult {
        RULES_OK,
        RULES_LIMIT, /* max_match_rules_per_connection */
        RULES_NOT_FOUND,
        RULES_NO_MEMORY,
} RulesResult;

/*
 * Home worker of `endpoint`. On RULES_OK `reply` (may be NULL: none was expected) is pushed in the
 * same step and its reference is taken; otherwise it stays the caller's.
 */
RulesResult rules_add(RouterThread *thread, Endpoint *endpoint, const MatchRule *rule,
                      Message *reply);
RulesResult rules_remove(RouterThread *thread, Endpoint *endpoint, const MatchRule *rule,
                         Message *reply);

/*
 * Home worker of an endpoint that is going to be a monitor: one more of its rules, which holds from
 * rules_begin_monitoring() on. RULES_OK or RULES_NO_MEMORY; rules_forget_monitoring() takes back
 * what was added.
 */
RulesResult rules_add_monitoring(RouterThread *thread, Endpoint *endpoint, const MatchRule *rule);
void rules_forget_monitoring(RouterThread *thread, Endpoint *endpoint);

/* How many rules the endpoint has, with repetitions, and how many it has had at most. Any worker.
 * Takes the turn. */
void rules_read_counts(RouterThread *thread, const Endpoint *endpoint, unsigned *ret_n,
                       unsigned *ret_peak);
unsigned rules_count(RouterThread *thread, const Endpoint *endpoint);

/* Registry lock and turn are held: all rules of a leaving endpoint, and all that name it; a monitor
 * sees nothing from now on. */
void rules_leave(Step *step, Endpoint *endpoint);

/* Registry lock and turn are held: everybody's messages take the turn from now on. */
void rules_begin_capturing(Step *step);

/* Registry lock and turn are held: the endpoint's rules go but for those of the monitor that it now
 * is, as well as all that name it. */
void rules_begin_monitoring(Step *step, Endpoint *endpoint);

#endif
