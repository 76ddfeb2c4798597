/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BENCH_LOAD_SCENARIO_MIXED_PROFILE_H
#define RINGBUS_BENCH_LOAD_SCENARIO_MIXED_PROFILE_H

/*
 * The desktop of the scenario `mixed`: what is sent how often, and the messages themselves. Peers
 * are called by well-known names, and properties have the sizes that those of common services have.
 */

#include "bench/load/scenario/run.h"

typedef enum MixedKind {
        MIXED_DRIVER,
        MIXED_PROPERTY,
        MIXED_PEER,
        MIXED_SIGNAL,
        MIXED_KINDS
} MixedKind;

typedef enum MixedAction {
        MIXED_GET_NAME_OWNER,
        MIXED_NAME_HAS_OWNER,
        MIXED_GET_PID,
        MIXED_MATCH, /* AddMatch and RemoveMatch in turn */
        MIXED_GET,
        MIXED_GET_ALL,
        MIXED_CALL_SMALL,
        MIXED_CALL_MIDDLE,
        MIXED_CALL_LARGE,
        MIXED_CHANGED_ONE,
        MIXED_CHANGED_SOME,
        MIXED_CHANGED_MANY,
        MIXED_ACTIONS,
} MixedAction;

typedef struct MixedRow {
        MixedKind kind;
        unsigned percent; /* of all actions */
        size_t size;      /* payload of a peer's call; properties in a signal, or in GetAll */
} MixedRow;

extern const MixedRow mixed_profile_rows[MIXED_ACTIONS];

#define MIXED_PATH "/com/example/Load"
#define MIXED_INTERFACE "com.example.Load"
#define MIXED_PROPERTIES "org.freedesktop.DBus.Properties"
#define MIXED_CHANGED "PropertiesChanged"

enum { MIXED_NAME_MAX = 96 };

/* An action for a number drawn from 0 to 99. */
MixedAction mixed_profile_choose(unsigned number);

/* Calls to one service, or to the bus about it. */
typedef struct MixedCalls {
        Template calls[MIXED_ACTIONS]; /* none for signals; of MIXED_MATCH, AddMatch */
        Template remove_match;
} MixedCalls;

void mixed_profile_calls(MixedCalls *calls, const char *service); /* uninitialized memory */
void mixed_profile_calls_deinit(MixedCalls *calls);

/* A service's reply to one. */
void mixed_profile_reply(Template *template, MixedAction action, const char *caller);

/* Which action a call to a service is, by its member and size. False: none of ours. */
bool mixed_profile_recognize(const ConnectionFrame *frame, MixedAction *ret_action);

/* PropertiesChanged, emitted at `path`; its first property is the stamp. */
void mixed_profile_signal(Template *template, MixedAction action, const char *path);
/* Of a received one: when it was sent; 0 if it has no stamp. */
uint64_t mixed_profile_stamp(const ConnectionFrame *frame);

#endif
