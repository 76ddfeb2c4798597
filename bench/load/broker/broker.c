/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/load/broker/broker.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench/load/broker/broker_controller.h"
#include "bench/load/broker/broker_daemon.h"
#include "bench/load/broker/broker_home.h"
#include "bench/load/broker/broker_listener.h"

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

        if (!strcmp(daemon, "floor"))
                return BROKER_FLOOR;
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

static int start_kind(Broker *broker, const BrokerOptions *options)
{
        switch (broker->kind) {
        case BROKER_RINGBUS:
        case BROKER_DBUS_DAEMON:
                return broker_daemon_start(broker, options);
        case BROKER_DBUS_BROKER:
                return broker_controller_start(broker, options);
        case BROKER_FLOOR:
                return broker_listener_start_floor(broker);
        }
        return -1;
}

int broker_start(Broker *broker, const BrokerOptions *options)
{
        *broker = (Broker){.kind = broker_kind(options->daemon), .pid = -1};
        if (broker->kind != BROKER_FLOOR && access(options->daemon, X_OK) < 0) {
                fprintf(stderr, "cannot run %s: %s\n", options->daemon, strerror(errno));
                return -1;
        }
        if (broker_home_make(broker) < 0) {
                fprintf(stderr, "cannot make a directory for %s: %s\n", options->daemon,
                        strerror(errno));
                return -1;
        }
        if (start_kind(broker, options) == 0)
                return 0;
        fprintf(stderr, "%s did not start\n", options->daemon);
        broker_stop(broker);
        return -1;
}

int broker_stop(Broker *broker)
{
        int status = 0;

        if (broker->kind == BROKER_DBUS_BROKER)
                broker_controller_let_go(broker); /* which ends it */
        else if (broker->pid > 0)
                kill(broker->pid, SIGTERM);
        if (broker->pid > 0)
                status = broker_home_reap(broker);
        if (broker->directory[0])
                broker_home_remove(broker);
        return status == 0 ? 0 : -1;
}

bool broker_is_alive(const Broker *broker)
{
        siginfo_t info = {0};

        return broker->pid > 0 &&
               waitid(P_PID, (id_t)broker->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
               info.si_pid == 0;
}

void broker_explain_end(const Broker *broker, FILE *stream)
{
        siginfo_t info = {0};

        if (waitid(P_PID, (id_t)broker->pid, &info, WEXITED | WNOHANG | WNOWAIT) < 0 ||
            info.si_pid == 0)
                return;
        if (info.si_code == CLD_EXITED)
                fprintf(stream, "the broker ended with exit status %d\n", info.si_status);
        else
                fprintf(stream, "the broker was ended by signal %d (%s)\n", info.si_status,
                        strsignal(info.si_status));
        broker_home_print_log(broker, stream);
}

/* Reads the counters that the log has by now. Returns how many workers there are. */
static unsigned read_counters(const Broker *broker, uint64_t *routed)
{
        char path[160], line[1024];
        unsigned n = 0;
        FILE *log;

        snprintf(path, sizeof(path), "%s/log", broker->directory);
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
        kill(broker->pid, SIGUSR1);
        for (int i = 0; i < COUNTERS_TRIES && n == 0; i++) {
                nanosleep(&pause, NULL);
                n = read_counters(broker, ret_routed);
        }
        return n;
}
