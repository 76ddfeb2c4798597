/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BENCH_LOAD_HOSTILE_REPORT_H
#define RINGBUS_BENCH_LOAD_HOSTILE_REPORT_H

/* Collects the outcomes of bench_hostile's rounds, prints and judges them. */

#include "bench/load/hostile_run.h"
#include "bench/load/engine/sample.h"

/* One kind of attack on one broker, over all rounds. */
typedef struct HostileRow {
        Sample quiet_p50, quiet_p99, quiet_rate; /* the pair on the bus */
        Sample p50, p99, rate;                   /* during the attack */
        Sample relay_p50, relay_p99, ratio;      /* p99, bus over relay */
        Sample sent, limits, closed, wait_ms;    /* what the attackers saw */
        Sample before_mib, most_mib, after_mib;  /* resident memory */
        Sample fds_before, fds_most, fds_left;   /* left: after less before */
        Sample pass_fd_ms, pass_fd_after_ms;     /* of those that came */
        Sample lost;                             /* bystanders */
        unsigned n_rounds;
        unsigned n_failed;    /* of them: the pair was closed, or the broker ended */
        unsigned n_fds_late;  /* did not come during the attack */
        unsigned n_fds_never; /* nor afterwards */
        unsigned n_unbounded; /* rounds in which memory grew too much */
        unsigned n_unrefused; /* in which nobody was refused or held */
} HostileRow;

typedef struct HostileReport {
        BrokerOptions broker;
        HostileRow rows[ATTACK_KINDS];
} HostileReport;

/* `outcome` NULL: the round failed. */
void hostile_report_add(HostileReport *report, AttackKind kind, const HostileOutcome *outcome);

/* Prints all brokers' figures, attack by attack, and says what is met. Returns how many of
 * ringbus's requirements are not. */
unsigned hostile_report_print(const HostileReport *reports, unsigned n, const bool *attacks);

#endif
