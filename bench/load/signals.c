/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench_signals: what a broadcast costs beside a unicast, and what the turn costs of that; see
 * usage_text.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/load/engine/process.h"
#include "bench/load/engine/sample.h"
#include "bench/load/signals_generator.h"
#include "bench/load/signals_turn.h"

enum { DAEMONS_MAX = 8, LIST_MAX = 8, CASES_MAX = 32, WARM_UP_MS = 300 };

static const char usage_text[] =
        "usage: bench_signals --daemon=BIN... [OPTION...]\n"
        "\n"
        "Emitters broadcast to receivers that each have one matching rule; then, in the same run\n"
        "and with as many deliveries under way, the emitters make one-way calls to the same\n"
        "receivers; every other time the calls come first. Prints messages and deliveries per\n"
        "second, latency from the write to the read, and the broker's CPU time for each. The\n"
        "daemons alternate; every figure is the median of the repetitions, with the least and\n"
        "the greatest.\n"
        "\n"
        "  --daemon=BIN       ringbus, dbus-daemon or dbus-broker, told apart by name; repeatable\n"
        "  --timed=BIN        the build ringbus-timed (bench/load/timed/ringbus): it measures the\n"
        "                     turn from inside, in runs of its own between the others\n"
        "  --io=LIST          ringbus: uring,epoll (default: its own choice)\n"
        "  --workers=LIST     ringbus: numbers of workers (default 1,2,4)\n"
        "  --receivers=LIST   receivers (default 1,10,1000)\n"
        "  --emitters=N       emitters, at most 64 (default 8)\n"
        "  --processes=N      generator processes, at most 16 (default 2)\n"
        "  --window=N         messages of each emitter under way (default 8)\n"
        "  --seconds=N        length of each measurement (default 2)\n"
        "  --repeat=N         repetitions (default 5)\n"
        "  --help             print this\n"
        "\n"
        "Everything sent must be received; otherwise the program fails. Columns: 'broker CPUs' is\n"
        "how many the broker keeps busy, 'load CPUs' the busiest generator process: at 0.95 and\n"
        "more the rate is the generator's and is marked with '!'; if all of them together are\n"
        "all CPUs of the machine, the rate is the machine's. CPU times hold in either case.\n"
        "'even' is the share of the worker that routed least, 1 being an even share.\n"
        "Exit status: 0, 1 if a run failed, 2 for wrong usage.\n";

typedef struct List {
        unsigned n;
        unsigned values[LIST_MAX];
} List;

/* One way to run a broker, and what it measured with the receivers of now. */
typedef struct Case {
        BrokerOptions broker;
        bool timed;
        struct Row {
                Sample messages, deliveries, p50, p99, cpu, load, busy; /* rates in thousands */
        } rows[2];                                                      /* signals, unicasts */
        Sample ratio; /* CPU of a delivery, signals over unicasts */
        Sample even;
        Sample waits, wait_ns, hold_ns, price_ns, price_percent, passes;
} Case;

typedef struct Options {
        const char *daemons[DAEMONS_MAX];
        unsigned n_daemons;
        const char *timed;
        const char *io[2];
        unsigned n_io;
        List workers, receivers;
        unsigned repeat;
        unsigned seconds;
        SignalsPlan plan;
} Options;

static int parse_number(const char *text, unsigned least, unsigned most, unsigned *ret_number)
{
        char *end;
        unsigned long number;

        errno = 0;
        number = strtoul(text, &end, 10);
        if (errno || end == text || *end || number < least || number > most) {
                fprintf(stderr, "bench_signals: '%s' is not a number from %u to %u\n", text, least,
                        most);
                return -1;
        }
        *ret_number = (unsigned)number;
        return 0;
}

static int parse_list(char *text, unsigned most, List *ret_list)
{
        char *rest = NULL;

        ret_list->n = 0;
        for (char *item = strtok_r(text, ",", &rest); item; item = strtok_r(NULL, ",", &rest))
                if (ret_list->n == LIST_MAX ||
                    parse_number(item, 1, most, &ret_list->values[ret_list->n++]) < 0)
                        return -1;
        return ret_list->n > 0 ? 0 : -1;
}

static int parse_io(char *text, Options *options)
{
        char *rest = NULL;

        options->n_io = 0;
        for (char *item = strtok_r(text, ",", &rest); item; item = strtok_r(NULL, ",", &rest)) {
                if (options->n_io == 2 || (strcmp(item, "uring") && strcmp(item, "epoll"))) {
                        fputs("bench_signals: --io is uring, epoll or both\n", stderr);
                        return -1;
                }
                options->io[options->n_io++] = item;
        }
        return options->n_io > 0 ? 0 : -1;
}

