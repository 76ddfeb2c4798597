/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/load/signals_turn.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct Report {
        unsigned long long takes, waits, wait_ns, wait_cpu_ns, hold_ns, hold_max_ns;
        unsigned long long passes, pass_cpu_ns, pair_ps, clock_wait_ps, clock_wait_cpu_ps;
} Report;

static int read_report(const char *path, Report *ret_report)
{
        FILE *file = fopen(path, "re");
        int n = 0;

        if (file) {
                n = fscanf(file,
                           "takes=%llu waits=%llu wait_ns=%llu wait_cpu_ns=%llu hold_ns=%llu "
                           "hold_max_ns=%llu passes=%llu pass_cpu_ns=%llu pair_ps=%llu "
                           "clock_wait_ps=%llu clock_wait_cpu_ps=%llu",
                           &ret_report->takes, &ret_report->waits, &ret_report->wait_ns,
                           &ret_report->wait_cpu_ns, &ret_report->hold_ns, &ret_report->hold_max_ns,
                           &ret_report->passes, &ret_report->pass_cpu_ns, &ret_report->pair_ps,
                           &ret_report->clock_wait_ps, &ret_report->clock_wait_cpu_ps);
                fclose(file);
        }
        if (n == 11 && ret_report->takes > 0)
                return 0;
        fputs("bench_signals: --timed has to name the build ringbus-timed\n", stderr);
        return -1;
}

/* `n` measurements took `total_ns`, of which the clocks themselves took `clock_ps` each. */
static double without_clocks(unsigned long long total_ns, unsigned long long n,
                             unsigned long long clock_ps)
{
        double ns = (double)total_ns - (double)n * (double)clock_ps / 1000;

        return ns > 0 ? ns : 0;
}

static SignalsTurn judge(const Report *report, const SignalsFigures *signals)
{
        double takes = (double)report->takes;
        SignalsTurn turn = {.n_takes = takes,
                            .waits_percent = (double)report->waits * 100 / takes,
                            .hold_ns = (double)report->hold_ns / takes,
                            .passes_per_signal = (double)report->passes / takes};

        if (report->waits > 0)
                turn.wait_ns =
                        without_clocks(report->wait_ns, report->waits, report->clock_wait_ps) /
                        (double)report->waits;
        turn.price_ns = (double)report->pair_ps / 1000 +
                        without_clocks(report->wait_cpu_ns + report->pass_cpu_ns, report->waits,
                                       report->clock_wait_cpu_ps) /
                                takes +
                        (double)report->passes / takes * (double)report->pair_ps / 1000;
        turn.price_percent = turn.price_ns * 100 / signals->cpu_ns_per_message;
        return turn;
}

int signals_turn_run(const SignalsPlan *plan, SignalsResult *ret_result, SignalsTurn *ret_turn)
{
        char path[] = "/tmp/bench-signals-turn-XXXXXX";
        int fd = mkstemp(path), r;
        Report report = {0};

        if (fd < 0) {
                perror("mkstemp");
                return -1;
        }
        close(fd);
        setenv("RINGBUS_TURN_REPORT", path, 1);
        r = signals_run(plan, ret_result);
        unsetenv("RINGBUS_TURN_REPORT");
        if (r == 0)
                r = read_report(path, &report);
        unlink(path);
        if (r == 0)
                *ret_turn = judge(&report, &ret_result->signals);
        return r;
}
