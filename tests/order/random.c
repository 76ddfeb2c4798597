/* SPDX-License-Identifier: Apache-2.0 */

/*
 * random: the randomized test of the ordering contract (docs/TESTING.md, "The randomized test").
 * See usage_text, or --help.
 *
 * Starts a bus, and on it rounds of clients in several processes (random_round.h); stops at the
 * first round with a violation, says which clause was broken, and how to run that round again.
 */

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "tests/order/random_round.h"
#include "tests/support/bus.h"
#include "tests/support/rawmessage.h"

static const char usage_text[] =
        "usage: random [OPTIONS]\n"
        "Random clients on one bus; afterwards their logs are checked against the ordering\n"
        "contract, clauses a to f and h to l, while the policy is reloaded all the time.\n"
        "  --daemon=BIN        the bus daemon; $RINGBUS_DAEMON\n"
        "  --io=uring|epoll    its option --io; $RINGBUS_TEST_IO\n"
        "  --workers=N[,N...]  its option --workers; with several, rounds take turns\n"
        "  --seconds=N         how long; default: $RINGBUS_ORDER_SECONDS\n"
        "  --default-seconds=N if neither says: 20\n"
        "  --seed=N            the choices; default: a new one, which is printed\n"
        "  --clients=N         default 24, and two observers\n"
        "  --processes=N       default 4\n"
        "  --round=N           begin with that round, to replay one\n"
        "  --round-seconds=N   default 5\n"
        "  --logs=DIRECTORY    default: a new one below $TMPDIR\n"
        "  --keep-logs         also of rounds without violations\n"
        "  --lenient           what is written right before an abrupt end may be lost; default\n"
        "                      for daemons that are not ringbus\n"
        "A seed replays what every client does, though not when.\n";

static int fail_usage(void)
{
        fputs(usage_text, stderr);
        return -1;
}

static int parse_number(const char *text, uint64_t max, uint64_t *ret_number)
{
        char *end;
        unsigned long long number;

        errno = 0;
        number = strtoull(text, &end, 0);
        if (errno || end == text || *end || number > max)
                return fail_usage();
        *ret_number = number;
        return 0;
}

static int parse_unsigned(const char *text, unsigned min, unsigned max, unsigned *ret_number)
{
        uint64_t number;

        if (parse_number(text, max, &number) < 0)
                return -1;
        if (number < min)
                return fail_usage();
        *ret_number = (unsigned)number;
        return 0;
}

static int parse_workers(RandomOptions *options, const char *text)
{
        char copy[64], *rest = copy, *part;

        snprintf(copy, sizeof(copy), "%s", text);
        options->n_workers = 0;
        while ((part = strsep(&rest, ","))) {
                if (options->n_workers == RANDOM_WORKERS_MAX ||
                    parse_unsigned(part, 1, 64, &options->workers[options->n_workers++]) < 0)
                        return -1;
        }
        return 0;
}

static int parse_option(RandomOptions *options, int option, const char *value)
{
        switch (option) {
        case 'd':
                options->daemon = value;
                return 0;
        case 'i':
                options->io = value;
                return 0;
        case 'w':
                return parse_workers(options, value);
        case 's':
        case 'D':
                return parse_unsigned(value, 1, 1000000000,
                                      option == 's' ? &options->seconds
                                                    : &options->default_seconds);
        case 'S':
                return parse_number(value, UINT64_MAX, &options->seed);
        case 'c':
                return parse_unsigned(value, 1, RANDOM_CLIENTS_MAX - RANDOM_OBSERVERS,
                                      &options->n_clients);
        case 'p':
                return parse_unsigned(value, 1, 32, &options->n_processes);
        case 'r':
                return parse_unsigned(value, 0, 1000000000, &options->first_round);
        case 'R':
                return parse_unsigned(value, 1, 3600, &options->round_seconds);
        case 'l':
                options->logs = value;
                return 0;
        case 'k':
                options->keep_logs = true;
                return 0;
        case 'L':
                options->lenient = true;
                return 0;
        default:
                return fail_usage();
        }
}

