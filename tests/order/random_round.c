/* SPDX-License-Identifier: Apache-2.0 */

/* See random_round.h. */

#include "tests/order/random_round.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/order/random_check.h"
#include "tests/order/random_monitor.h"
#include "tests/order/random_process.h"

enum {
        ROUND_TICK_US = 5000,
        ROUND_PATIENCE_US = 120000000, /* for all answers to come; only a failing bus needs it */
        ROUND_LINE_US = 10000000,      /* between lines of progress, unless on a terminal */
        ROUND_LINE_TERMINAL_US = 1000000,
        ROUND_PROCESSES_MAX = 65, /* with the monitor */
};

typedef struct Round {
        const RandomOptions *options;
        RandomTotals *totals;
        RandomPolicy *policy;
        RandomShared *shared;
        char directory[256];
        unsigned number;
        pid_t pids[ROUND_PROCESSES_MAX];
        unsigned n_pids;
        bool failed; /* a process ended before its time */
} Round;

static void print_progress(Round *round, int64_t now_us)
{
        RandomTotals *totals = round->totals;
        unsigned long received = random_shared_count(&round->shared->n_received);
        double elapsed = (double)(now_us - totals->started_us) / 1e6;
        uint64_t before = 0;

        if (now_us < totals->next_line_us)
                return;
        totals->next_line_us =
                now_us + (totals->is_terminal ? ROUND_LINE_TERMINAL_US : ROUND_LINE_US);
        for (unsigned i = 0; i < 5; i++)
                before += totals->n_received[i];
        printf("%s%.0f/%u s, round %u: %llu messages received (%.0f/s), %lu clients joined, "
               "%u violations%s",
               totals->is_terminal ? "\r" : "", elapsed, round->options->seconds, round->number,
               (unsigned long long)(before + received), (double)(before + received) / elapsed,
               random_shared_count(&round->shared->n_joined), totals->report.n_total,
               totals->is_terminal ? "  " : "\n");
        fflush(stdout);
}

static int start_processes(Round *round, const char *address)
{
        fflush(stdout);
        for (unsigned i = 0; i < round->options->n_processes; i++) {
                const RandomJob job = {.options = round->options,
                                       .shared = round->shared,
                                       .address = address,
                                       .directory = round->directory,
                                       .round = round->number,
                                       .process = i};
                pid_t pid = fork();

                if (pid < 0) {
                        perror("random: fork");
                        return -1;
                }
                if (pid == 0) {
                        prctl(PR_SET_PDEATHSIG, SIGKILL);
                        _exit(random_process_run(&job) < 0 ? 1 : 0);
                }
                round->pids[round->n_pids++] = pid;
        }
        return 0;
}

/* The monitor, if this round has one: a further process, which begins before the clients. */
static int start_monitor(Round *round, const char *address)
{
        const RandomJob job = {.options = round->options,
                               .shared = round->shared,
                               .address = address,
                               .directory = round->directory,
                               .round = round->number};
        pid_t pid;

        if (!random_monitor_is_in(round->number)) {
                random_shared_set(&round->shared->monitor, RANDOM_PROGRESS_READY);
                return 0;
        }
        pid = fork();
        if (pid < 0) {
                perror("random: fork");
                return -1;
        }
        if (pid == 0) {
                prctl(PR_SET_PDEATHSIG, SIGKILL);
                _exit(random_monitor_run(&job) < 0 ? 1 : 0);
        }
        round->pids[round->n_pids++] = pid;
        return 0;
}

static bool have_all(Round *round, RandomProgress progress, unsigned from)
{
        for (unsigned i = from; i < round->options->n_clients + RANDOM_OBSERVERS; i++) {
                if (random_shared_get(&round->shared->progress[i]) != progress)
                        return false;
        }
        return true;
}

/* Something that makes waiting pointless. */
static bool is_hopeless(Round *round, RandomProgress wanted)
{
        for (unsigned i = 0; i < round->n_pids; i++) {
                int status;

                if (round->pids[i] > 0 && waitpid(round->pids[i], &status, WNOHANG) > 0) {
                        fprintf(stderr, "random: a process ended with wait status 0x%x\n",
                                (unsigned)status);
                        round->pids[i] = 0;
                        round->failed = true;
                }
        }
        for (unsigned i = 0; i < round->options->n_clients + RANDOM_OBSERVERS; i++) {
                if (random_shared_get(&round->shared->progress[i]) > wanted)
                        return true; /* a client whose connection the bus closed */
        }
        return round->failed;
}

/* Waits until clients from number `from` on have got as far as that. */
static int wait_for(Round *round, RandomProgress progress, unsigned from)
{
        int64_t now_us = random_shared_now_us(), deadline_us = now_us + ROUND_PATIENCE_US;

        while (!have_all(round, progress, from)) {
                print_progress(round, now_us);
                usleep(ROUND_TICK_US);
                now_us = random_shared_now_us();
                if (now_us < deadline_us && !is_hopeless(round, progress))
                        continue;
                fprintf(stderr, "random: round %u: %s\n", round->number,
                        now_us < deadline_us ? "a client has lost its connection"
                                             : "not everything was answered in time");
                return -1;
        }
        return 0;
}

