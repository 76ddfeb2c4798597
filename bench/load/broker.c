/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/load/broker.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench/load/broker_controller.h"

enum {
        COUNTERS_TRIES = 100, /* of 20 ms */
};

static const char *base_name(const char *path)
{
        const char *slash = strrchr(path, '/');

        return slash ? slash + 1 : path;
}

BrokerKind broker_kind(const char *daemon)
{
        const char *name = base_name(daemon);

        if (!strcmp(name, "ringbus"))
                return BROKER_RINGBUS;
        return strncmp(name, "dbus-broker", 11) ? BROKER_DBUS_DAEMON : BROKER_DBUS_BROKER;
}

const char *broker_label(const BrokerOptions *options, char label[static BROKER_LABEL_MAX])
{
        int n = snprintf(label, BROKER_LABEL_MAX, "%.24s", base_name(options->daemon));

        if (broker_kind(options->daemon) != BROKER_RINGBUS)
                return label;
        if (options->io)
                n += snprintf(label + n, BROKER_LABEL_MAX - (size_t)n, "-%.8s", options->io);
        if (options->workers)
                snprintf(label + n, BROKER_LABEL_MAX - (size_t)n, "-%u", options->workers);
        return label;
}

static void limit_text(char *text, size_t size, uint64_t queue_max)
{
        snprintf(text, size,
                 "  <limit name=\"max_outgoing_bytes\">%llu</limit>\n"
                 "  <limit name=\"max_incoming_bytes\">%llu</limit>\n",
                 (unsigned long long)queue_max, (unsigned long long)queue_max);
}

int broker_start(Broker *broker, const BrokerOptions *options)
{
        BusOptions bus = {.daemon = options->daemon};
        char limits[256], workers[16];

        *broker = (Broker){.kind = broker_kind(options->daemon), .bus = {.pid = -1}};
        if (access(options->daemon, X_OK) < 0) {
                fprintf(stderr, "cannot run %s: %s\n", options->daemon, strerror(errno));
                return -1;
        }
        if (broker->kind == BROKER_DBUS_BROKER)
                return broker_controller_start(broker, options->daemon, options->queue_max);
        if (options->queue_max) {
                limit_text(limits, sizeof(limits), options->queue_max);
                bus.config = limits;
        }
        snprintf(workers, sizeof(workers), "%u", options->workers);
        setenv("RINGBUS_TEST_IO", options->io ? options->io : "", 1);
        setenv("RINGBUS_TEST_WORKERS", options->workers ? workers : "", 1);
        return bus_start(&broker->bus, &bus);
}

int broker_stop(Broker *broker)
{
        if (broker->bus.pid <= 0)
                return 0;
        if (broker->kind == BROKER_DBUS_BROKER)
                return broker_controller_stop(broker);
        return bus_stop(&broker->bus);
}

bool broker_is_alive(const Broker *broker)
{
        siginfo_t info = {0};

        return waitid(P_PID, (id_t)broker->bus.pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
               info.si_pid == 0;
}

/* Reads the counters that the log has by now. Returns how many workers there are. */
static unsigned read_counters(const Bus *bus, uint64_t *routed)
{
        char path[160], line[1024];
        unsigned n = 0;
        FILE *log;

        snprintf(path, sizeof(path), "%s/log", bus->directory);
        log = fopen(path, "re");
        if (!log)
                return 0;
        while (fgets(line, sizeof(line), log)) {
                const char *found = strstr(line, "] worker ");
                unsigned long long connections, count;
                unsigned index;

                if (!found || !strchr(line, '\n') ||
                    sscanf(found, "] worker %u: connections=%llu routed=%llu", &index, &connections,
                           &count) != 3 ||
                    index >= BROKER_WORKERS_MAX)
                        continue;
                routed[index] = count;
                n = index + 1 > n ? index + 1 : n;
        }
        fclose(log);
        return n;
}

unsigned broker_routed(const Broker *broker, uint64_t ret_routed[static BROKER_WORKERS_MAX])
{
        const struct timespec pause = {.tv_nsec = 20 * 1000 * 1000};
        unsigned n = 0;

        if (broker->kind != BROKER_RINGBUS)
                return 0;
        kill(broker->bus.pid, SIGUSR1);
        for (int i = 0; i < COUNTERS_TRIES && n == 0; i++) {
                nanosleep(&pause, NULL);
                n = read_counters(&broker->bus, ret_routed);
        }
        return n;
}
