/* SPDX-License-Identifier: Apache-2.0 */
/* In a process of its own, which can be given up wherever it waits: also in connect(2), if the
 * listener's queue is full. */
#include "bench/load/newcomer.h"

#include <stdio.h>

#include "bench/load/engine/process.h"
#include "tests/support/rawclient.h"

typedef struct Newcomer {
        char address[256];
        uint64_t took_ns;
} Newcomer;

static int run(void *context)
{
        Newcomer *newcomer = context;
        uint64_t from_ns = process_now_ns();
        RawClient *client;
        int r = 0;

        client = rawclient_open(newcomer->address, 0, &r);
        if (!client || rawclient_hello(client) < 0)
                return 1;
        newcomer->took_ns = process_now_ns() - from_ns;
        rawclient_free(client);
        return 0;
}

double newcomer_join(const char *address, int timeout_ms)
{
        Newcomer *newcomer = process_share(sizeof(*newcomer));
        Process process = {0};
        double took_ms = -1;

        snprintf(newcomer->address, sizeof(newcomer->address), "%s", address);
        if (process_start(&process, run, newcomer) == 0 && process_wait(&process, timeout_ms) == 0)
                took_ms = (double)newcomer->took_ns / 1e6;
        process_unshare(newcomer, sizeof(*newcomer));
        return took_ms;
}
