/* SPDX-License-Identifier: Apache-2.0 */
/* bench_lobby: what authenticated clients notice of strangers who attack the handshake; see
 * print_help(). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/load/engine/knobs.h"
#include "bench/load/lobby_report.h"

enum {
        BROKERS_MAX = 6,
        ROWS_MAX = BROKERS_MAX * INTRUSION_KINDS,
        STATUS_MISSED = 1,
        STATUS_USAGE = 2,
        NS_PER_MS = 1000000,
};

typedef struct Options {
        const char *daemon, *io, *attacks, *decoy, *json;
        bool peers;
        uint64_t workers, rounds, held, max_incomplete, foreign_uid;
        uint64_t seconds_ns, auth_timeout_ns;
        double rate, limit;
        unsigned against;
} Options;

static const char *const bases[] = {"quiet", "decoy", NULL};

static const Knob knobs[] = {
        {"daemon", "BIN", "the ringbus, or any other broker, that is attacked", KNOB_TEXT,
         offsetof(Options, daemon), 0, 0, "ringbus", NULL},
        {"peers", NULL, "attack dbus-daemon and dbus-broker as well", KNOB_FLAG,
         offsetof(Options, peers), 0, 0, NULL, NULL},
        {"io", "uring|epoll", "ringbus: its backend, instead of its own choice", KNOB_TEXT,
         offsetof(Options, io), 0, 0, NULL, NULL},
        {"workers", "N", "ringbus: its workers; 0: its own choice", KNOB_COUNT,
         offsetof(Options, workers), 0, BROKER_WORKERS_MAX, NULL, NULL},
        {"attacks", "LIST", "only these, with commas between", KNOB_TEXT,
         offsetof(Options, attacks), 0, 0, NULL, NULL},
        {"seconds", "TIME", "length of each measurement", KNOB_DURATION,
         offsetof(Options, seconds_ns), 50 * NS_PER_MS, UINT64_C(600000) * NS_PER_MS, "2", NULL},
        {"rounds", "N", "rounds of quiet, decoy and attack", KNOB_COUNT, offsetof(Options, rounds),
         1, SAMPLE_MAX, "5", NULL},
        {"rate", "N", "connections that strangers open each second, at most", KNOB_RATE,
         offsetof(Options, rate), 1, 1000000, "1000", NULL},
        {"held", "N", "connections that strangers hold open at a time, at most", KNOB_COUNT,
         offsetof(Options, held), 1, 100000, "2000", NULL},
        {"auth-timeout", "TIME", "the bus's auth_timeout", KNOB_DURATION,
         offsetof(Options, auth_timeout_ns), NS_PER_MS, UINT64_C(3600000) * NS_PER_MS, "1", NULL},
        {"max-incomplete", "N", "the bus's max_incomplete_connections", KNOB_COUNT,
         offsetof(Options, max_incomplete), 1, 100000, "64", NULL},
        {"foreign-uid", "UID", "who attacks in 'share', which needs root", KNOB_COUNT,
         offsetof(Options, foreign_uid), 1, UINT32_MAX - 1, "65534", NULL},
        {"decoy", "BIN", "the other broker: 'same', 'floor' (which limits nothing) or 'none'",
         KNOB_TEXT, offsetof(Options, decoy), 0, 0, "same", NULL},
        {"limit", "RATIO", "the pair's p99 may be so many times that without an attack", KNOB_RATE,
         offsetof(Options, limit), 0, 0, "0", NULL},
        {"against", "WHAT", "what the limit refers to: quiet or decoy", KNOB_CHOICE,
         offsetof(Options, against), 0, 0, "quiet", bases},
        {"json", "FILE", "everything as JSON, into the file, or to standard output", KNOB_OPTIONAL,
         offsetof(Options, json), 0, 0, NULL, NULL},
        {NULL, NULL, NULL, KNOB_FLAG, 0, 0, 0, NULL, NULL},
};

typedef struct Bench {
        Options options;
        bool attacks[INTRUSION_KINDS]; /* which */
        bool share_left_out;
        char daemons[BROKERS_MAX][BROKER_PATH_MAX];
        char decoys[BROKERS_MAX][BROKER_PATH_MAX]; /* "": none */
        unsigned n_daemons;
        LobbyRow *rows;
        unsigned n_rows;
} Bench;

