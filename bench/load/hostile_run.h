/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BENCH_LOAD_HOSTILE_RUN_H
#define RINGBUS_BENCH_LOAD_HOSTILE_RUN_H

/*
 * One round of bench_hostile for one kind of attack: a fresh broker, an unrelated pair and
 * bystanders; quiet, then the attack, then what is left of it.
 */

#include "bench/load/attack.h"
#include "bench/load/broker/broker.h"
#include "bench/load/pair.h"
#include "bench/load/vitals.h"

typedef struct HostilePlan {
        BrokerOptions broker;
        unsigned measure_ms; /* of each condition */
        unsigned n_flooders;
        unsigned n_halves;
        unsigned n_hoards;
        unsigned rlimit_nofile; /* of the broker, in HOARD: fds in flight count against it */
} HostilePlan;

/* What one attack did. Of pairs: PAIR_BUS and PAIR_RELAY. */
typedef struct HostileOutcome {
        PairFigures quiet[2];
        PairFigures attacked[2];
        double pass_fd_ms;       /* an unrelated fd during the attack; -1: it did not come */
        double pass_fd_after_ms; /* and once it is over */
        uint64_t n_sent, n_limits, n_errors, n_closed, longest_wait_ms; /* see AttackShared */
        Vitals vitals;                                                  /* of the broker */
        uint64_t resident_bound_kib;                                    /* what it may grow by */
        unsigned n_lost; /* bystanders that were closed */
} HostileOutcome;

/* 0, or -1 after saying on stderr what was wrong: the broker ended, or it closed or forgot the pair
 * or the attackers could not begin. */
int hostile_run(const HostilePlan *plan, AttackKind kind, HostileOutcome *ret_outcome);

#endif