static int parse_option(int option, Options *options)
{
        SignalsPlan *plan = &options->plan;

        switch (option) {
        case 'd':
                if (options->n_daemons == DAEMONS_MAX)
                        return -1;
                options->daemons[options->n_daemons++] = optarg;
                return 0;
        case 't':
                options->timed = optarg;
                return 0;
        case 'i':
                return parse_io(optarg, options);
        case 'w':
                return parse_list(optarg, BROKER_WORKERS_MAX, &options->workers);
        case 'r':
                return parse_list(optarg, SIGNALS_RECEIVERS_MAX, &options->receivers);
        case 'e':
                return parse_number(optarg, 1, SIGNALS_EMITTERS_MAX, &plan->n_emitters);
        case 'p':
                return parse_number(optarg, 1, SIGNALS_PROCESSES_MAX, &plan->n_processes);
        case 'f':
                return parse_number(optarg, 1, 100000, &plan->window);
        case 's':
                return parse_number(optarg, 1, 600, &options->seconds);
        case 'n':
                return parse_number(optarg, 1, SAMPLE_MAX, &options->repeat);
        default:
                return -1;
        }
}

/* 0, 1 for --help, -1 after saying what is wrong. */
static int parse(int argc, char **argv, Options *options)
{
        static const struct option known[] = {{"daemon", required_argument, NULL, 'd'},
                                              {"timed", required_argument, NULL, 't'},
                                              {"io", required_argument, NULL, 'i'},
                                              {"workers", required_argument, NULL, 'w'},
                                              {"receivers", required_argument, NULL, 'r'},
                                              {"emitters", required_argument, NULL, 'e'},
                                              {"processes", required_argument, NULL, 'p'},
                                              {"window", required_argument, NULL, 'f'},
                                              {"seconds", required_argument, NULL, 's'},
                                              {"repeat", required_argument, NULL, 'n'},
                                              {"help", no_argument, NULL, 'h'},
                                              {NULL, 0, NULL, 0}};
        int option;

        while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
                if (option == 'h') {
                        fputs(usage_text, stdout);
                        return 1;
                }
                if (parse_option(option, options) < 0)
                        break;
        }
        if (option == -1 && optind == argc && options->n_daemons + !!options->timed > 0)
                return 0;
        fputs("usage: bench_signals --daemon=BIN... [OPTION...]; see bench_signals --help\n",
              stderr);
        return -1;
}

static void add_case(Case *cases, unsigned *n, const BrokerOptions *broker, bool timed)
{
        if (*n < CASES_MAX)
                cases[(*n)++] = (Case){.broker = *broker, .timed = timed};
}

static unsigned make_cases(const Options *options, Case *cases)
{
        unsigned n = 0;

        for (unsigned d = 0; d < options->n_daemons + !!options->timed; d++) {
                bool timed = d == options->n_daemons;
                BrokerOptions broker = {.daemon = timed ? options->timed : options->daemons[d]};

                if (broker_kind(broker.daemon) != BROKER_RINGBUS) {
                        add_case(cases, &n, &broker, false);
                        continue;
                }
                for (unsigned i = 0; i < (options->n_io ? options->n_io : 1); i++) {
                        broker.io = options->io[i];
                        for (unsigned w = 0; w < options->workers.n; w++) {
                                broker.workers = options->workers.values[w];
                                add_case(cases, &n, &broker, timed);
                        }
                }
        }
        return n;
}

static void add_figures(struct Row *row, const SignalsFigures *figures)
{
        sample_add(&row->messages, figures->messages_per_s / 1000);
        sample_add(&row->deliveries, figures->deliveries_per_s / 1000);
        sample_add(&row->p50, figures->p50_us);
        sample_add(&row->p99, figures->p99_us);
        sample_add(&row->cpu, figures->cpu_ns_per_delivery);
        sample_add(&row->load, figures->generator_cpu);
        sample_add(&row->busy, figures->broker_cpu);
}

static int run_case(Case *one, const SignalsPlan *plan)
{
        SignalsResult result;
        SignalsTurn turn;

        if (one->timed) {
                if (signals_turn_run(plan, &result, &turn) < 0)
                        return -1;
                sample_add(&one->waits, turn.waits_percent);
                sample_add(&one->wait_ns, turn.wait_ns);
                sample_add(&one->hold_ns, turn.hold_ns);
                sample_add(&one->price_ns, turn.price_ns);
                sample_add(&one->price_percent, turn.price_percent);
                sample_add(&one->passes, turn.passes_per_signal);
        } else if (signals_run(plan, &result) < 0) {
                return -1;
        }
        add_figures(&one->rows[0], &result.signals);
        add_figures(&one->rows[1], &result.unicast);
        sample_add(&one->ratio,
                   result.signals.cpu_ns_per_delivery / result.unicast.cpu_ns_per_delivery);
        if (result.least_share > 0)
                sample_add(&one->even, result.least_share);
        return 0;
}