static void print_help(const KnobParse *parse)
{
        printf("A pair of authenticated clients exchanges calls, over a bus and over a bare relay "
               "in turns,\nwhile strangers attack the handshake of that bus. Three conditions take "
               "turns: quiet; the\nattack on another bus, the decoy, which shows what it costs the "
               "machine; the attack.\n\nAttacks:\n");
        for (IntrusionKind kind = 0; kind < INTRUSION_KINDS; kind++)
                printf("  %-8s %s\n", intrusion_name(kind), intrusion_text(kind));
        putchar('\n');
        knobs_print_help(parse, stdout);
        printf("\nExit status: 0, 1 if ringbus does not meet a requirement or the limit, 2 for "
               "wrong usage.\n");
}

static int choose_attack(Bench *bench, const char *word)
{
        const char *names[INTRUSION_KINDS + 1] = {NULL}, *nearest;

        for (IntrusionKind kind = 0; kind < INTRUSION_KINDS; kind++) {
                names[kind] = intrusion_name(kind);
                if (strcmp(word, names[kind]) == 0) {
                        bench->attacks[kind] = true;
                        return 0;
                }
        }
        nearest = knobs_nearest(word, names);
        fprintf(stderr, "bench_lobby: there is no attack '%s'%s%s\n", word,
                nearest ? "; the nearest is " : "", nearest ? nearest : "");
        return -1;
}

/* Without a list: all, but what takes root for others. */
static int choose_attacks(Bench *bench)
{
        const char *list = bench->options.attacks;
        bool can_change_user = geteuid() == 0;

        for (IntrusionKind kind = 0; kind < INTRUSION_KINDS; kind++)
                bench->attacks[kind] = !list;
        while (list && *list) {
                size_t size = strcspn(list, ",");
                char word[32];

                snprintf(word, sizeof(word), "%.*s", (int)size, list);
                if (choose_attack(bench, word) < 0)
                        return -1;
                list += size + (list[size] == ',');
        }
        if (!bench->attacks[INTRUSION_SHARE] || can_change_user)
                return 0;
        fputs("bench_lobby: 'share' needs root, to connect as another user\n", stderr);
        bench->attacks[INTRUSION_SHARE] = false;
        bench->share_left_out = true;
        return bench->options.attacks ? -1 : 0;
}

static int add_daemon(Bench *bench, const char *name)
{
        const char *decoy = bench->options.decoy;
        unsigned i = bench->n_daemons;

        if (broker_find(name, bench->daemons[i]) < 0)
                return -1;
        if (strcmp(decoy, "same") == 0)
                memcpy(bench->decoys[i], bench->daemons[i], BROKER_PATH_MAX);
        else if (strcmp(decoy, "none") != 0 && broker_find(decoy, bench->decoys[i]) < 0)
                return -1;
        bench->n_daemons++;
        return 0;
}

/* 0, or an exit status + 1. */
static int parse(Bench *bench, int n_arguments, char **arguments)
{
        const KnobSet sets[] = {{knobs, &bench->options}, {NULL, NULL}};
        KnobParse parse = {
                .command = "bench_lobby", .usage = "[OPTIONS]", .sets = sets, .errors = stderr};
        const char *io = NULL;
        int n = knobs_parse(&parse, n_arguments - 1, arguments + 1);

        if (n == KNOBS_HELP) {
                print_help(&parse);
                return 1;
        }
        io = bench->options.io;
        if (n >= 0 && io && strcmp(io, "uring") != 0 && strcmp(io, "epoll") != 0) {
                fputs("bench_lobby: --io is uring or epoll\n", stderr);
                n = -1;
        }
        if (n >= 0 && bench->options.against == 1 && strcmp(bench->options.decoy, "none") == 0) {
                fputs("bench_lobby: --against=decoy needs a decoy\n", stderr);
                n = -1;
        }
        if (n < 0 || choose_attacks(bench) < 0 || add_daemon(bench, bench->options.daemon) < 0)
                return STATUS_USAGE + 1;
        if (bench->options.peers &&
            (add_daemon(bench, "dbus-daemon") < 0 || add_daemon(bench, "dbus-broker") < 0))
                return STATUS_USAGE + 1;
        return 0;
}

