/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stalls, SIGINT and the broker's death.
 *
 * A client has stalled if twelve looks in a row, 250 ms apart, find it waiting without progress.
 * The looks are counted, not the time: where this program itself was kept from running for seconds,
 * nothing has stalled.
 */

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bench/load/scenario/run_private.h"
#include "broker/base/assert.h"
#include "broker/base/cleanup.h"

enum { DESCRIBED_MAX = 8 /* clients in the report of a stall */ };

static volatile sig_atomic_t interrupted;

static void handle_interrupt(int number)
{
        (void)number;
        interrupted = 1;
}

static bool is_waiting(const RunClient *client)
{
        switch (client->connection.state) {
        case CONNECTION_CONNECTING:
        case CONNECTION_AUTHENTICATING:
        case CONNECTION_GREETING:
                return true;
        case CONNECTION_READY:
                return client->n_awaited > 0;
        case CONNECTION_STOPPED:
        case CONNECTION_FAILED:
                break;
        }
        return false;
}

static void describe(const RunClient *client, char *text, size_t size)
{
        const Connection *connection = &client->connection;
        const RunActs *acts = client->part->run->acts;
        char own[256] = "";

        if (acts->describe)
                acts->describe(client, own, sizeof(own));
        snprintf(text, size,
                 "\n  %s %u%s%s: %s, waits for %llu, sent %llu messages, %zu bytes "
                 "unsent, received %llu%s%s",
                 client->role, client->index, connection->unique_name[0] ? " " : "",
                 connection->unique_name, connection_state_name(connection->state),
                 (unsigned long long)client->n_awaited,
                 (unsigned long long)connection->n_frames_out, connection_unsent(connection),
                 (unsigned long long)connection->n_frames_in, own[0] ? "; " : "", own);
}

static void fail_by_stall(RunPart *part, unsigned n_stalled)
{
        char text[RUN_FAILURE_MAX - 256];
        unsigned n = 0;
        size_t size = 0;

        for (const RunClient *client = part->clients; client && n < DESCRIBED_MAX;
             client = client->next) {
                if (client->quiet_looks < RUN_STALL_LOOKS)
                        continue;
                describe(client, text + size, sizeof(text) - size);
                size += strlen(text + size);
                n++;
        }
        run_fail(part->run, "%u client%s stalled: nothing came for %u s%s%s", n_stalled,
                 n_stalled == 1 ? " has" : "s have", RUN_STALL_LOOKS * RUN_LOOK_MS / 1000, text,
                 n < n_stalled ? "\n  ..." : "");
}

void run_watch_part(Timer *timer, void *context)
{
        RunPart *part = CONTAINER_OF(timer, RunPart, watch);
        unsigned n_stalled = 0;

        (void)context;
        for (RunClient *client = part->clients; client; client = client->next) {
                if (client->is_exempt || !is_waiting(client) ||
                    client->progress_ns >= part->watched_ns ||
                    (client->connection.state != CONNECTION_READY &&
                     client->connection.last_input_ns >= part->watched_ns))
                        client->quiet_looks = 0;
                else if (++client->quiet_looks >= RUN_STALL_LOOKS)
                        n_stalled++;
        }
        part->watched_ns = loop_now_ns(part->loop);
        if (n_stalled > 0)
                fail_by_stall(part, n_stalled);
}

void run_watch_begin(Run *run)
{
        struct sigaction action = {.sa_handler = handle_interrupt, .sa_flags = (int)SA_RESETHAND};

        interrupted = 0;
        sigaction(SIGINT, &action, NULL);
        sigaction(SIGTERM, &action, NULL);
        if (run->broker.pid > 0)
                run->state->broker_fd = (int)syscall(SYS_pidfd_open, run->broker.pid, 0);
}

void run_watch_end(Run *run)
{
        signal(SIGINT, SIG_DFL);
        signal(SIGTERM, SIG_DFL);
        run->state->broker_fd = cleanup_close(run->state->broker_fd);
}

bool run_watch_interrupted(void)
{
        return interrupted != 0;
}

bool run_watch_broker_died(const Run *run, int timeout_ms)
{
        struct pollfd end = {.fd = run->state->broker_fd, .events = POLLIN};

        return end.fd >= 0 && poll(&end, 1, timeout_ms) == 1;
}
