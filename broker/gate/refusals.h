/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_GATE_REFUSALS_H
#define RINGBUS_GATE_REFUSALS_H

/*
 * Refusals: who was turned away, and why: counted always, logged now and then, for strangers decide
 * how often there is something to log. A line names the uid, the pid and the executable, which the
 * clerk looks up: /proc may make one wait.
 *
 * Owner: the gate's thread; the counters any thread may read, and a line is the clerk's while it is
 * `busy`.
 */

#include "broker/base/job.h"
#include "broker/gate/gate.h"
#include "broker/gate/throttle.h"
#include "broker/sync/switch.h"
#include "broker/sync/tally.h"

/* Whom a refusal concerns: SO_PEERCRED of the socket; or CREDENTIALS_NO_UID and, over TCP, where it
 * comes from: "192.0.2.7 port 4711". */
typedef struct RefusalPeer {
        uid_t uid;
        gid_t gid;
        pid_t pid;
        char from[64];
} RefusalPeer;

/* Each kind has a line of its own, so that one never waits for another. */
typedef struct RefusalLine {
        Job job;
        Switch busy; /* the clerk is about to write it */
        RefusalPeer peer;
        char reason[160];
} RefusalLine;

typedef struct Refusals {
        const GateOptions *options; /* borrowed: post_job */
        Tally counts[GATE_N_REFUSALS];
        Throttle throttles[GATE_N_REFUSALS];
        uint64_t silent[GATE_N_REFUSALS]; /* not logged since the last line of the kind */
        RefusalLine lines[GATE_N_REFUSALS];
} Refusals;

void refusals_init(Refusals *refusals, const GateOptions *options);

/* Counts a refusal, and logs it with its reason, if it is time to. */
void refusals_note(Refusals *refusals, GateRefusal kind, const RefusalPeer *peer, uint64_t now_ns,
                   const char *format, ...) __attribute__((format(printf, 5, 6)));

/* The reasons that need no details: in words. */
const char *refusals_text(GateRefusal kind);

#endif
