/* SPDX-License-Identifier: Apache-2.0 */
/* Start and end of the workers. */
#include <errno.h>
#include <string.h>

#include "broker/base/log.h"
#include "broker/bus_private.h"

static void bus_on_complete(void *context, void *ticket)
{
        Bus *bus = context;

        gate_complete(bus->gate, ticket);
}

void bus_stop_workers(Bus *bus)
{
        for (unsigned i = 0; i < bus->n_workers; i++)
                if (bus->workers[i])
                        worker_stop(bus->workers[i]);
        for (unsigned i = 0; i < bus->n_workers; i++)
                if (bus->workers[i])
                        worker_join(bus->workers[i]);
        for (unsigned i = 0; i < bus->n_workers; i++)
                if (bus->workers[i])
                        worker_settle(bus->workers[i]);
        bus_reload_drop_calls(bus);
        while (qsbr_reclaim(&bus->qsbr) > 0)
                continue;
        for (unsigned i = 0; i < bus->n_workers; i++)
                bus->workers[i] = worker_free(bus->workers[i]);
}

/* 0, or -errno and which worker could not be started: *ret_index. */
static int bus_try_workers(Bus *bus, unsigned *ret_index)
{
        static const WorkerSpin spins[] = {[OPTIONS_SPIN_AUTO] = WORKER_SPIN_AUTO,
                                           [OPTIONS_SPIN_OFF] = WORKER_SPIN_OFF,
                                           [OPTIONS_SPIN_FIXED] = WORKER_SPIN_FIXED};
        WorkerOptions options = {.backend = bus->backend,
                                 .router = &bus->router,
                                 .driver = &bus->driver,
                                 .workers = bus->workers,
                                 .spin = spins[bus->options->spin],
                                 .spin_ns = (uint64_t)bus->options->spin_us * 1000,
                                 .on_complete = bus_on_complete,
                                 .context = bus};

        for (unsigned i = 0; i < bus->n_workers; i++) {
                int r;

                options.index = i;
                r = worker_new(&options, &bus->workers[i]);
                if (r < 0) {
                        *ret_index = i;
                        return r;
                }
        }
        return 0;
}

static const char *bus_worker_remedy(const Bus *bus, int error)
{
        if (error == -EAGAIN)
                return "too many threads; raise RLIMIT_NPROC (systemd: LimitNPROC=, TasksMax=)";
        if (bus->backend == IO_BACKEND_URING || error == -EMFILE || error == -ENFILE)
                return probe_remedy(error);
        return "out of memory or address space";
}

/* The probe has tried one ring; several may be more than a limit allows. */
int bus_start_workers(Bus *bus)
{
        unsigned i = 0;
        int r = bus_try_workers(bus, &i);

        if (r < 0 && bus->backend == IO_BACKEND_URING && bus->options->io_wish == PROBE_AUTO) {
                log_notice("using epoll: io_uring cannot serve worker %u of %u: %s: %s", i + 1,
                           bus->n_workers, strerror(-r), bus_worker_remedy(bus, r));
                bus_stop_workers(bus);
                bus->backend = IO_BACKEND_EPOLL;
                r = bus_try_workers(bus, &i);
        }
        if (r < 0)
                log_error("cannot start worker %u of %u: %s; %s, or take fewer --workers%s", i + 1,
                          bus->n_workers, strerror(-r), bus_worker_remedy(bus, r),
                          bus->backend == IO_BACKEND_URING ? " or --io=auto" : "");
        return r;
}
