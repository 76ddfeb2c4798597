/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/load/lobby_report.h"

enum {
        SLACK_KIB = 64 * 1024, /* pools and buffers that a broker keeps */
        STRANGER_KIB = 40,     /* an incomplete connection: its line, its peer */
        FULL_PERCENT = 95,     /* of all CPUs */
        COLUMN = 20,
};

#define FOREIGN_MAX 0.1 /* of one CPU; this program takes its part of that */

typedef struct Column {
        const char *title;
        LobbyFigure figure;
} Column;

static const Column stranger_columns[] = {
        {"tried", LOBBY_TRIED},
        {"tried/s", LOBBY_TRIED_PER_S},
        {"queue full", LOBBY_FULL},
        {"let in", LOBBY_LET_IN},
        {"closed by the bus", LOBBY_CLOSED},
        {"left", LOBBY_LEFT},
        {"open at most", LOBBY_OPEN_MOST},
};

static const Column pair_columns[] = {
        {"quiet p50", LOBBY_QUIET_P50},
        {"quiet p99", LOBBY_QUIET_P99},
        {"quiet max", LOBBY_QUIET_MAX},
        {"decoy p99", LOBBY_DECOY_P99},
        {"p50", LOBBY_P50},
        {"p99", LOBBY_P99},
        {"max", LOBBY_MAX},
        {"p99/quiet", LOBBY_RATIO},
        {"p99/decoy", LOBBY_DECOY_RATIO},
        {"relay's p99/quiet", LOBBY_RELAY_RATIO},
};

static const Column broker_columns[] = {
        {"MiB before", LOBBY_MIB_BEFORE}, {"MiB at most", LOBBY_MIB_MOST},
        {"MiB after", LOBBY_MIB_AFTER},   {"fds before", LOBBY_FDS_BEFORE},
        {"fds at most", LOBBY_FDS_MOST},  {"fds after", LOBBY_FDS_AFTER},
        {"newcomer ms", LOBBY_NEWCOMER},  {"newcomer after ms", LOBBY_NEWCOMER_AFTER},
        {"bystanders lost", LOBBY_LOST},
};

static const Column cpu_columns[] = {
        {"bus, quiet", LOBBY_QUIET_BROKER_CPU},
        {"bus", LOBBY_BROKER_CPU},
        {"attacker", LOBBY_ATTACKER_CPU},
        {"pair", LOBBY_PAIR_CPU},
        {"others, quiet", LOBBY_QUIET_FOREIGN_CPU},
        {"others", LOBBY_FOREIGN_CPU},
        {"machine, quiet", LOBBY_QUIET_MACHINE_CPU},
        {"machine", LOBBY_MACHINE_CPU},
};

static void add(LobbyRow *row, LobbyFigure figure, double value)
{
        sample_add(&row->figures[figure], value);
}

static double median(const LobbyRow *row, LobbyFigure figure)
{
        return sample_median(&row->figures[figure]);
}

static void add_ratio(LobbyRow *row, LobbyFigure figure, double value, double base)
{
        if (base > 0)
                add(row, figure, value / base);
}

static void add_pairs(LobbyRow *row, const LobbyOutcome *outcome)
{
        const PairFigures *quiet = outcome->quiet.pair, *decoy = outcome->decoy.pair;
        const PairFigures *attack = outcome->attack.pair;

        add(row, LOBBY_QUIET_P50, quiet[PAIR_BUS].p50_us);
        add(row, LOBBY_QUIET_P99, quiet[PAIR_BUS].p99_us);
        add(row, LOBBY_QUIET_MAX, quiet[PAIR_BUS].max_us);
        add(row, LOBBY_P50, attack[PAIR_BUS].p50_us);
        add(row, LOBBY_P99, attack[PAIR_BUS].p99_us);
        add(row, LOBBY_MAX, attack[PAIR_BUS].max_us);
        add(row, LOBBY_QUIET_RELAY_P99, quiet[PAIR_RELAY].p99_us);
        add(row, LOBBY_RELAY_P99, attack[PAIR_RELAY].p99_us);
        add_ratio(row, LOBBY_RATIO, attack[PAIR_BUS].p99_us, quiet[PAIR_BUS].p99_us);
        add_ratio(row, LOBBY_RELAY_RATIO, attack[PAIR_RELAY].p99_us, quiet[PAIR_RELAY].p99_us);
        if (decoy[PAIR_BUS].p99_us <= 0)
                return; /* there was none */
        add(row, LOBBY_DECOY_P50, decoy[PAIR_BUS].p50_us);
        add(row, LOBBY_DECOY_P99, decoy[PAIR_BUS].p99_us);
        add(row, LOBBY_DECOY_MAX, decoy[PAIR_BUS].max_us);
        add_ratio(row, LOBBY_DECOY_RATIO, attack[PAIR_BUS].p99_us, decoy[PAIR_BUS].p99_us);
        add_ratio(row, LOBBY_DECOY_OVER_QUIET, decoy[PAIR_BUS].p99_us, quiet[PAIR_BUS].p99_us);
}

