/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BENCH_LOAD_TRACE_REPLAY_PLAN_PRIVATE_H
#define RINGBUS_BENCH_LOAD_TRACE_REPLAY_PLAN_PRIVATE_H

/* What the files of the plan share. */

#include "bench/load/trace/replay_plan.h"

const TraceMessage *replay_plan_message(const ReplayPlan *plan, uint32_t number);

/* Whether it is a call of that method of the bus. */
bool replay_plan_calls(const ReplayPlan *plan, const TraceMessage *message, const char *member);

/* Whether it is a call to the bus whose arguments the trace has, as its signature demands them. */
bool replay_plan_has_arguments(const ReplayPlan *plan, const TraceMessage *message);

/* The steps, their order, and what each waits for. 0 or -ENOMEM. */
int replay_plan_order(ReplayPlan *plan);

#endif
