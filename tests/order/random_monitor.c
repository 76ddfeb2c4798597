/* SPDX-License-Identifier: Apache-2.0 */

/* See random_monitor.h. */

#include "tests/order/random_monitor.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/order/random_connection.h"
#include "tests/order/random_log.h"
#include "tests/support/rawclient.h"

enum { MONITOR_POLL_MS = 10 };

typedef struct Monitor {
        const RandomJob *job;
        RandomConnection connection;
        FILE *log;
        RawClient *last; /* who joins at the end; its Hello is the last that matters */
        bool done;
} Monitor;

void random_monitor_path(char *path, size_t size, const char *directory)
{
        snprintf(path, size, "%s/monitor", directory);
}

/* N + 1 of ":1.N", or 0. */
static uint32_t number_of(const char *name)
{
        return name && !strncmp(name, ":1.", 3) ? (uint32_t)strtoul(name + 3, NULL, 10) + 1 : 0;
}

static void call(Monitor *monitor, uint32_t serial, const char *interface, const char *member,
                 Marshal *body)
{
        const RawHeader header = {.type = RAWMESSAGE_CALL,
                                  .serial = serial,
                                  .path = "/org/freedesktop/DBus",
                                  .interface = interface,
                                  .member = member,
                                  .destination = "org.freedesktop.DBus",
                                  .signature = body ? "asu" : NULL};
        Marshal bytes;

        marshal_init(&bytes, false);
        rawmessage_build(&header, body, &bytes);
        random_connection_queue(&monitor->connection, &header, &bytes, NULL, 0);
}

static int begin(Monitor *monitor)
{
        Marshal body;
        int r = random_connection_open(&monitor->connection, monitor->job->address);

        if (r < 0)
                return r;
        call(monitor, 1, "org.freedesktop.DBus", "Hello", NULL);
        marshal_init(&body, false);
        marshal_u32(&body, 0);
        marshal_u32(&body, 0);
        call(monitor, 2, "org.freedesktop.DBus.Monitoring", "BecomeMonitor", &body);
        marshal_deinit(&body);
        return random_connection_write(&monitor->connection, random_shared_now_us());
}

static void see(Monitor *monitor, const RawMessage *message)
{
        const uint32_t sender = number_of(message->sender);
        const RandomSeen seen = {.peer = sender ? sender - 1 : RANDOM_DRIVER,
                                 .serial = message->serial,
                                 .reply_serial = message->reply_serial,
                                 .to = number_of(message->destination),
                                 .type = message->type};

        if (monitor->last && sender && sender == number_of(monitor->last->unique_name))
                monitor->done = true;
        if (fwrite(&seen, sizeof(seen), 1, monitor->log) != 1)
                abort(); /* without its log it proves nothing */
}

/* NameLost: it is one. What comes before is meant for it. */
static bool is_begun(const RawMessage *message)
{
        return message->type == RAWMESSAGE_SIGNAL && !strcmp(message->member, "NameLost");
}

static int read_all(Monitor *monitor, bool *begun)
{
        RawMessage *message = NULL;
        int r = random_connection_read(&monitor->connection);

        while (r > 0 && !monitor->done) {
                const int taken = random_connection_take(&monitor->connection, &message);

                if (taken < 0)
                        return taken;
                if (!message)
                        break;
                if (*begun) {
                        see(monitor, message);
                } else if (is_begun(message)) {
                        *begun = true;
                        random_shared_set(&monitor->job->shared->monitor, RANDOM_PROGRESS_READY);
                }
                message = rawmessage_free(message);
        }
        return r;
}

/* Everybody is done: whoever joins now comes behind all that there was. */
static void join_last(Monitor *monitor)
{
        int error;

        monitor->last = rawclient_open(monitor->job->address, 0, &error);
        if (!monitor->last || rawclient_hello(monitor->last) < 0)
                monitor->done = true;
}

static int run(Monitor *monitor)
{
        bool begun = false;
        int r = begin(monitor);

        while (r >= 0 && !monitor->done) {
                struct pollfd fd = {.fd = monitor->connection.fd, .events = POLLIN};
                const unsigned phase = random_shared_get(&monitor->job->shared->phase);

                if (phase == RANDOM_PHASE_ABORT)
                        return 0;
                if (phase == RANDOM_PHASE_EXIT && !monitor->last)
                        join_last(monitor);
                (void)poll(&fd, 1, MONITOR_POLL_MS);
                r = read_all(monitor, &begun);
        }
        return r;
}

int random_monitor_run(const RandomJob *job)
{
        Monitor monitor = {.job = job, .connection = {.fd = -1}};
        char path[300];
        int r;

        monitor.connection.last = &monitor.connection.first;
        random_monitor_path(path, sizeof(path), job->directory);
        monitor.log = fopen(path, "we");
        if (!monitor.log) {
                perror("random: cannot write the monitor's log");
                return -1;
        }
        r = run(&monitor);
        if (r < 0)
                fprintf(stderr, "random: the monitor: %s\n", strerror(-r));
        rawclient_free(monitor.last);
        (void)random_connection_close(&monitor.connection);
        if (fclose(monitor.log) != 0)
                r = -1;
        return r < 0 ? -1 : 0;
}