static void add_strangers(LobbyRow *row, const LobbyOutcome *outcome)
{
        const LobbyWindow *quiet = &outcome->quiet, *attack = &outcome->attack;
        const IntrusionCounts *counts = &outcome->counts;

        add(row, LOBBY_TRIED, (double)counts->n_tried);
        add(row, LOBBY_TRIED_PER_S, attack->tried_per_s);
        add(row, LOBBY_LATE, attack->late_per_s);
        add(row, LOBBY_FULL, (double)counts->n_full);
        add(row, LOBBY_LET_IN, (double)counts->n_let_in);
        add(row, LOBBY_CLOSED, (double)counts->n_closed);
        add(row, LOBBY_LEFT, (double)counts->n_left);
        add(row, LOBBY_OPEN_MOST, counts->n_open_most);
        add(row, LOBBY_QUIET_BROKER_CPU, quiet->broker_cpu);
        add(row, LOBBY_QUIET_MACHINE_CPU, quiet->machine_cpu);
        add(row, LOBBY_QUIET_FOREIGN_CPU, quiet->foreign_cpu);
        add(row, LOBBY_FOREIGN_CPU, attack->foreign_cpu);
        add(row, LOBBY_BROKER_CPU, attack->broker_cpu);
        add(row, LOBBY_ATTACKER_CPU, attack->attacker_cpu);
        add(row, LOBBY_PAIR_CPU, attack->pair_cpu);
        add(row, LOBBY_MACHINE_CPU, attack->machine_cpu);
        if (outcome->newcomer_ms >= 0)
                add(row, LOBBY_NEWCOMER, outcome->newcomer_ms);
        else
                row->n_late++;
        if (outcome->newcomer_after_ms >= 0)
                add(row, LOBBY_NEWCOMER_AFTER, outcome->newcomer_after_ms);
        else
                row->n_never++;
}

static void add_broker(LobbyRow *row, const LobbyOutcome *outcome)
{
        const Vitals *vitals = &outcome->vitals;
        long bound_kib = SLACK_KIB + (long)row->broker.max_incomplete * STRANGER_KIB;

        add(row, LOBBY_MIB_BEFORE, (double)vitals->resident_before_kib / 1024);
        add(row, LOBBY_MIB_MOST, (double)vitals->resident_most_kib / 1024);
        add(row, LOBBY_MIB_AFTER, (double)vitals->resident_after_kib / 1024);
        add(row, LOBBY_FDS_BEFORE, (double)vitals->fds_before);
        add(row, LOBBY_FDS_MOST, (double)vitals->fds_most);
        add(row, LOBBY_FDS_AFTER, (double)vitals->fds_after);
        add(row, LOBBY_LOST, outcome->n_lost);
        row->n_fds_left += vitals->fds_after > vitals->fds_before;
        row->n_unbounded += vitals->resident_most_kib - vitals->resident_before_kib > bound_kib;
}

void lobby_report_add(LobbyRow *row, const LobbyOutcome *outcome)
{
        row->n_rounds++;
        if (!outcome) {
                row->n_failed++;
                return;
        }
        add_pairs(row, outcome);
        add_strangers(row, outcome);
        add_broker(row, outcome);
}

/* One line for each row. */
static void print_table(const char *title, const Column *columns, size_t n_columns,
                        const LobbyRow *rows, unsigned n, FILE *file)
{
        char label[BROKER_LABEL_MAX], text[SAMPLE_TEXT_MAX];

        fprintf(file, "\n%s\n%-9s%-18s", title, "attack", "bus");
        for (size_t i = 0; i < n_columns; i++)
                fprintf(file, " %*s", COLUMN, columns[i].title);
        for (unsigned i = 0; i < n; i++) {
                fprintf(file, "\n%-9s%-18s", intrusion_name(rows[i].kind),
                        broker_label(&rows[i].broker, label));
                for (size_t k = 0; k < n_columns; k++)
                        fprintf(file, " %*s", COLUMN,
                                sample_text(&rows[i].figures[columns[k].figure], text));
        }
        fputc('\n', file);
}

/* Why the figures of a row may say more of the machine than of the bus. */
static void print_notes(const LobbyRow *row, const LobbyLimit *limit, FILE *file)
{
        double foreign = median(row, LOBBY_FOREIGN_CPU);

        if (median(row, LOBBY_QUIET_FOREIGN_CPU) > foreign)
                foreign = median(row, LOBBY_QUIET_FOREIGN_CPU);
        if (median(row, LOBBY_MACHINE_CPU) * 100 >= FULL_PERCENT)
                fprintf(file,
                        "  the machine is the limit: all its CPUs were busy for %.0f %% of "
                        "the time, %.0f %% when it was quiet\n",
                        median(row, LOBBY_MACHINE_CPU) * 100,
                        median(row, LOBBY_QUIET_MACHINE_CPU) * 100);
        if (limit->most > 0 && median(row, LOBBY_DECOY_OVER_QUIET) > limit->most)
                fprintf(file,
                        "  the machine is the limit: the same attack on another bus makes "
                        "the pair's p99 %.2f times the quiet one\n",
                        median(row, LOBBY_DECOY_OVER_QUIET));
        if (foreign > FOREIGN_MAX)
                fprintf(file, "  other programs used %.2f CPUs: measure again without them\n",
                        foreign);
        if (median(row, LOBBY_LATE) > 0)
                fprintf(file, "  the attacker had no time for %.0f connections a second\n",
                        median(row, LOBBY_LATE));
        if (row->n_late > 0)
                fprintf(file,
                        "  a newcomer had to wait until the attack was over, in %u of %u "
                        "rounds\n",
                        row->n_late, row->n_rounds);
}

