/* SPDX-License-Identifier: Apache-2.0 */

/*
 * scale [--daemon=BIN] [--connections=5000] [--pairs=500] [--messages=0] [--window=4]
 *       [--pipelined] [--churn=50/s] [--seconds=10] [--balanced]
 *
 * Many connections on one bus: most are idle; pairs exchange numbered messages until each has
 * made --messages calls (0: no limit) or --seconds are over; others come and go at --churn. Fails
 * if anything is lost, doubled or reordered, if an idle client receives anything or is closed, or
 * if the bus does not end well. Prints the bus's resident memory for each idle connection and, of
 * ringbus, its workers' counters; with --balanced each worker must have done its share, and with
 * far fewer sends than messages. That is measured on SCALE_ATTEMPTS_MAX buses at most: other
 * programs can take a worker's processor away during one of them, while a bus that does not balance
 * never does.
 *
 * One thread and one event loop, which holds both ends of every pair.
 */

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "tests/clients/scale_churn.h"
#include "tests/clients/scale_counters.h"
#include "tests/clients/scale_pair.h"
#include "tests/support/bus.h"

enum {
        SCALE_SPARE_FDS = 200,   /* beside the connections, on either side */
        SCALE_WARM_UP = 20,      /* connections before memory is measured */
        SCALE_DRAIN_MS = 120000, /* for what is in flight at the end */
        SCALE_ATTEMPTS_MAX = 10, /* at a balance */
};

typedef struct Scale {
        const char *daemon;
        unsigned n_connections; /* idle ones and both sides of pairs */
        unsigned n_pairs;
        ScalePairOptions pair_options;
        unsigned churn_per_second;
        unsigned seconds;
        bool balanced;

        Bus bus;
        int epoll_fd;
        RawClient **idle;
        unsigned n_idle;
        ScalePair *pairs;
        unsigned n_started; /* pairs that need deinit */
        ScaleChurn churn;
} Scale;