static int parse(RandomOptions *options, int argc, char **argv)
{
        static const struct option table[] = {{"daemon", required_argument, NULL, 'd'},
                                              {"io", required_argument, NULL, 'i'},
                                              {"workers", required_argument, NULL, 'w'},
                                              {"seconds", required_argument, NULL, 's'},
                                              {"default-seconds", required_argument, NULL, 'D'},
                                              {"seed", required_argument, NULL, 'S'},
                                              {"clients", required_argument, NULL, 'c'},
                                              {"processes", required_argument, NULL, 'p'},
                                              {"round", required_argument, NULL, 'r'},
                                              {"round-seconds", required_argument, NULL, 'R'},
                                              {"logs", required_argument, NULL, 'l'},
                                              {"keep-logs", no_argument, NULL, 'k'},
                                              {"lenient", no_argument, NULL, 'L'},
                                              {"help", no_argument, NULL, 'h'},
                                              {NULL, 0, NULL, 0}};
        const char *seconds = getenv("RINGBUS_ORDER_SECONDS");
        int option, r = 0;

        if (seconds && *seconds)
                r = parse_option(options, 's', seconds);
        while (r == 0 && (option = getopt_long(argc, argv, "", table, NULL)) != -1) {
                if (option == 'h') {
                        fputs(usage_text, stdout);
                        exit(0);
                }
                r = parse_option(options, option, optarg);
        }
        if (r == 0 && optind != argc)
                r = fail_usage();
        if (!options->seconds)
                options->seconds = options->default_seconds;
        return r;
}

/* What was not given: from the environment, or drawn. */
static int complete(RandomOptions *options, char *directory, size_t size)
{
        const char *parent = getenv("TMPDIR"), *base;

        if (!options->daemon)
                options->daemon = getenv("RINGBUS_DAEMON");
        if (!options->daemon) {
                fputs("random: --daemon or RINGBUS_DAEMON must name a bus daemon\n", stderr);
                return -1;
        }
        base = strrchr(options->daemon, '/');
        if (strcmp(base ? base + 1 : options->daemon, "ringbus") != 0)
                options->lenient = true;
        if (options->io)
                setenv("RINGBUS_TEST_IO", options->io, 1);
        if (!options->seed && getrandom(&options->seed, sizeof(options->seed), 0) < 0)
                return -1;
        if (options->logs)
                return 0;
        snprintf(directory, size, "%s/ringbus-order-XXXXXX", parent ? parent : "/tmp");
        options->logs = mkdtemp(directory);
        if (!options->logs)
                perror("random: cannot make a directory for logs");
        return options->logs ? 0 : -1;
}

static unsigned workers_of(const RandomOptions *options, unsigned round)
{
        return options->n_workers ? options->workers[round % options->n_workers] : 0;
}

/* A bus for this round: the one of the last round if it has as many workers. */
static int prepare_bus(const RandomOptions *options, RandomPolicy *policy, bool *running,
                       unsigned round)
{
        const BusOptions bus_options = {.daemon = options->daemon,
                                        .config = random_policy_config(0)};
        unsigned workers = workers_of(options, round);
        char text[16];

        if (*running && round > 0 && workers == workers_of(options, round - 1))
                return 0;
        if (*running) {
                *running = false;
                if (bus_stop(policy->bus) < 0)
                        return -1;
        }
        snprintf(text, sizeof(text), "%u", workers);
        if (workers)
                setenv("RINGBUS_TEST_WORKERS", text, 1);
        if (bus_start(policy->bus, &bus_options) < 0)
                return -1;
        policy->state = 0;
        *running = true;
        return 0;
}

static void print_replay(const RandomOptions *options, unsigned round)
{
        printf("\nTo run round %u again (the logs are in %s/round-%u):\n"
               "    random --daemon=%s%s%s --workers=%u --seed=%#llx --clients=%u "
               "--processes=%u --round=%u --round-seconds=%u --seconds=%u\n",
               round, options->logs, round, options->daemon, options->io ? " --io=" : "",
               options->io ? options->io : "", workers_of(options, round),
               (unsigned long long)options->seed, options->n_clients, options->n_processes, round,
               options->round_seconds, options->round_seconds);
}

