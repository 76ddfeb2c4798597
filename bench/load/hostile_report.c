/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/load/hostile_report.h"

#include <stdio.h>

enum {
        RATIO_MAX = 2,      /* p99 of the pair on the bus, over that of the relay */
        HELD_MS = 100,      /* a sender that could write nothing for so long was paused */
        NOISE_PERCENT = 20, /* of a comparison with another broker */
};

/* Senders to somebody who does not read get an error or are paused; signals are dropped. */
static bool must_refuse(AttackKind kind)
{
        return kind == ATTACK_CALLS || kind == ATTACK_FDS || kind == ATTACK_HOARD;
}

static void add_pair(HostileRow *row, const HostileOutcome *outcome)
{
        const PairFigures *quiet = &outcome->quiet[PAIR_BUS];
        const PairFigures *bus = &outcome->attacked[PAIR_BUS];
        const PairFigures *relay = &outcome->attacked[PAIR_RELAY];

        sample_add(&row->quiet_p50, quiet->p50_us);
        sample_add(&row->quiet_p99, quiet->p99_us);
        sample_add(&row->quiet_rate, quiet->calls_per_s / 1000);
        sample_add(&row->p50, bus->p50_us);
        sample_add(&row->p99, bus->p99_us);
        sample_add(&row->rate, bus->calls_per_s / 1000);
        sample_add(&row->relay_p50, relay->p50_us);
        sample_add(&row->relay_p99, relay->p99_us);
        if (relay->p99_us > 0)
                sample_add(&row->ratio, bus->p99_us / relay->p99_us);
}

static void add_outcome(HostileRow *row, AttackKind kind, const HostileOutcome *outcome)
{
        const Vitals *vitals = &outcome->vitals;
        long growth = vitals->resident_most_kib - vitals->resident_before_kib;

        sample_add(&row->sent, (double)outcome->n_sent / 1000);
        sample_add(&row->limits, (double)outcome->n_limits / 1000);
        sample_add(&row->closed, (double)outcome->n_closed);
        sample_add(&row->wait_ms, (double)outcome->longest_wait_ms);
        sample_add(&row->before_mib, (double)vitals->resident_before_kib / 1024);
        sample_add(&row->most_mib, (double)vitals->resident_most_kib / 1024);
        sample_add(&row->after_mib, (double)vitals->resident_after_kib / 1024);
        sample_add(&row->fds_before, (double)vitals->fds_before);
        sample_add(&row->fds_most, (double)vitals->fds_most);
        sample_add(&row->fds_left, (double)(vitals->fds_after - vitals->fds_before));
        sample_add(&row->lost, outcome->n_lost);
        if (outcome->pass_fd_ms >= 0)
                sample_add(&row->pass_fd_ms, outcome->pass_fd_ms);
        else
                row->n_fds_late++;
        if (outcome->pass_fd_after_ms >= 0)
                sample_add(&row->pass_fd_after_ms, outcome->pass_fd_after_ms);
        else
                row->n_fds_never++;
        row->n_unbounded += growth > (long)outcome->resident_bound_kib;
        row->n_unrefused +=
                must_refuse(kind) && outcome->n_limits == 0 && outcome->longest_wait_ms < HELD_MS;
}

void hostile_report_add(HostileReport *report, AttackKind kind, const HostileOutcome *outcome)
{
        HostileRow *row = &report->rows[kind];

        row->n_rounds++;
        if (!outcome) {
                row->n_failed++;
                return;
        }
        add_pair(row, outcome);
        add_outcome(row, kind, outcome);
}

static void print_pairs(const HostileReport *reports, unsigned n, AttackKind kind)
{
        char label[BROKER_LABEL_MAX], text[9][SAMPLE_TEXT_MAX];

        printf("%-18s %18s %18s %18s %18s %18s %18s %18s %18s %16s\n", "pair, us", "quiet p50",
               "quiet p99", "quiet k calls/s", "p50", "p99", "k calls/s", "relay p50", "relay p99",
               "p99/relay's");
        for (unsigned i = 0; i < n; i++) {
                const HostileRow *row = &reports[i].rows[kind];

                printf("%-18s %18s %18s %18s %18s %18s %18s %18s %18s %16s\n",
                       broker_label(&reports[i].broker, label),
                       sample_text(&row->quiet_p50, text[0]), sample_text(&row->quiet_p99, text[1]),
                       sample_text(&row->quiet_rate, text[2]), sample_text(&row->p50, text[3]),
                       sample_text(&row->p99, text[4]), sample_text(&row->rate, text[5]),
                       sample_text(&row->relay_p50, text[6]), sample_text(&row->relay_p99, text[7]),
                       sample_text(&row->ratio, text[8]));
        }
}