static int64_t now_us(void)
{
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static const char help[] =
        "Usage: scale [OPTION...]\n"
        "Starts a bus and checks it under a crowd of clients: pairs exchange calls while others "
        "are\n"
        "idle and yet others come and go. Fails if a reply is lost, repeated, reordered or "
        "altered.\n"
        "\n"
        "  --daemon=BIN       the bus to start (default: $RINGBUS_DAEMON)\n"
        "  --connections=N    how many stay connected, at least two for each pair\n"
        "  --pairs=N          how many pairs call each other\n"
        "  --messages=N       at most so many calls for each pair (default: until the time is up)\n"
        "  --window=N         so many calls of each pair are in flight (default: 4)\n"
        "  --pipelined        clients write all that they have to say at once, not one by one\n"
        "  --churn=N/s        so many connect, call and leave in a second\n"
        "  --seconds=N        how long\n"
        "  --balanced         fail unless each of two workers routes and flushes 40 to 60 %, and\n"
        "                     at most half as often as messages are delivered\n"
        "  --help             print this\n"
        "\n"
        "$RINGBUS_TEST_IO and $RINGBUS_TEST_WORKERS become --io and --workers of the bus.\n";

static int usage(void)
{
        fputs("scale: these arguments make no sense; see scale --help\n", stderr);
        return -1;
}

static int parse_number(const char *text, unsigned *ret_number)
{
        char *end;
        unsigned long number;

        errno = 0;
        number = strtoul(text, &end, 10);
        if (errno || end == text || (*end && strcmp(end, "/s") != 0) || number > 1000000000)
                return usage();
        *ret_number = (unsigned)number;
        return 0;
}

static int parse(Scale *scale, int argc, char **argv)
{
        static const struct option options[] = {
                {"daemon", required_argument, NULL, 'd'},
                {"connections", required_argument, NULL, 'c'},
                {"pairs", required_argument, NULL, 'p'},
                {"messages", required_argument, NULL, 'm'},
                {"window", required_argument, NULL, 'w'},
                {"pipelined", no_argument, NULL, 'l'},
                {"churn", required_argument, NULL, 'r'},
                {"seconds", required_argument, NULL, 's'},
                {"balanced", no_argument, NULL, 'b'},
                {"help", no_argument, NULL, 'h'},
                {NULL, 0, NULL, 0},
        };
        int option, r = 0;

        while (r == 0 && (option = getopt_long(argc, argv, "", options, NULL)) != -1) {
                if (option == 'd')
                        scale->daemon = optarg;
                else if (option == 'c')
                        r = parse_number(optarg, &scale->n_connections);
                else if (option == 'p')
                        r = parse_number(optarg, &scale->n_pairs);
                else if (option == 'm')
                        r = parse_number(optarg, &scale->pair_options.n_max);
                else if (option == 'w')
                        r = parse_number(optarg, &scale->pair_options.window);
                else if (option == 'l')
                        scale->pair_options.pipelined = true;
                else if (option == 'r')
                        r = parse_number(optarg, &scale->churn_per_second);
                else if (option == 's')
                        r = parse_number(optarg, &scale->seconds);
                else if (option == 'b')
                        scale->balanced = true;
                else if (option == 'h')
                        exit(fputs(help, stdout) < 0);
                else
                        return usage();
        }
        if (r < 0 || optind != argc || scale->n_connections < 2 * scale->n_pairs ||
            scale->pair_options.window == 0)
                return usage();
        return 0;
}

/* The daemon inherits the limit, and needs as many. */
static int raise_fd_limit(rlim_t needed)
{
        struct rlimit limit;

        if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
                return -1;
        if (limit.rlim_max < needed)
                limit.rlim_max = needed;
        limit.rlim_cur = limit.rlim_max;
        if (setrlimit(RLIMIT_NOFILE, &limit) < 0) {
                fprintf(stderr, "scale: %lu files are needed, the hard limit is lower: %s\n",
                        (unsigned long)needed, strerror(errno));
                return -1;
        }
        return 0;
}

static int connect_idle(Scale *scale)
{
        RawMessage *message;
        RawClient *client;
        int r = 0;

        client = rawclient_open(scale->bus.address, 0, &r);
        if (client) {
                scale->idle[scale->n_idle++] = client;
                r = rawclient_hello(client);
        }
        if (r >= 0)
                r = rawclient_receive(client, RAWCLIENT_TIMEOUT_MS, &message);
        if (r < 0)
                fprintf(stderr, "scale: connection %u: %s\n", scale->n_idle, strerror(-r));
        return r < 0 ? -1 : 0;
}

static int connect_all_idle(Scale *scale)
{
        unsigned n = scale->n_connections - 2 * scale->n_pairs;
        int64_t start = now_us();
        long before = 0, after;

        scale->idle = calloc(n ? n : 1, sizeof(*scale->idle));
        if (!scale->idle)
                abort();
        for (unsigned i = 0; i < n; i++) {
                if (i == SCALE_WARM_UP)
                        before = bus_resident_kib(&scale->bus);
                if (connect_idle(scale) < 0)
                        return -1;
        }
        after = bus_resident_kib(&scale->bus);
        printf("idle connections: %u in %.1f s\n", n, (double)(now_us() - start) / 1e6);
        if (n > SCALE_WARM_UP)
                printf("resident memory of the bus: %ld KiB with %d, %ld KiB with %u: "
                       "%ld bytes for each connection\n",
                       before, SCALE_WARM_UP, after, n,
                       (after - before) * 1024 / (long)(n - SCALE_WARM_UP));
        return 0;
}

static int start_pairs(Scale *scale)
{
        scale->pairs = calloc(scale->n_pairs ? scale->n_pairs : 1, sizeof(*scale->pairs));
        if (!scale->pairs)
                abort();
        for (unsigned i = 0; i < scale->n_pairs; i++) {
                scale->n_started++;
                if (scale_pair_start(&scale->pairs[i], scale->bus.address, scale->epoll_fd,
                                     &scale->pair_options) < 0)
                        return -1;
        }
        return 0;
}

static bool all_quiet(const Scale *scale)
{
        for (unsigned i = 0; i < scale->n_pairs; i++) {
                if (!scale_pair_is_quiet(&scale->pairs[i]))
                        return false;
        }
        return true;
}

/* Traffic and churn until the time is over or, with a limit, all calls are made. */
static int run_traffic(Scale *scale)
{
        int64_t start = now_us(), end = start + (int64_t)scale->seconds * 1000000;
        int64_t now = start, next_look = start;
        uint64_t n_calls = 0;

        while (now < end) {
                if (scale_churn_tick(&scale->churn, now) < 0 ||
                    scale_source_dispatch(scale->epoll_fd, 5) < 0)
                        return -1;
                now = now_us();
                if (scale->pair_options.n_max && now >= next_look) {
                        if (all_quiet(scale))
                                break;
                        next_look = now + 10000;
                }
        }
        for (unsigned i = 0; i < scale->n_pairs; i++) {
                n_calls += scale->pairs[i].n_returns;
                scale_pair_stop(&scale->pairs[i]);
        }
        printf("pairs: %u, answered calls: %llu in %.1f s (%.0f/s), each with a signal\n",
               scale->n_pairs, (unsigned long long)n_calls, (double)(now - start) / 1e6,
               (double)n_calls * 1e6 / (double)(now - start + 1));
        return 0;
}

static int drain(Scale *scale)
{
        int64_t deadline = now_us() + (int64_t)SCALE_DRAIN_MS * 1000;

        while (!all_quiet(scale) || scale->churn.n_open > 0) {
                if (scale_source_dispatch(scale->epoll_fd, 100) < 0)
                        return -1;
                if (now_us() > deadline) {
                        fputs("scale: messages were lost: not all calls are answered\n", stderr);
                        return -1;
                }
        }
        printf("churn: %u clients came and went, %u of them after all answers\n",
               scale->churn.n_started, scale->churn.n_left);
        return 0;
}

/* The idle ones are still there, and nobody has sent them anything. */
static int check_idle(Scale *scale)
{
        RawMessage *message;
        char text[1024];
        int r;

        for (unsigned i = 0; i < scale->n_idle; i++) {
                r = rawclient_try(scale->idle[i], &message);
                if (r == 0)
                        continue;
                fprintf(stderr, "scale: idle client %s: %s\n", scale->idle[i]->unique_name,
                        r < 0 ? strerror(-r) : rawmessage_describe(message, text, sizeof(text)));
                return -1;
        }
        return 0;
}

static int run(Scale *scale)
{
        if (connect_all_idle(scale) < 0)
                return -1;
        scale_churn_init(&scale->churn, scale->bus.address, scale->epoll_fd,
                         scale->churn_per_second);
        if (start_pairs(scale) < 0 || run_traffic(scale) < 0 || drain(scale) < 0)
                return -1;
        printf("resident memory of the bus at the end: %ld KiB\n", bus_resident_kib(&scale->bus));
        if (check_idle(scale) < 0)
                return -1;
        return scale_counters_check(&scale->bus, scale->balanced);
}

static void deinit(Scale *scale)
{
        for (unsigned i = 0; i < scale->n_started; i++)
                scale_pair_deinit(&scale->pairs[i]);
        for (unsigned i = 0; i < scale->n_idle; i++)
                rawclient_free(scale->idle[i]);
        free(scale->pairs);
        free(scale->idle);
        close(scale->epoll_fd);
}

/* One bus. 0, SCALE_UNBALANCED or -1. */
static int attempt(const Scale *wanted)
{
        const BusOptions options = {.daemon = wanted->daemon};
        Scale scale = *wanted;
        int r;

        if (bus_start(&scale.bus, &options) < 0)
                return -1;
        scale.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
        r = scale.epoll_fd < 0 ? -1 : run(&scale);
        deinit(&scale);
        return bus_stop(&scale.bus) < 0 ? -1 : r;
}

int main(int argc, char **argv)
{
        Scale scale = {.n_connections = 5000,
                       .n_pairs = 500,
                       .pair_options.window = 4,
                       .churn_per_second = 50,
                       .seconds = 10};
        int r;

        if (parse(&scale, argc, argv) < 0)
                return 2;
        if (raise_fd_limit(scale.n_connections + SCALE_SPARE_FDS) < 0)
                return 1;
        r = attempt(&scale);
        for (int i = 1; r == SCALE_UNBALANCED && i < SCALE_ATTEMPTS_MAX; i++) {
                puts("scale: once more");
                r = attempt(&scale);
        }
        puts(r != 0 ? "scale: FAILED" : "scale: ok");
        return r != 0 ? 1 : 0;
}
