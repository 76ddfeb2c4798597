/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BENCH_LOAD_LOBBY_REPORT_H
#define RINGBUS_BENCH_LOAD_LOBBY_REPORT_H

/* Collects the outcomes of bench_lobby's rounds, prints and judges them. */

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "bench/load/engine/sample.h"
#include "bench/load/lobby_run.h"

/* X(figure, name): the name is that in the JSON. */
#define LOBBY_FIGURE_LIST(X)                                                                       \
        X(TRIED, "tried")                                                                          \
        X(TRIED_PER_S, "tried_per_s")                                                              \
        X(LATE, "not_tried_per_s")                                                                 \
        X(FULL, "queue_full")                                                                      \
        X(LET_IN, "let_in")                                                                        \
        X(CLOSED, "closed_by_bus")                                                                 \
        X(LEFT, "left")                                                                            \
        X(OPEN_MOST, "open_at_most")                                                               \
        X(QUIET_P50, "quiet_p50_us")                                                               \
        X(QUIET_P99, "quiet_p99_us")                                                               \
        X(QUIET_MAX, "quiet_max_us")                                                               \
        X(DECOY_P50, "decoy_p50_us")                                                               \
        X(DECOY_P99, "decoy_p99_us")                                                               \
        X(DECOY_MAX, "decoy_max_us")                                                               \
        X(P50, "attack_p50_us")                                                                    \
        X(P99, "attack_p99_us")                                                                    \
        X(MAX, "attack_max_us")                                                                    \
        X(QUIET_RELAY_P99, "quiet_relay_p99_us")                                                   \
        X(RELAY_P99, "attack_relay_p99_us")                                                        \
        X(RATIO, "p99_over_quiet")                                                                 \
        X(DECOY_RATIO, "p99_over_decoy")                                                           \
        X(DECOY_OVER_QUIET, "decoy_p99_over_quiet")                                                \
        X(RELAY_RATIO, "relay_p99_over_quiet")                                                     \
        X(MIB_BEFORE, "mib_before")                                                                \
        X(MIB_MOST, "mib_at_most")                                                                 \
        X(MIB_AFTER, "mib_after")                                                                  \
        X(FDS_BEFORE, "fds_before")                                                                \
        X(FDS_MOST, "fds_at_most")                                                                 \
        X(FDS_AFTER, "fds_after")                                                                  \
        X(QUIET_BROKER_CPU, "quiet_bus_cpu")                                                       \
        X(BROKER_CPU, "attack_bus_cpu")                                                            \
        X(ATTACKER_CPU, "attacker_cpu")                                                            \
        X(PAIR_CPU, "attack_pair_cpu")                                                             \
        X(QUIET_FOREIGN_CPU, "quiet_foreign_cpu")                                                  \
        X(FOREIGN_CPU, "attack_foreign_cpu")                                                       \
        X(QUIET_MACHINE_CPU, "quiet_machine_cpu")                                                  \
        X(MACHINE_CPU, "attack_machine_cpu")                                                       \
        X(NEWCOMER, "newcomer_ms")                                                                 \
        X(NEWCOMER_AFTER, "newcomer_after_ms")                                                     \
        X(LOST, "bystanders_lost")

typedef enum LobbyFigure {
#define LOBBY_FIGURE(figure, name) LOBBY_##figure,
        LOBBY_FIGURE_LIST(LOBBY_FIGURE)
#undef LOBBY_FIGURE
                LOBBY_FIGURES,
} LobbyFigure;

/* One attack on one broker, over all rounds. */
typedef struct LobbyRow {
        IntrusionKind kind;
        BrokerOptions broker;
        Sample figures[LOBBY_FIGURES];
        unsigned n_rounds;
        unsigned n_failed; /* of them: the pair was closed, or the broker ended */
        unsigned n_late;   /* the newcomer did not come in during the attack */
        unsigned n_never;  /* nor afterwards */
        unsigned n_fds_left;
        unsigned n_unbounded; /* memory grew too much */
} LobbyRow;

/* What is asked of the pair's p99. */
typedef struct LobbyLimit {
        double most;        /* 0: nothing */
        bool against_decoy; /* or against quiet */
} LobbyLimit;

/* `outcome` NULL: the round failed. */
void lobby_report_add(LobbyRow *row, const LobbyOutcome *outcome);

/* Prints all rows, and what is met. Returns how many of ringbus's requirements are not. */
unsigned lobby_report_print(const LobbyRow *rows, unsigned n, const LobbyLimit *limit, FILE *file);

/* A new reference; an array of objects. */
json_t *lobby_report_to_json(const LobbyRow *rows, unsigned n);

#endif
