/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/clients/scale_counters.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { WORKERS_MAX = 64, TRIES = 50 };

typedef struct Counters {
        unsigned n;
        unsigned long long routed[WORKERS_MAX];
        unsigned long long flushes[WORKERS_MAX];
} Counters;

static void parse_line(const char *line, Counters *counters)
{
        const char *found = strstr(line, "] worker ");
        unsigned index;
        unsigned long long connections, routed, deliveries, flushes;

        if (!found || sscanf(found,
                             "] worker %u: connections=%llu routed=%llu deliveries=%llu "
                             "flushes=%llu",
                             &index, &connections, &routed, &deliveries, &flushes) != 5)
                return;
        if (index >= WORKERS_MAX)
                return;
        fputs(found + 2, stdout);
        counters->routed[index] = routed;
        counters->flushes[index] = flushes;
        if (index + 1 > counters->n)
                counters->n = index + 1;
}

static void read_log(const Bus *bus, Counters *counters)
{
        char path[160], line[1024];
        FILE *log;

        snprintf(path, sizeof(path), "%s/log", bus->directory);
        log = fopen(path, "re");
        if (!log)
                return;
        while (fgets(line, sizeof(line), log))
                parse_line(line, counters);
        fclose(log);
}

static int check_shares(const char *what, const unsigned long long *values, unsigned n)
{
        unsigned long long sum = 0;
        int r = 0;

        for (unsigned i = 0; i < n; i++)
                sum += values[i];
        for (unsigned i = 0; i < n; i++) {
                double share = sum ? (double)values[i] * n / (double)sum : 0;

                printf("worker %u: %.1f %% of all %s\n", i, share * 100 / n, what);
                if (share < 0.8 || share > 1.2) {
                        fprintf(stderr, "scale: worker %u has not its share of %s\n", i, what);
                        r = -1;
                }
        }
        return r;
}

int scale_counters_check(const Bus *bus, bool balanced)
{
        const struct timespec pause = {.tv_nsec = 20 * 1000 * 1000};
        Counters counters = {0};

        if (!bus->is_ringbus)
                return 0;
        kill(bus->pid, SIGUSR1);
        for (int i = 0; i < TRIES && counters.n == 0; i++) {
                nanosleep(&pause, NULL);
                read_log(bus, &counters);
        }
        if (counters.n == 0) {
                fputs("scale: the bus does not log its counters on SIGUSR1\n", stderr);
                return -1;
        }
        if (!balanced)
                return 0;
        if (check_shares("messages routed", counters.routed, counters.n) < 0)
                return -1;
        return check_shares("flushes", counters.flushes, counters.n);
}
