/* SPDX-License-Identifier: Apache-2.0 */
/* The knobs that all scenarios share, and the bus that they name. */

#include <stdlib.h>
#include <string.h>

#include "bench/load/engine/process.h"
#include "bench/load/broker/broker.h"
#include "bench/load/scenario/run_private.h"
#include "broker/base/alloc.h"
#include "broker/base/assert.h"

static const char *const writes[] = {"coalesced", "single", NULL};

const Knob run_options_knobs[] = {
        {"address", "ADDRESS", "the bus at this address", KNOB_TEXT, offsetof(RunOptions, address),
         0, 0, NULL, NULL},
        {"session", NULL, "the user's bus: $DBUS_SESSION_BUS_ADDRESS", KNOB_FLAG,
         offsetof(RunOptions, session), 0, 0, NULL, NULL},
        {"system", NULL, "the system's bus", KNOB_FLAG, offsetof(RunOptions, system), 0, 0, NULL,
         NULL},
        {"broker", "NAME|PATH",
         "a private bus: dbus-daemon, dbus-broker, ringbus, the path of one,\nor floor, a bare "
         "forwarder",
         KNOB_TEXT, offsetof(RunOptions, broker), 0, 0, NULL, NULL},
        {"workers", "N", "threads of a private ringbus that route messages; 0: as it chooses",
         KNOB_COUNT, offsetof(RunOptions, n_workers), 0, BROKER_WORKERS_MAX, "0", NULL},
        {"io", "BACKEND", "what a private ringbus uses: auto, uring or epoll", KNOB_TEXT,
         offsetof(RunOptions, io), 0, 0, NULL, NULL},
        {"duration", "TIME", "how long to measure", KNOB_DURATION,
         offsetof(RunOptions, duration_ns), 1000000, 0, "3s", NULL},
        {"warmup", "TIME", "how long before that, without measuring", KNOB_DURATION,
         offsetof(RunOptions, warmup_ns), 0, 0, "500ms", NULL},
        {"threads", "N", "threads that generate load; connections are shared out among them",
         KNOB_COUNT, offsetof(RunOptions, n_threads), 1, CREW_MAX, "1", NULL},
        {"payload", "SIZE", "bytes in the array of bytes that is each message's body", KNOB_SIZE,
         offsetof(RunOptions, payload), 0, 64 * 1024 * 1024, "8", NULL},
        {"write", "MODE",
         "clients that send what they have queued in one write,\nor each message in one of its own",
         KNOB_CHOICE, offsetof(RunOptions, write), 0, 0, "coalesced", writes},
        {"late", "TIME", "operations that take longer are counted as late", KNOB_DURATION,
         offsetof(RunOptions, late_ns), 0, 0, "10ms", NULL},
        {"seed", "N", "of whatever is chosen at random", KNOB_COUNT, offsetof(RunOptions, seed), 0,
         0, "1", NULL},
        {"pid", "PID", "the broker's process, if it cannot be found by asking", KNOB_COUNT,
         offsetof(RunOptions, pid), 0, INT32_MAX, NULL, NULL},
        {"json", "FILE", "the result as JSON, into the file, or instead of the table",
         KNOB_OPTIONAL, offsetof(RunOptions, json), 0, 0, NULL, NULL},
        {"quiet", NULL, "no line that shows the progress", KNOB_FLAG, offsetof(RunOptions, quiet),
         0, 0, NULL, NULL},
        {NULL, NULL, NULL, KNOB_FLAG, 0, 0, 0, NULL, NULL},
};

static int set_address(Run *run, const char *address)
{
        size_t size = strlen(address);

        if (size >= sizeof(run->address)) {
                fprintf(stderr, "ringbus-load: the address is too long\n");
                return 2;
        }
        memcpy(run->address, address, size + 1);
        return 0;
}

static const char *environment(const char *name, const char *otherwise)
{
        const char *value = getenv(name);

        return value && value[0] ? value : otherwise;
}

static int start_broker(Run *run)
{
        BrokerOptions options = {.io = run->options.io,
                                 .workers = (unsigned)run->options.n_workers};
        char daemon[BROKER_PATH_MAX];
        Broker *broker;

        if (broker_find(run->options.broker, daemon) < 0)
                return 1;
        broker = alloc_zeroed(1, sizeof(*broker));
        if (!broker)
                process_out_of_memory();
        options.daemon = daemon;
        if (broker_start(broker, &options) < 0) {
                alloc_free(broker);
                return 1;
        }
        run->started = broker;
        run->broker.pid = broker->pid;
        return set_address(run, broker->address);
}

int run_options_find_bus(Run *run)
{
        const RunOptions *options = &run->options;
        int n = (options->address != NULL) + (options->broker != NULL) + options->session +
                options->system;

        if (n != 1) {
                fprintf(stderr, "ringbus-load: which bus? Give one of --address, --session, "
                                "--system and --broker\n");
                return 2;
        }
        if (options->broker)
                return start_broker(run);
        if (options->n_workers > 0 || options->io) {
                fprintf(stderr, "ringbus-load: --workers and --io are for --broker=ringbus\n");
                return 2;
        }
        if (options->address)
                return set_address(run, options->address);
        if (options->session)
                return set_address(run,
                                   environment("DBUS_SESSION_BUS_ADDRESS", "unix:runtime=yes"));
        return set_address(run, environment("DBUS_SYSTEM_BUS_ADDRESS",
                                            "unix:path=/run/dbus/system_bus_socket"));
}

void run_options_leave_bus(Run *run)
{
        if (run->started)
                broker_stop(run->started);
        run->started = alloc_free(run->started);
}

void run_options_say_end(const Run *run)
{
        fprintf(stderr, "ringbus-load: the broker (pid %d, %s) has ended\n", (int)run->broker.pid,
                run->broker.exe);
        if (run->started)
                broker_explain_end(run->started, stderr);
}
