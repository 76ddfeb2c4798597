/* SPDX-License-Identifier: Apache-2.0 */
/* bench_hostile: what an unrelated pair notices of slow, dead and greedy clients; see usage_text.
 */
#include <errno.h>
#include <getopt.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "bench/load/hostile_report.h"
#include "bench/load/engine/process.h"

enum { BROKERS_MAX = 16, LIMIT_MIB = 1024 };

static const char usage_text[] =
        "usage: bench_hostile --daemon=BIN... [OPTION...]\n"
        "\n"
        "A pair of clients exchanges calls and returns, in turns of 20 ms over the bus and over a\n"
        "bare relay that only copies bytes; first while nothing else happens, then during each\n"
        "attack. Prints the pair's round trips and rate on both ways, what the attackers saw, the\n"
        "broker's memory and fds, and whether the requirements are met. Brokers alternate; every\n"
        "figure is the median of the repetitions, with the least and the greatest. Each attack\n"
        "meets a fresh broker.\n"
        "\n"
        "  --daemon=BIN    ringbus, dbus-daemon or dbus-broker, told apart by name; repeatable\n"
        "  --io=LIST       ringbus: uring,epoll (default: its own choice)\n"
        "  --workers=N     ringbus: number of workers (default: its own choice)\n"
        "  --attacks=LIST  some of these (default: all)\n";

static const char usage_rest[] =
        "  --seconds=N     length of each measurement (default 2)\n"
        "  --repeat=N      repetitions (default 5)\n"
        "  --flooders=N    connections of an attacker that send at full rate (default 2)\n"
        "  --halves=N      clients of 'halves' (default 1000)\n"
        "  --hoards=N      clients of 'hoard' that never read (default 800)\n"
        "  --nofile=N      the broker's RLIMIT_NOFILE during 'hoard' (default 12000): the kernel\n"
        "                  refuses to send more fds than that which nobody has received yet\n"
        "  --queue=MIB     max_outgoing_bytes and max_incoming_bytes (default 16)\n"
        "  --help          print this\n"
        "\n"
        "Run as root, the brokers lose CAP_SYS_RESOURCE and CAP_SYS_ADMIN, without which they\n"
        "would be exempt from the kernel's limit on fds in flight.\n"
        "Exit status: 0, 1 if a requirement is not met by ringbus, 2 for wrong usage.\n";

typedef struct Options {
        HostilePlan plan;
        bool attacks[ATTACK_KINDS]; /* which */
        HostileReport reports[BROKERS_MAX];
        unsigned n_reports;
        const char *daemons[BROKERS_MAX];
        unsigned n_daemons;
        const char *io[2];
        unsigned n_io;
        unsigned repeat, seconds, queue_mib;
} Options;

static void print_usage(void)
{
        fputs(usage_text, stdout);
        for (AttackKind kind = 0; kind < ATTACK_KINDS; kind++)
                printf("                    %-8s %s\n", attack_name(kind), attack_text(kind));
        fputs(usage_rest, stdout);
}

static int parse_number(const char *text, unsigned most, unsigned *ret_number)
{
        char *end;
        unsigned long number;

        errno = 0;
        number = strtoul(text, &end, 10);
        if (errno || end == text || *end || number < 1 || number > most) {
                fprintf(stderr, "bench_hostile: '%s' is not a number from 1 to %u\n", text, most);
                return -1;
        }
        *ret_number = (unsigned)number;
        return 0;
}

static int parse_io(char *text, Options *options)
{
        char *rest = NULL;

        options->n_io = 0;
        for (char *item = strtok_r(text, ",", &rest); item; item = strtok_r(NULL, ",", &rest)) {
                if (options->n_io == 2 || (strcmp(item, "uring") && strcmp(item, "epoll"))) {
                        fputs("bench_hostile: --io is uring, epoll or both\n", stderr);
                        return -1;
                }
                options->io[options->n_io++] = item;
        }
        return 0;
}

static int parse_attacks(char *text, bool *attacks)
{
        char *rest = NULL;

        memset(attacks, 0, ATTACK_KINDS * sizeof(*attacks));
        for (char *item = strtok_r(text, ",", &rest); item; item = strtok_r(NULL, ",", &rest)) {
                AttackKind kind = 0;

                while (kind < ATTACK_KINDS && strcmp(item, attack_name(kind)))
                        kind++;
                if (kind == ATTACK_KINDS) {
                        fprintf(stderr, "bench_hostile: there is no attack '%s'\n", item);
                        return -1;
                }
                attacks[kind] = true;
        }
        return 0;
}

