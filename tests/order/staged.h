/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_TESTS_ORDER_STAGED_H
#define RINGBUS_TESTS_ORDER_STAGED_H

/*
 * What a test and the staged daemon share: a file that both have mapped, named by RINGBUS_STAGE.
 *
 * A stop goes FREE -> ARMED (test) -> MEETING -> STOPPED (the daemon's thread, which then waits)
 * -> RELEASED (test) -> FREE (the thread goes on).
 */

#include <stdatomic.h>
#include <stdint.h>

#include "broker/base/stage.h"

enum {
        STAGED_STOPS_MAX = 16,
        STAGED_PLACES_MAX = 1 << 16, /* connections ":1.N" that one bus may see */
        STAGED_THREADS_MAX = 64,
        STAGED_DEADLINE_MS = 60000, /* a stop that nobody releases ends the daemon */
};

#define STAGED_ANYBODY UINT64_MAX

typedef enum StagedState {
        STAGED_FREE,
        STAGED_ARMED,
        STAGED_MEETING,
        STAGED_STOPPED,
        STAGED_RELEASED,
} StagedState;

typedef struct StagedStop {
        _Atomic(uint32_t) state;
        uint32_t point;   /* test: before it is armed; as the next one */
        uint64_t who;     /* or STAGED_ANYBODY */
        uint64_t met;     /* daemon: whom the thread came by with */
        uint32_t worker;  /* daemon: which worker it is */
        uint32_t skipped; /* daemon: how often it was passed, as the test wished */
        uint32_t skips;   /* test: let so many pass */
} StagedStop;

typedef struct StagedPlace {
        _Atomic(uint32_t) worker; /* + 1; 0: not known */
        _Atomic(uint64_t) mailbox;
} StagedPlace;

typedef struct StagedControl {
        StagedStop stops[STAGED_STOPS_MAX];
        StagedPlace places[STAGED_PLACES_MAX];
        _Atomic(uint32_t) waits[STAGED_THREADS_MAX]; /* the worker waits for a lock */
        _Atomic(uint32_t) activates; /* messages for names without an owner wait for one */
} StagedControl;

#endif
