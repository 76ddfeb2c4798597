/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CPU time is asked of the kernel's clock of the process (clock_getcpuclockid(3)): exact, and with
 * the threads that have ended. The sum of /proc/PID/task/.../schedstat would forget those, and
 * utime and stime come in steps of 10 ms.
 */

#include "bench/load/engine/facts.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "broker/base/cleanup.h"
#include "broker/base/clock.h"

static uint64_t read_clock(clockid_t clock)
{
        struct timespec time;

        if (clock_gettime(clock, &time) < 0)
                return 0;
        return (uint64_t)time.tv_sec * CLOCK_NS_PER_S + (uint64_t)time.tv_nsec;
}

/* The number behind "NAME:" in a file of /proc such as status; 0 if there is none. */
static uint64_t read_number(FILE *file, const char *name)
{
        const size_t size = strlen(name);
        char line[256];

        while (fgets(line, sizeof(line), file))
                if (strncmp(line, name, size) == 0 && line[size] == ':')
                        return strtoull(line + size + 1, NULL, 10);
        return 0;
}

static unsigned count_entries(pid_t pid, const char *folder)
{
        char path[64];
        struct dirent *entry;
        unsigned n = 0;
        DIR *entries;

        snprintf(path, sizeof(path), "/proc/%d/%s", pid, folder);
        entries = opendir(path);
        while (entries && (entry = readdir(entries)))
                n += entry->d_name[0] != '.';
        if (entries)
                closedir(entries);
        return n;
}

static void add_thread(pid_t pid, const char *thread, FactsProcess *process)
{
        char path[300];
        CLEANUP_FILE FILE *file = NULL;
        uint64_t voluntary;

        snprintf(path, sizeof(path), "/proc/%d/task/%s/status", pid, thread);
        file = fopen(path, "re");
        if (!file)
                return; /* it has just ended */
        voluntary = read_number(file, "voluntary_ctxt_switches");
        process->voluntary_switches += voluntary;
        process->switches += voluntary + read_number(file, "nonvoluntary_ctxt_switches");
        process->n_threads++;
}

static void read_threads(pid_t pid, FactsProcess *process)
{
        char path[64];
        struct dirent *entry;
        DIR *threads;

        snprintf(path, sizeof(path), "/proc/%d/task", pid);
        threads = opendir(path);
        while (threads && (entry = readdir(threads)))
                if (entry->d_name[0] != '.')
                        add_thread(pid, entry->d_name, process);
        if (threads)
                closedir(threads);
}

void facts_read_process(pid_t pid, FactsProcess *ret_process)
{
        char path[64];
        CLEANUP_FILE FILE *file = NULL;
        clockid_t clock;

        *ret_process = (FactsProcess){.taken_ns = clock_now_ns()};
        if (pid <= 0 || clock_getcpuclockid(pid, &clock) != 0)
                return;
        ret_process->cpu_ns = read_clock(clock);
        ret_process->taken_ns = clock_now_ns();
        snprintf(path, sizeof(path), "/proc/%d/statm", pid);
        file = fopen(path, "re");
        if (!file || fscanf(file, "%*d %ld", &ret_process->rss_kib) != 1)
                return;
        ret_process->rss_kib *= sysconf(_SC_PAGESIZE) / 1024;
        ret_process->n_fds = (long)count_entries(pid, "fd");
        read_threads(pid, ret_process);
        ret_process->is_known = true;
}

void facts_read_cpu(FactsCpu *ret_cpu)
{
        const uint64_t tick_ns = CLOCK_NS_PER_S / (uint64_t)sysconf(_SC_CLK_TCK);
        unsigned long long user, nice, system, irq, softirq, steal;
        CLEANUP_FILE FILE *file = fopen("/proc/stat", "re");

        *ret_cpu = (FactsCpu){.taken_ns = clock_now_ns(),
                              .own_ns = read_clock(CLOCK_PROCESS_CPUTIME_ID)};
        if (!file || fscanf(file, "cpu %llu %llu %llu %*u %*u %llu %llu %llu", &user, &nice,
                            &system, &irq, &softirq, &steal) != 6)
                return;
        ret_cpu->busy_ns = (user + nice + system + irq + softirq) * tick_ns;
        ret_cpu->steal_ns = steal * tick_ns;
}

double facts_foreign_share(const FactsCpu *begin, const FactsCpu *end, uint64_t broker_ns,
                           unsigned n_cpus)
{
        double all = (double)(end->taken_ns - begin->taken_ns) * n_cpus;
        double ours = (double)(end->own_ns - begin->own_ns) + (double)broker_ns;
        double busy =
                (double)(end->busy_ns - begin->busy_ns) + (double)(end->steal_ns - begin->steal_ns);

        return all > 0 && busy > ours ? (busy - ours) / all : 0;
}