static unsigned say(FILE *file, bool met, const char *what)
{
        if (!met)
                fprintf(file, "  NOT MET: %s\n", what);
        return !met;
}

static unsigned judge_limit(const LobbyRow *row, const LobbyLimit *limit, FILE *file)
{
        double ratio = median(row, limit->against_decoy ? LOBBY_DECOY_RATIO : LOBBY_RATIO);
        bool met = ratio <= limit->most;

        fprintf(file, "  %s: the pair's p99 is %.2f times that of %s, at most %.2f\n",
                met ? "met" : "NOT MET", ratio, limit->against_decoy ? "the decoy" : "quiet",
                limit->most);
        return !met;
}

static unsigned judge(const LobbyRow *row, const LobbyLimit *limit, FILE *file)
{
        bool ringbus = broker_kind(row->broker.daemon) == BROKER_RINGBUS;
        char label[BROKER_LABEL_MAX];
        unsigned n_missed = 0;

        fprintf(file, "%s, %s:\n", intrusion_name(row->kind), broker_label(&row->broker, label));
        n_missed += say(file, row->n_failed == 0, "the pair stayed connected, the bus alive");
        if (row->figures[LOBBY_P99].n == 0)
                return ringbus ? n_missed : 0;
        n_missed += say(file, row->n_fds_left == 0, "its fds are back");
        n_missed += say(file, row->n_unbounded == 0, "memory stayed within its bound");
        n_missed += say(file, sample_max(&row->figures[LOBBY_LOST]) <= 0,
                        "no bystander was disconnected");
        n_missed += say(file, row->n_never == 0, "afterwards a newcomer comes in");
        if (limit->most > 0)
                n_missed += judge_limit(row, limit, file);
        if (n_missed == 0)
                fputs("  met: the pair and all bystanders stayed connected, newcomers come in "
                      "afterwards, fds are back, memory within its bound\n",
                      file);
        print_notes(row, limit, file);
        return ringbus ? n_missed : 0;
}

#define PRINT_TABLE(title, columns)                                                                \
        print_table(title, columns, sizeof(columns) / sizeof((columns)[0]), rows, n, file)

unsigned lobby_report_print(const LobbyRow *rows, unsigned n, const LobbyLimit *limit, FILE *file)
{
        unsigned n_missed = 0;

        PRINT_TABLE("strangers, connections", stranger_columns);
        PRINT_TABLE("pair, round trips in us", pair_columns);
        PRINT_TABLE("bus", broker_columns);
        PRINT_TABLE("CPU time, of one CPU; machine: of all", cpu_columns);
        fputc('\n', file);
        for (unsigned i = 0; i < n; i++)
                n_missed += judge(&rows[i], limit, file);
        return n_missed;
}

static json_t *figure_to_json(const Sample *sample)
{
        json_t *values = json_array();

        for (size_t i = 0; i < sample->n; i++)
                json_array_append_new(values, json_real(sample->values[i]));
        return json_pack("{s:f, s:f, s:f, s:o}", "median", sample_median(sample), "min",
                         sample_min(sample), "max", sample_max(sample), "values", values);
}

json_t *lobby_report_to_json(const LobbyRow *rows, unsigned n)
{
        static const char *const names[] = {
#define LOBBY_NAME(figure, name) name,
                LOBBY_FIGURE_LIST(LOBBY_NAME)
#undef LOBBY_NAME
        };
        json_t *array = json_array();
        char label[BROKER_LABEL_MAX];

        for (unsigned i = 0; i < n; i++) {
                const LobbyRow *row = &rows[i];
                json_t *figures = json_object();

                for (LobbyFigure k = 0; k < LOBBY_FIGURES; k++)
                        if (row->figures[k].n > 0)
                                json_object_set_new(figures, names[k],
                                                    figure_to_json(&row->figures[k]));
                json_array_append_new(array, json_pack("{s:s, s:s, s:i, s:i, s:o}", "attack",
                                                       intrusion_name(row->kind), "bus",
                                                       broker_label(&row->broker, label), "rounds",
                                                       (int)row->n_rounds, "failed",
                                                       (int)row->n_failed, "figures", figures));
        }
        return array;
}