static void print_attackers(const HostileReport *reports, unsigned n, AttackKind kind)
{
        char label[BROKER_LABEL_MAX], text[4][SAMPLE_TEXT_MAX];

        printf("%-18s %18s %18s %18s %18s\n", "attackers saw", "k sent", "k LimitsExceeded",
               "longest wait ms", "closed");
        for (unsigned i = 0; i < n; i++) {
                const HostileRow *row = &reports[i].rows[kind];

                printf("%-18s %18s %18s %18s %18s\n", broker_label(&reports[i].broker, label),
                       sample_text(&row->sent, text[0]), sample_text(&row->limits, text[1]),
                       sample_text(&row->wait_ms, text[2]), sample_text(&row->closed, text[3]));
        }
}

static void print_broker(const HostileReport *reports, unsigned n, AttackKind kind)
{
        char label[BROKER_LABEL_MAX], text[9][SAMPLE_TEXT_MAX];

        printf("%-18s %18s %18s %18s %18s %18s %14s %18s %18s %12s\n", "broker", "MiB before",
               "MiB at most", "MiB after", "fds before", "fds at most", "fds left", "fd passed ms",
               "fd after ms", "lost");
        for (unsigned i = 0; i < n; i++) {
                const HostileRow *row = &reports[i].rows[kind];

                printf("%-18s %18s %18s %18s %18s %18s %14s %18s %18s %12s\n",
                       broker_label(&reports[i].broker, label),
                       sample_text(&row->before_mib, text[0]), sample_text(&row->most_mib, text[1]),
                       sample_text(&row->after_mib, text[2]),
                       sample_text(&row->fds_before, text[3]), sample_text(&row->fds_most, text[4]),
                       sample_text(&row->fds_left, text[5]), sample_text(&row->pass_fd_ms, text[6]),
                       sample_text(&row->pass_fd_after_ms, text[7]),
                       sample_text(&row->lost, text[8]));
        }
}

static unsigned say(bool met, const char *what)
{
        printf("  %-8s %s\n", met ? "met" : "NOT MET", what);
        return !met;
}

/* The p99 of the best other broker, or 0 if there is none. */
static double best_other(const HostileReport *reports, unsigned n, AttackKind kind)
{
        double best = 0;

        for (unsigned i = 0; i < n; i++) {
                double p99 = sample_median(&reports[i].rows[kind].p99);

                if (broker_kind(reports[i].broker.daemon) != BROKER_RINGBUS && p99 > 0 &&
                    (best == 0 || p99 < best))
                        best = p99;
        }
        return best;
}

static unsigned judge(const HostileReport *report, AttackKind kind, double best)
{
        const HostileRow *row = &report->rows[kind];
        char label[BROKER_LABEL_MAX];
        bool ringbus = broker_kind(report->broker.daemon) == BROKER_RINGBUS;
        unsigned n_missed = 0;

        printf("%s:\n", broker_label(&report->broker, label));
        n_missed += say(row->n_failed == 0, "the pair stayed connected, and the broker alive");
        if (row->n_failed == row->n_rounds)
                return ringbus ? n_missed : 0;
        n_missed += say(sample_median(&row->ratio) <= RATIO_MAX,
                        "the pair's p99 within twice that of the relay");
        if (ringbus && best > 0)
                n_missed += say(sample_median(&row->p99) <= best * (100 + NOISE_PERCENT) / 100,
                                "the pair's p99 no worse than with any other broker (+20 %)");
        if (must_refuse(kind))
                n_missed += say(row->n_unrefused == 0, "the senders were refused or paused");
        n_missed += say(row->n_unbounded == 0, "memory stayed within its bound");
        n_missed += say(sample_max(&row->fds_left) <= 0, "the broker's fds are back");
        if (kind != ATTACK_HOARD)
                n_missed += say(row->n_fds_late == 0, "an unrelated fd passed during the attack");
        n_missed += say(row->n_fds_never == 0, "and one after it");
        n_missed += say(sample_max(&row->lost) <= 0, "no bystander was disconnected");
        return ringbus ? n_missed : 0;
}

unsigned hostile_report_print(const HostileReport *reports, unsigned n, const bool *attacks)
{
        unsigned n_missed = 0;

        for (AttackKind kind = 0; kind < ATTACK_KINDS; kind++) {
                if (!attacks[kind])
                        continue;
                printf("\n%s: %s\n", attack_name(kind), attack_text(kind));
                print_pairs(reports, n, kind);
                print_attackers(reports, n, kind);
                print_broker(reports, n, kind);
                for (unsigned i = 0; i < n; i++)
                        n_missed += judge(&reports[i], kind, best_other(reports, n, kind));
        }
        return n_missed;
}
