/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BROKER_BUS_PRIVATE_H
#define RINGBUS_BROKER_BUS_PRIVATE_H

/* What the bus consists of; shared by bus.c and bus_workers.c. Owner: the main thread. */

#include "broker/bus.h"
#include "broker/bus_auth.h"
#include "broker/bus_modules.h"
#include "broker/bus_reload.h"
#include "broker/gate/gate.h"
#include "broker/io/ready.h"
#include "broker/worker/worker.h"

/* Where the last connection of a process went; forgotten when another one needs the place. */
typedef struct BusProcess {
        pid_t pid;
        unsigned n_connections; /* so far, whether they live or not */
        unsigned worker;
} BusProcess;

enum { BUS_PROCESSES = 256 };

struct Bus {
        const Options *options;     /* borrowed */
        const Config *config;       /* borrowed */
        const Listeners *listeners; /* borrowed */
        IoBackend backend;
        Qsbr qsbr;
        Wake wake;         /* control's: a reload is due */
        Wake retired_wake; /* control's: something was retired */
        Ready ready;
        int signal_fd;
        Router router;
        Driver driver;
        Worker *workers[ROUTER_WORKERS_MAX];
        unsigned n_workers;
        uint64_t random; /* gate's thread: state of a generator, not 0; as is the next: */
        BusProcess processes[BUS_PROCESSES];
        Gate *gate;
        BusReload reload;
        BusAuth auth;
        BusModules modules;
};

/* Any worker, or control: an answer goes to the worker of its caller. DriverHooks.post_answer. */
void bus_post_answer(void *context, DriverReload *answer);

/* Gate's thread: the worker for a connection of this process. */
Worker *bus_place(Bus *bus, pid_t pid);

/* Starts bus->n_workers workers; on epoll, if the user leaves the choice to us and io_uring cannot
 * serve them all. 0 or -errno, logged; bus_stop_workers() ends those that there are. */
int bus_start_workers(Bus *bus);

/* Ends and frees all workers that there are, with their connections. The gate has been stopped, or
 * not started yet. */
void bus_stop_workers(Bus *bus);

/* What Debug.Stats reads of the workers and the gate, while they are there. */
DriverSources bus_stats_sources(Bus *bus);

/* Logs what each worker has done so far, a line each. */
void bus_stats_log(Bus *bus);

#endif