static LobbyPlan make_plan(const Bench *bench, unsigned number)
{
        const Options *options = &bench->options;
        const char *daemon = bench->daemons[number], *decoy = bench->decoys[number];
        BrokerOptions broker = {
                .daemon = daemon,
                .io = broker_kind(daemon) == BROKER_RINGBUS ? options->io : NULL,
                .workers = (unsigned)options->workers,
                .auth_timeout_ms = (unsigned)(options->auth_timeout_ns / NS_PER_MS),
                .max_incomplete = (unsigned)options->max_incomplete,
        };
        LobbyPlan plan = {.broker = broker,
                          .decoy = broker,
                          .intrusion = {.rate = options->rate,
                                        .n_held = (unsigned)options->held,
                                        .foreign_uid = (uid_t)options->foreign_uid},
                          .measure_ms = (unsigned)(options->seconds_ns / NS_PER_MS),
                          .n_rounds = (unsigned)options->rounds};

        plan.decoy.daemon = *decoy ? decoy : NULL;
        return plan;
}

static void take(void *context, const LobbyOutcome *outcome)
{
        lobby_report_add(context, outcome);
}

static void run(Bench *bench)
{
        char label[BROKER_LABEL_MAX];

        for (IntrusionKind kind = 0; kind < INTRUSION_KINDS; kind++) {
                for (unsigned i = 0; bench->attacks[kind] && i < bench->n_daemons; i++) {
                        LobbyPlan plan = make_plan(bench, i);
                        LobbyRow *row = &bench->rows[bench->n_rows++];

                        row->kind = kind;
                        row->broker = plan.broker;
                        fprintf(stderr, "%s: %s\n", intrusion_name(kind),
                                broker_label(&plan.broker, label));
                        lobby_run(&plan, kind, take, row);
                }
        }
}

static int write_json(const Bench *bench, FILE *printed)
{
        const Options *options = &bench->options;
        char text[KNOB_TEXT_MAX];
        json_t *given = json_object(), *left_out = json_array(), *document;
        int r = 0;

        for (const Knob *knob = knobs; knob->name; knob++)
                json_object_set_new(given, knob->name,
                                    json_string(knobs_value_text(knob, options, text)));
        if (bench->share_left_out)
                json_array_append_new(left_out, json_string(intrusion_name(INTRUSION_SHARE)));
        document = json_pack("{s:s, s:o, s:o, s:o}", "program", "bench_lobby", "options", given,
                             "left_out", left_out, "rows",
                             lobby_report_to_json(bench->rows, bench->n_rows));
        if (*options->json)
                r = json_dump_file(document, options->json, JSON_INDENT(1));
        else if ((r = json_dumpf(document, printed, JSON_INDENT(1))) == 0)
                fputc('\n', printed);
        json_decref(document);
        if (r < 0)
                fprintf(stderr, "bench_lobby: cannot write %s\n", options->json);
        return r;
}

int main(int argc, char **argv)
{
        static Bench bench;
        const Options *options = &bench.options;
        LobbyLimit limit;
        unsigned n_missed;
        int r = parse(&bench, argc, argv);

        if (r > 0)
                return r - 1;
        (void)process_raise_fds();
        bench.rows = calloc(ROWS_MAX, sizeof(*bench.rows));
        if (!bench.rows)
                process_out_of_memory();
        run(&bench);
        limit = (LobbyLimit){.most = options->limit, .against_decoy = options->against == 1};
        /* The document alone goes to standard output, if it is to go there. */
        n_missed = lobby_report_print(bench.rows, bench.n_rows, &limit,
                                      options->json && !*options->json ? stderr : stdout);
        if (options->json && write_json(&bench, stdout) < 0)
                n_missed++;
        free(bench.rows);
        return n_missed > 0 ? STATUS_MISSED : 0;
}
