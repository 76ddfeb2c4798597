/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BENCH_LOAD_LOBBY_RUN_H
#define RINGBUS_BENCH_LOAD_LOBBY_RUN_H

/*
 * The rounds of bench_lobby for one attack on one broker: a fresh broker with an unrelated pair and
 * bystanders. In each round the pair is measured three times: while it is quiet; while the attack
 * goes against another broker, the decoy, so that what the attack costs the machine is known; and
 * while it goes against the pair's own.
 */

#include "bench/load/broker/broker.h"
#include "bench/load/intrusion.h"
#include "bench/load/pair.h"
#include "bench/load/vitals.h"

typedef struct LobbyPlan {
        BrokerOptions broker;
        BrokerOptions decoy; /* daemon NULL: none */
        IntrusionPlan intrusion;
        unsigned measure_ms; /* of each condition */
        unsigned n_rounds;
} LobbyPlan;

/* One measurement. Of pairs: PAIR_BUS and PAIR_RELAY. Shares are of one CPU. */
typedef struct LobbyWindow {
        PairFigures pair[2];
        double tried_per_s, late_per_s;
        double broker_cpu, attacker_cpu, pair_cpu; /* pair: with the relay */
        double foreign_cpu;                        /* anything else */
        double machine_cpu;                        /* busy, of all CPUs: 0 to 1 */
} LobbyWindow;

typedef struct LobbyOutcome {
        LobbyWindow quiet, decoy, attack;
        Vitals vitals;          /* of the attacked broker */
        IntrusionCounts counts; /* of the whole attack, from its first connection on */
        double newcomer_ms;     /* who joins during the attack; -1: not in time */
        double newcomer_after_ms;
        unsigned n_lost; /* bystanders that were closed */
} LobbyOutcome;

/* Gives each round's outcome to `take`; NULL for all rounds from the one on that failed, after
 * saying on stderr what was wrong. */
void lobby_run(const LobbyPlan *plan, IntrusionKind kind,
               void (*take)(void *context, const LobbyOutcome *outcome), void *context);

#endif
