/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BENCH_LOAD_TRACE_REPLAY_PRIVATE_H
#define RINGBUS_BENCH_LOAD_TRACE_REPLAY_PRIVATE_H

/* What the files of the replay share beyond replay.h. */

#include "bench/load/trace/replay.h"

/* A frame that an actor received: the handler. */
void replay_receive(Connection *connection, const ConnectionFrame *frame);

/* Connects a peer that was there, during the preparation. */
void replay_actor_prepare(ReplayActor *actor);

#endif