static int parse_option(int option, Options *options)
{
        HostilePlan *plan = &options->plan;

        switch (option) {
        case 'd':
                if (options->n_daemons == BROKERS_MAX / 2)
                        return -1;
                options->daemons[options->n_daemons++] = optarg;
                return 0;
        case 'i':
                return parse_io(optarg, options);
        case 'w':
                return parse_number(optarg, BROKER_WORKERS_MAX, &plan->broker.workers);
        case 'a':
                return parse_attacks(optarg, options->attacks);
        case 's':
                return parse_number(optarg, 600, &options->seconds);
        case 'n':
                return parse_number(optarg, SAMPLE_MAX, &options->repeat);
        case 'f':
                return parse_number(optarg, 64, &plan->n_flooders);
        case 'v':
                return parse_number(optarg, 50000, &plan->n_halves);
        case 'o':
                return parse_number(optarg, 50000, &plan->n_hoards);
        case 'l':
                return parse_number(optarg, 1000000, &plan->rlimit_nofile);
        case 'q':
                return parse_number(optarg, LIMIT_MIB, &options->queue_mib);
        default:
                return -1;
        }
}

/* 0, 1 for --help, -1 after saying what is wrong. */
static int parse(int argc, char **argv, Options *options)
{
        static const struct option known[] = {{"daemon", required_argument, NULL, 'd'},
                                              {"io", required_argument, NULL, 'i'},
                                              {"workers", required_argument, NULL, 'w'},
                                              {"attacks", required_argument, NULL, 'a'},
                                              {"seconds", required_argument, NULL, 's'},
                                              {"repeat", required_argument, NULL, 'n'},
                                              {"flooders", required_argument, NULL, 'f'},
                                              {"halves", required_argument, NULL, 'v'},
                                              {"hoards", required_argument, NULL, 'o'},
                                              {"nofile", required_argument, NULL, 'l'},
                                              {"queue", required_argument, NULL, 'q'},
                                              {"help", no_argument, NULL, 'h'},
                                              {NULL, 0, NULL, 0}};
        int option;

        while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
                if (option == 'h') {
                        print_usage();
                        return 1;
                }
                if (parse_option(option, options) < 0)
                        break;
        }
        if (option == -1 && optind == argc && options->n_daemons > 0)
                return 0;
        fputs("usage: bench_hostile --daemon=BIN... [OPTION...]; see bench_hostile --help\n",
              stderr);
        return -1;
}

static void make_reports(Options *options)
{
        BrokerOptions broker = options->plan.broker;

        broker.queue_max = (uint64_t)options->queue_mib << 20;
        for (unsigned d = 0; d < options->n_daemons; d++) {
                bool ringbus = broker_kind(options->daemons[d]) == BROKER_RINGBUS;
                unsigned n = ringbus && options->n_io ? options->n_io : 1;

                broker.daemon = options->daemons[d];
                for (unsigned i = 0; i < n; i++) {
                        broker.io = ringbus ? options->io[i] : NULL;
                        options->reports[options->n_reports++].broker = broker;
                }
        }
}

/* One round of an attack, for each broker. */
static void run_attack(Options *options, AttackKind kind, unsigned number)
{
        HostileOutcome outcome;
        char label[BROKER_LABEL_MAX];

        for (unsigned i = 0; i < options->n_reports; i++) {
                HostileReport *report = &options->reports[i];
                int r;

                options->plan.broker = report->broker;
                fprintf(stderr, "round %u of %u: %s, %s\n", number, options->repeat,
                        attack_name(kind), broker_label(&report->broker, label));
                r = hostile_run(&options->plan, kind, &outcome);
                hostile_report_add(report, kind, r < 0 ? NULL : &outcome);
        }
}

int main(int argc, char **argv)
{
        static Options options = {.repeat = 5,
                                  .seconds = 2,
                                  .queue_mib = 16,
                                  .plan = {.n_flooders = 2,
                                           .n_halves = 1000,
                                           .n_hoards = 800,
                                           .rlimit_nofile = 12000}};
        unsigned n_missed;
        int r;

        memset(options.attacks, true, sizeof(options.attacks));
        r = parse(argc, argv, &options);
        if (r != 0)
                return r < 0 ? 2 : 0;
        (void)process_raise_fds();
        if (geteuid() == 0) {
                prctl(PR_CAPBSET_DROP, CAP_SYS_RESOURCE);
                prctl(PR_CAPBSET_DROP, CAP_SYS_ADMIN);
        }
        options.plan.measure_ms = options.seconds * 1000;
        make_reports(&options);
        printf("%u flooders, queues of %u MiB, %u s a measurement, %u repetitions; "
               "median (least-greatest)\n",
               options.plan.n_flooders, options.queue_mib, options.seconds, options.repeat);
        for (unsigned k = 1; k <= options.repeat; k++)
                for (AttackKind kind = 0; kind < ATTACK_KINDS; kind++)
                        if (options.attacks[kind])
                                run_attack(&options, kind, k);
        n_missed = hostile_report_print(options.reports, options.n_reports, options.attacks);
        return n_missed > 0 ? 1 : 0;
}
