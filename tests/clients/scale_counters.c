/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/clients/scale_counters.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { WORKERS_MAX = 64, TRIES = 3000 };

typedef struct Counters {
        unsigned n;
        unsigned long long routed[WORKERS_MAX];
        unsigned long long flushes[WORKERS_MAX];
        unsigned long long deliveries[WORKERS_MAX];
        unsigned long long kernel_entries[WORKERS_MAX];
} Counters;

/* The value of " NAME=VALUE" in the line; others may stand between, and new ones come. */
static bool read_counter(const char *line, const char *name, unsigned long long *ret_value)
{
        char key[32];
        const char *found;

        snprintf(key, sizeof(key), " %s=", name);
        found = strstr(line, key);
        return found && sscanf(found + strlen(key), "%llu", ret_value) == 1;
}

static void parse_line(const char *line, bool echo, Counters *counters)
{
        const char *found = strstr(line, "] worker ");
        unsigned index;

        if (!found || sscanf(found, "] worker %u:", &index) != 1 || index >= WORKERS_MAX ||
            !read_counter(found, "routed", &counters->routed[index]) ||
            !read_counter(found, "flushes", &counters->flushes[index]) ||
            !read_counter(found, "deliveries", &counters->deliveries[index]) ||
            !read_counter(found, "kernel_entries", &counters->kernel_entries[index]))
                return;
        if (echo)
                fputs(found + 2, stdout);
        if (index + 1 > counters->n)
                counters->n = index + 1;
}

static void read_log(const Bus *bus, bool echo, Counters *counters)
{
        char path[160], line[1024];
        FILE *log;

        snprintf(path, sizeof(path), "%s/log", bus->directory);
        log = fopen(path, "re");
        if (!log)
                return;
        while (fgets(line, sizeof(line), log))
                parse_line(line, echo, counters);
        fclose(log);
}

static unsigned long long sum_of(const unsigned long long *values, unsigned n)
{
        unsigned long long sum = 0;

        for (unsigned i = 0; i < n; i++)
                sum += values[i];
        return sum;
}

static int check_shares(const char *what, const unsigned long long *values, unsigned n)
{
        unsigned long long sum = sum_of(values, n);
        int r = 0;

        for (unsigned i = 0; i < n; i++) {
                double share = sum ? (double)values[i] * n / (double)sum : 0;

                printf("worker %u: %.1f %% of all %s\n", i, share * 100 / n, what);
                if (share < 0.8 || share > 1.2) {
                        fprintf(stderr, "scale: worker %u has not its share of %s\n", i, what);
                        r = SCALE_UNBALANCED;
                }
        }
        return r;
}

/* How many flushes, and entries into the kernel, the messages took. */
static int check_flushes(const Counters *counters)
{
        unsigned long long deliveries = sum_of(counters->deliveries, counters->n);
        unsigned long long flushes = sum_of(counters->flushes, counters->n);
        unsigned long long entries = sum_of(counters->kernel_entries, counters->n);

        printf("all workers: %llu deliveries by %llu flushes and %llu kernel entries: %.2f and "
               "%.2f for each delivery\n",
               deliveries, flushes, entries, (double)flushes / (double)(deliveries + 1),
               (double)entries / (double)(deliveries + 1));
        if (deliveries > 0 && flushes <= deliveries / 2)
                return 0;
        fputs("scale: the bus flushes more often than once for two messages\n", stderr);
        return SCALE_UNBALANCED;
}

/* Waits until the lines of all workers are in the log: no more come, or as many as are wanted. */
static void await_counters(const Bus *bus, Counters *ret_counters)
{
        const struct timespec pause = {.tv_nsec = 20 * 1000 * 1000};
        const char *workers = getenv("RINGBUS_TEST_WORKERS");
        unsigned n_wanted = workers && *workers ? (unsigned)strtoul(workers, NULL, 10) : 1;
        unsigned n_before = 0;

        for (int i = 0; i < TRIES; i++) {
                nanosleep(&pause, NULL);
                read_log(bus, false, ret_counters);
                if (ret_counters->n >= n_wanted && ret_counters->n == n_before)
                        break;
                n_before = ret_counters->n;
        }
        read_log(bus, true, ret_counters);
}

int scale_counters_check(const Bus *bus, bool balanced)
{
        Counters counters = {0};
        int routed, flushed;

        if (!bus->is_ringbus)
                return 0;
        kill(bus->pid, SIGUSR1);
        await_counters(bus, &counters);
        if (counters.n == 0) {
                fputs("scale: the bus does not log its counters on SIGUSR1\n", stderr);
                return -1;
        }
        if (!balanced)
                return 0;
        routed = check_shares("messages routed", counters.routed, counters.n);
        flushed = check_shares("flushes", counters.flushes, counters.n);
        return routed | flushed | check_flushes(&counters);
}
