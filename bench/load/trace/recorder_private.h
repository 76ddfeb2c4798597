/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BENCH_LOAD_TRACE_RECORDER_PRIVATE_H
#define RINGBUS_BENCH_LOAD_TRACE_RECORDER_PRIVATE_H

/* What the files of the recorder share. Owner: the thread that records. */

#include "bench/load/trace/recorder.h"

#define RECORDER_BUS_NAME "org.freedesktop.DBus"

/* What is known of a string. NULL: out of memory, which the writer knows by then. */
RecorderName *recorder_name(Recorder *recorder, uint32_t string);

/* The peer with that unique name, a new one if need be. 0: out of memory. */
uint32_t recorder_peer(Recorder *recorder, Text unique_name, bool was_there);

/* The peer with that unique name, or 0. */
uint32_t recorder_find_peer(const Recorder *recorder, Text unique_name);

/* The arguments of a call to the bus whose values the trace holds; returns how many. */
unsigned recorder_read_args(Recorder *recorder, const Header *header, const uint8_t *body,
                            TraceArg args[static TRACE_ARGS_MAX]);

/* There is such a rule: signals that satisfy it will say so. */
void recorder_interest(Recorder *recorder, Text rule);

/* The arguments of a signal that satisfy a rule; returns how many. */
unsigned recorder_interest_args(Recorder *recorder, const Header *header, const uint8_t *body,
                                TraceArg args[static TRACE_ARGS_MAX]);

#endif