static void print_row(const char *label, const char *what, const struct Row *row, const Case *one)
{
        char text[8][SAMPLE_TEXT_MAX];

        printf("%-16s %-8s %18s%s %20s %18s %20s %18s %16s %16s %16s\n", label, what,
               sample_text(&row->messages, text[0]), sample_max(&row->load) >= 0.95 ? "!" : " ",
               sample_text(&row->deliveries, text[1]), sample_text(&row->p50, text[2]),
               sample_text(&row->p99, text[3]), sample_text(&row->cpu, text[4]),
               sample_text(&row->busy, text[5]), sample_text(&row->load, text[6]),
               sample_text(&one->even, text[7]));
}

static void print_turn(const Case *one, const char *label)
{
        char text[6][SAMPLE_TEXT_MAX];

        printf("%-16s the turn: taken with a wait %s %% of times, waited %s ns, held %s ns,\n"
               "%-16s           %s passes of flushers; price %s ns of CPU = %s %% of a signal's\n",
               label, sample_text(&one->waits, text[0]), sample_text(&one->wait_ns, text[1]),
               sample_text(&one->hold_ns, text[2]), "", sample_text(&one->passes, text[3]),
               sample_text(&one->price_ns, text[4]), sample_text(&one->price_percent, text[5]));
        printf("%-16s           requirement, at most 10 %%: %s\n", "",
               sample_median(&one->price_percent) <= 10 ? "met" : "NOT MET");
}

static void print_cases(const Case *cases, unsigned n, unsigned n_receivers)
{
        char label[BROKER_LABEL_MAX + 8], ratio[SAMPLE_TEXT_MAX];

        printf("\n%u receivers\n%-16s %-8s %18s  %20s %18s %20s %18s %16s %16s %16s\n", n_receivers,
               "broker", "section", "k messages/s", "k deliveries/s", "p50 us", "p99 us",
               "CPU ns/delivery", "broker CPUs", "load CPUs", "even");
        for (unsigned i = 0; i < n; i++) {
                (void)broker_label(&cases[i].broker, label);
                if (cases[i].timed)
                        strcat(label, "*");
                print_row(label, "signals", &cases[i].rows[0], &cases[i]);
                print_row("", "unicasts", &cases[i].rows[1], &cases[i]);
                printf("%-16s a delivery of a signal costs %s times one of a unicast\n", "",
                       sample_text(&cases[i].ratio, ratio));
                if (cases[i].timed)
                        print_turn(&cases[i], "");
        }
        fflush(stdout);
}

static int run_receivers(const Options *options, SignalsPlan *plan)
{
        Case *cases = calloc(CASES_MAX, sizeof(*cases));
        char label[BROKER_LABEL_MAX];
        unsigned n;
        int r = 0;

        if (!cases)
                return -1;
        n = make_cases(options, cases);
        for (unsigned k = 0; k < options->repeat && r == 0; k++) {
                for (unsigned i = 0; i < n && r == 0; i++) {
                        plan->broker = cases[i].broker;
                        plan->unicast_first = k % 2;
                        fprintf(stderr, "%u receivers, run %u of %u: %s%s\n", plan->n_receivers,
                                k + 1, options->repeat, broker_label(&plan->broker, label),
                                cases[i].timed ? " (timed)" : "");
                        r = run_case(&cases[i], plan);
                }
        }
        if (r == 0)
                print_cases(cases, n, plan->n_receivers);
        free(cases);
        return r;
}

int main(int argc, char **argv)
{
        Options options = {.workers = {3, {1, 2, 4}},
                           .receivers = {3, {1, 10, 1000}},
                           .repeat = 5,
                           .seconds = 2,
                           .plan = {.n_emitters = 8, .n_processes = 2, .window = 8}};
        int r = parse(argc, argv, &options);

        if (r != 0)
                return r < 0 ? 2 : 0;
        (void)process_raise_fds();
        options.plan.warm_up_ms = WARM_UP_MS;
        options.plan.measure_ms = options.seconds * 1000;
        printf("%u emitters, window %u, %u generator processes, %u s a section, %u repetitions; "
               "median (least-greatest)\n",
               options.plan.n_emitters, options.plan.window, options.plan.n_processes,
               options.seconds, options.repeat);
        for (unsigned i = 0; i < options.receivers.n && r == 0; i++) {
                options.plan.n_receivers = options.receivers.values[i];
                r = run_receivers(&options, &options.plan);
        }
        if (options.timed)
                puts("\n* ringbus-timed: its figures include the clocks in its locks");
        return r < 0 ? 1 : 0;
}
