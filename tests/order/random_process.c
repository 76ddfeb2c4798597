/* SPDX-License-Identifier: Apache-2.0 */

/* See random_process.h. */

#include "tests/order/random_process.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/order/random_client.h"

enum {
        PROCESS_POLL_MS = 2, /* the grain of all times in a plan */
};

typedef struct Process {
        const RandomJob *job;
        RandomClient *clients;
        unsigned n;
} Process;

static int start(Process *process)
{
        const RandomJob *job = process->job;
        unsigned n_all = job->options->n_clients + RANDOM_OBSERVERS;

        process->clients = calloc(n_all, sizeof(*process->clients));
        if (!process->clients)
                abort();
        for (unsigned i = job->process; i < n_all; i += job->options->n_processes) {
                RandomClient *client = &process->clients[process->n++];
                int r;

                *client = (RandomClient){.options = job->options,
                                         .shared = job->shared,
                                         .address = job->address,
                                         .plan = {.round = job->round},
                                         .index = i};
                r = random_client_init(client, job->directory);
                if (r < 0) {
                        fprintf(stderr, "random: cannot write logs: %s\n", strerror(-r));
                        return -1;
                }
        }
        return 0;
}

static void run(Process *process, struct pollfd *fds)
{
        unsigned phase;

        do {
                int64_t now_us = random_shared_now_us();
                bool busy = false;

                for (unsigned i = 0; i < process->n; i++) {
                        fds[i].fd = process->clients[i].connection.fd;
                        fds[i].events = random_client_events(&process->clients[i], now_us);
                        if (!fds[i].events)
                                fds[i].fd = -1; /* or poll() would return for a hangup */
                }
                phase = random_shared_get(&process->job->shared->phase);
                for (unsigned i = 0; i < process->n; i++) {
                        uint32_t step = process->clients[i].step;

                        random_client_turn(&process->clients[i]);
                        busy = busy || step != process->clients[i].step;
                }
                if (!busy)
                        (void)poll(fds, process->n, PROCESS_POLL_MS);
        } while (phase < RANDOM_PHASE_EXIT);
}

int random_process_run(const RandomJob *job)
{
        Process process = {.job = job};
        struct pollfd *fds;
        int r = start(&process);

        fds = calloc(process.n + 1, sizeof(*fds));
        if (!fds)
                abort();
        if (r == 0)
                run(&process, fds);
        for (unsigned i = 0; i < process.n; i++)
                random_client_deinit(&process.clients[i]);
        free(process.clients);
        free(fds);
        return r;
}