static int run_rounds(const RandomOptions *options, RandomTotals *totals)
{
        int64_t end_us = totals->started_us + (int64_t)options->seconds * 1000000, left_us;
        unsigned round = options->first_round;
        bool running = false;
        int r = 0;
        Bus bus;
        RandomPolicy policy = {.bus = &bus};

        while (r == 0 && (left_us = end_us - random_shared_now_us()) > 0) {
                unsigned left = (unsigned)((left_us + 999999) / 1000000);

                r = prepare_bus(options, &policy, &running, round);
                if (r < 0)
                        break;
                r = random_round_run(options, &policy, round,
                                     left < options->round_seconds ? left : options->round_seconds,
                                     totals);
                if (totals->report.n_total > 0)
                        r = -1;
                if (r < 0)
                        print_replay(options, round);
                round++;
        }
        if (running && bus_stop(&bus) < 0)
                r = -1;
        printf("\nrounds: %u, policies: %llu\n", round - options->first_round,
               (unsigned long long)policy.n_reloads);
        return r;
}

static void print_summary(const RandomTotals *totals)
{
        static const char *const types[5] = {"", "calls", "returns", "errors", "signals"};
        uint64_t n = 0;

        for (unsigned i = 1; i < 5; i++) {
                printf("%s: %llu sent, %llu received\n", types[i],
                       (unsigned long long)totals->n_sent[i],
                       (unsigned long long)totals->n_received[i]);
                n += totals->n_received[i];
        }
        printf("deliveries checked: %llu, of them in one order: %llu broadcasts\n"
               "seen by monitors: %llu\n"
               "name hand-overs: %llu\n"
               "connections: %llu to the end, %llu left in order, %llu ended abruptly, "
               "%llu lost, %llu stuck\n",
               (unsigned long long)n, (unsigned long long)totals->n_positions,
               (unsigned long long)totals->n_seen, (unsigned long long)totals->n_changes,
               (unsigned long long)totals->n_ends[RANDOM_END_FINISHED],
               (unsigned long long)totals->n_ends[RANDOM_END_ORDERLY],
               (unsigned long long)totals->n_ends[RANDOM_END_ABRUPT],
               (unsigned long long)totals->n_ends[RANDOM_END_LOST],
               (unsigned long long)totals->n_ends[RANDOM_END_STUCK]);
        fputs("occasions:", stdout);
        for (unsigned i = 0; i < 26; i++) {
                if (totals->report.n_checked[i])
                        printf(" %c %llu", 'a' + (int)i,
                               (unsigned long long)totals->report.n_checked[i]);
        }
        printf("\nviolations: %u", totals->report.n_total);
        for (unsigned i = 0; i < 26; i++) {
                if (totals->report.n[i])
                        printf(" (%c: %u)", 'a' + (int)i, totals->report.n[i]);
        }
        putchar('\n');
}

int main(int argc, char **argv)
{
        RandomOptions options = {
                .n_clients = 24, .n_processes = 4, .default_seconds = 20, .round_seconds = 5};
        RandomTotals totals = {.is_terminal = isatty(STDOUT_FILENO)};
        struct rlimit limit;
        char directory[200];
        int r;

        if (parse(&options, argc, argv) < 0 || complete(&options, directory, sizeof(directory)) < 0)
                return 2;
        if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
                limit.rlim_cur = limit.rlim_max;
                (void)setrlimit(RLIMIT_NOFILE, &limit);
        }
        printf("seed: %#llx\n", (unsigned long long)options.seed);
        totals.started_us = random_shared_now_us();
        totals.next_line_us = totals.started_us + 1000000;
        r = run_rounds(&options, &totals);
        print_summary(&totals);
        printf("seed: %#llx\n%s\n", (unsigned long long)options.seed, r < 0 ? "FAILED" : "ok");
        if (r == 0 && options.logs == directory && !options.keep_logs)
                rmdir(directory);
        return r < 0 ? 1 : 0;
}