static int run_phases(Round *round, unsigned seconds)
{
        atomic_uint *phase = &round->shared->phase;
        int64_t end_us, now_us;
        int r;

        if (wait_for(round, RANDOM_PROGRESS_READY, round->options->n_clients) < 0)
                return -1;
        r = random_policy_begin(round->policy);
        random_shared_set(phase, RANDOM_PHASE_RUN);
        now_us = random_shared_now_us();
        end_us = now_us + (int64_t)seconds * 1000000;
        while (r == 0 && now_us < end_us && !is_hopeless(round, RANDOM_PROGRESS_READY)) {
                print_progress(round, now_us);
                usleep(ROUND_TICK_US);
                now_us = random_shared_now_us();
                r = random_policy_tick(round->policy, round->shared, now_us);
        }
        random_policy_end(round->policy); /* the settled are alone */
        random_shared_set(phase, RANDOM_PHASE_SETTLE);
        if (r < 0 || wait_for(round, RANDOM_PROGRESS_SETTLED, 0) < 0)
                return -1;
        random_shared_set(phase, RANDOM_PHASE_FINISH);
        return wait_for(round, RANDOM_PROGRESS_FINISHED, 0);
}

static void end_processes(Round *round, bool well)
{
        random_shared_set(&round->shared->phase, well ? RANDOM_PHASE_EXIT : RANDOM_PHASE_ABORT);
        for (unsigned i = 0; i < round->n_pids; i++) {
                int status = 0;

                if (round->pids[i] > 0 && (waitpid(round->pids[i], &status, 0) < 0 || status)) {
                        fprintf(stderr, "random: a process ended with wait status 0x%x\n",
                                (unsigned)status);
                        round->failed = true;
                }
        }
}

static int map_log(const char *path, RandomLogBytes *ret_bytes)
{
        struct stat info;
        void *data;
        int fd;

        fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0 || fstat(fd, &info) < 0) {
                fprintf(stderr, "random: %s: %s\n", path, strerror(errno));
                return -1;
        }
        *ret_bytes = (RandomLogBytes){.size = (size_t)info.st_size};
        if (info.st_size > 0) {
                data = mmap(NULL, ret_bytes->size, PROT_READ, MAP_PRIVATE, fd, 0);
                ret_bytes->data = data == MAP_FAILED ? NULL : data;
        }
        close(fd);
        return info.st_size > 0 && !ret_bytes->data ? -1 : 0;
}

static void add_up(RandomTotals *totals, const RandomHistory *history)
{
        for (unsigned i = 0; i < 5; i++) {
                totals->n_sent[i] += history->n_sent[i];
                totals->n_received[i] += history->n_received[i];
                totals->n_ends[i] += history->n_ends[i];
        }
        totals->n_changes += history->n_changes;
        totals->n_positions += history->n_positions;
}

static int check_monitor(const Round *round, RandomHistory *history)
{
        RandomLogBytes log;
        char path[300];

        random_monitor_path(path, sizeof(path), round->directory);
        if (map_log(path, &log) < 0)
                return -1;
        random_check_monitor(history, (const RandomSeen *)(const void *)log.data,
                             log.size / sizeof(RandomSeen));
        round->totals->n_seen += log.size / sizeof(RandomSeen);
        if (log.data)
                munmap((void *)(uintptr_t)log.data, log.size);
        return 0;
}

static int check_logs(Round *round, bool well)
{
        unsigned n = round->options->n_clients + RANDOM_OBSERVERS;
        RandomLogBytes logs[RANDOM_CLIENTS_MAX];
        RandomHistory history;
        char path[300];

        for (unsigned i = 0; i < n; i++) {
                random_log_path(path, sizeof(path), round->directory, i);
                if (map_log(path, &logs[i]) < 0)
                        return -1;
        }
        random_history_init(&history, logs, round->options->n_clients, &round->totals->report);
        history.lenient = round->options->lenient;
        random_check(&history);
        if (well && random_monitor_is_in(round->number) && check_monitor(round, &history) < 0)
                return -1;
        add_up(round->totals, &history);
        random_history_deinit(&history);
        for (unsigned i = 0; i < n; i++) {
                if (logs[i].data)
                        munmap((void *)(uintptr_t)logs[i].data, logs[i].size);
        }
        return 0;
}

static void remove_logs(const Round *round)
{
        char path[300];

        for (unsigned i = 0; i < round->options->n_clients + RANDOM_OBSERVERS; i++) {
                random_log_path(path, sizeof(path), round->directory, i);
                unlink(path);
        }
        random_monitor_path(path, sizeof(path), round->directory);
        unlink(path);
        rmdir(round->directory);
}

int random_round_run(const RandomOptions *options, RandomPolicy *policy, unsigned number,
                     unsigned seconds, RandomTotals *totals)
{
        Round round = {.options = options, .totals = totals, .policy = policy, .number = number};
        const char *address = policy->bus->address;
        unsigned before = totals->report.n_total;
        bool well;

        snprintf(round.directory, sizeof(round.directory), "%s/round-%u", options->logs, number);
        round.shared = mmap(NULL, sizeof(*round.shared), PROT_READ | PROT_WRITE,
                            MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (round.shared == MAP_FAILED || mkdir(round.directory, 0700) < 0) {
                fprintf(stderr, "random: %s: %s\n", round.directory, strerror(errno));
                return -1;
        }
        random_shared_set(&round.shared->policy, policy->state);
        well = start_monitor(&round, address) == 0 && start_processes(&round, address) == 0 &&
               run_phases(&round, seconds) == 0;
        end_processes(&round, well);
        if (check_logs(&round, well) < 0)
                well = false;
        munmap(round.shared, sizeof(*round.shared));
        if (well && !round.failed && totals->report.n_total == before && !options->keep_logs)
                remove_logs(&round);
        return well && !round.failed ? 0 : -1;
}
