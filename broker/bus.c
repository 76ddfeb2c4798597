/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/bus_private.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "broker/base/alloc.h"
#include "broker/base/hash.h"
#include "broker/base/log.h"
#include "broker/root.h"

enum {
        WORKERS_DEFAULT_MAX = 8,
        RECLAIM_PAUSE_NS = 2 * 1000 * 1000, /* one grace period serves all that retires meanwhile */
};

static void bus_post_duties(void *context, unsigned home, StackNode *chain)
{
        Bus *bus = context;

        worker_post_duties(bus->workers[home], chain);
}

static void bus_post_collect(void *context, Endpoint *callee)
{
        Bus *bus = context;

        worker_post_collect(bus->workers[callee->home], callee);
}

void bus_post_answer(void *context, DriverReload *answer)
{
        Bus *bus = context;

        worker_post_answer(bus->workers[answer->caller ? answer->caller->home : 0], answer);
}

/* A connection on its way from the gate to a worker. */
typedef struct BusArrival {
        WorkerArrival arrival;
        GateConnection *connection;
} BusArrival;

static void bus_release_arrival(WorkerArrival *arrival)
{
        BusArrival *self = CONTAINER_OF(arrival, BusArrival, arrival);

        gate_connection_free(self->connection);
        alloc_free(self);
}

/* Gate's thread. */
static bool bus_admits(void *context, const Credentials *credentials)
{
        Bus *bus = context;
        const bool knows_groups = credentials->groups != NULL;
        bool admits;

        qsbr_online();
        admits = policy_decide_connect(router_root(&bus->router)->policy, credentials->uid,
                                       knows_groups ? credentials->groups : &credentials->gid,
                                       knows_groups ? credentials->n_groups : 1,
                                       credentials->uid == bus->driver.uid);
        qsbr_offline();
        return admits;
}

/* Gate's thread: what a refusal would name the process by, if anything can be refused. */
static void bus_read_command(Bus *bus, Credentials *credentials)
{
        bool judges;

        qsbr_online();
        judges = router_judges(router_root(&bus->router));
        qsbr_offline();
        if (judges)
                credentials_read_command(credentials);
}

/* Gate's thread. */
static void bus_deliver(void *context, GateConnection *connection)
{
        Bus *bus = context;
        BusArrival *self = alloc_zeroed(1, sizeof(*self));
        const uid_t uid = connection->credentials.uid;
        const pid_t pid = connection->credentials.pid;

        if (!self) {
                gate_complete(bus->gate, connection->ticket);
                gate_connection_free(connection);
                return;
        }
        bus_read_command(bus, &connection->credentials);
        self->connection = connection;
        self->arrival.options = (PeerOptions){.fd = connection->fd,
                                              .credentials = connection->credentials,
                                              .passes_fds = connection->passes_fds,
                                              .privileged = uid == 0 || uid == bus->driver.uid,
                                              .deadline_ns = connection->deadline_ns,
                                              .ticket = connection->ticket};
        self->arrival.bytes = connection->bytes;
        self->arrival.n_bytes = connection->n_bytes;
        self->arrival.fds = connection->fds;
        self->arrival.n_fds = connection->n_fds;
        self->arrival.release = bus_release_arrival;
        /* What the peer takes over is no longer the connection's. */
        connection->fd = -1;
        connection->credentials = (Credentials){0};
        connection->n_fds = 0;
        worker_post_arrival(bus_place(bus, pid), &self->arrival);
}

/* The CPUs this process may use, at most 8. */
static unsigned bus_choose_workers(unsigned wish)
{
        cpu_set_t set;
        unsigned n = 1;

        if (wish > 0)
                return wish < ROUTER_WORKERS_MAX ? wish : ROUTER_WORKERS_MAX;
        if (sched_getaffinity(0, sizeof(set), &set) == 0)
                n = (unsigned)CPU_COUNT(&set);
        return n < 1 ? 1 : n > WORKERS_DEFAULT_MAX ? WORKERS_DEFAULT_MAX : n;
}

/* SIGTERM ends the bus, SIGHUP reloads the configuration, SIGUSR1 logs the workers' counters;
 * SIGPIPE is ignored; SIGINT keeps its default action. */
static int bus_open_signals(void)
{
        sigset_t set;
        int fd;

        sigemptyset(&set);
        sigaddset(&set, SIGTERM);
        sigaddset(&set, SIGUSR1);
        sigaddset(&set, SIGHUP);
        if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
                return -errno;
        fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
        return fd < 0 ? -errno : fd;
}

static int bus_open_control(Bus *bus)
{
        int r = wake_init(&bus->wake);

        if (r < 0)
                return r;
        r = wake_init(&bus->retired_wake);
        if (r < 0)
                return r;
        qsbr_init(&bus->qsbr, &bus->retired_wake);
        r = ready_init(&bus->ready);
        if (r < 0)
                return r;
        bus->signal_fd = bus_open_signals();
        if (bus->signal_fd < 0)
                return bus->signal_fd;
        r = ready_add(&bus->ready, bus->signal_fd, true, false, &bus->signal_fd);
        if (r < 0)
                return r;
        r = ready_add(&bus->ready, bus->wake.fd, true, false, &bus->wake);
        if (r < 0)
                return r;
        return ready_add(&bus->ready, bus->retired_wake.fd, true, false, &bus->retired_wake);
}

static int bus_init_driver(Bus *bus)
{
        const DriverHooks hooks = {
                .post_reload = bus_reload_post, .post_answer = bus_post_answer, .context = bus};
        const DriverFeatures features = {.systemd_activation = bus->options->systemd_activation,
                                         .apparmor = lsm_is_mediating_apparmor(),
                                         .selinux = lsm_is_mediating_selinux(),
                                         .selinux_label = lsm_selinux_label()};

        return driver_init(&bus->driver, &bus->router, &hooks, &features);
}

int bus_new(const Options *options, const Config *config, const Listeners *listeners,
            IoBackend backend, Bus **ret_bus)
{
        Bus *bus = alloc_zeroed(1, sizeof(*bus));
        RouterRoot *root = NULL;
        RouterHooks hooks = {
                .post_duties = bus_post_duties, .post_collect = bus_post_collect, .context = bus};
        int r = bus ? root_new(config, options, &root) : -ENOMEM;

        if (r == 0) {
                bus->options = options;
                bus->config = config;
                bus->listeners = listeners;
                bus->backend = backend;
                bus->random = hash_text(TEXT("workers")) | 1; /* keyed anew in each process */
                bus->n_workers = bus_choose_workers(options->n_workers);
                r = bus_open_control(bus);
        }
        if (r == 0)
                r = router_init(&bus->router, &bus->qsbr, root, &hooks);
        if (r == 0)
                r = bus_init_driver(bus);
        if (r == 0)
                r = bus_modules_init(bus);
        if (r < 0) { /* the process ends now; the kernel closes what is open */
                log_error("cannot set up the bus: %s", strerror(-r));
                return r;
        }
        bus->driver.sources = bus_stats_sources(bus);
        *ret_bus = bus;
        return 0;
}

static int bus_start_gate(Bus *bus)
{
        const Limits *limits = &bus->config->limits;
        const RouterLimits *in_force = &router_root(&bus->router)->limits;
        GateListener *listeners = alloc_zeroed(bus->listeners->n, sizeof(*listeners));
        GateOptions options = {.listeners = listeners,
                               .n_listeners = (unsigned)bus->listeners->n,
                               .mechanisms = bus->config->mechanisms,
                               .allow_anonymous = bus->config->allow_anonymous,
                               .bus_uid = getuid(),
                               .admits = bus_admits,
                               .refuses_overflow_uid = bus->options->refuse_overflow_uid,
                               .max_incomplete = (unsigned)limits->max_incomplete_connections,
                               .auth_timeout_ms = limits_timeout_ms(limits->auth_timeout_ms),
                               .max_message_unix_fds = (unsigned)in_force->max_message_unix_fds,
                               .deliver = bus_deliver,
                               .context = bus};
        int r;

        if (!listeners)
                return -ENOMEM;
        for (size_t i = 0; i < bus->listeners->n; i++)
                bus_auth_describe(&bus->listeners->items[i], &listeners[i]);
        bus_auth_init(bus, &options);
        r = gate_new(&options, &bus->gate);
        alloc_free(listeners);
        if (r < 0)
                log_error("cannot start the gate: %s", strerror(-r));
        else
                bus_auth_continue(bus);
        return r;
}

int bus_start(Bus *bus)
{
        int r = bus_reload_init(bus);

        if (r < 0) {
                log_error("cannot start the clerk: %s", strerror(-r));
                return r;
        }
        r = bus_start_workers(bus);
        return r < 0 ? r : bus_start_gate(bus);
}

/* Whether SIGTERM came. */
static bool bus_read_signal(Bus *bus)
{
        struct signalfd_siginfo info;

        if (read(bus->signal_fd, &info, sizeof(info)) != (ssize_t)sizeof(info))
                return false;
        if (info.ssi_signo == SIGUSR1)
                bus_stats_log(bus);
        if (info.ssi_signo == SIGHUP)
                bus_reload_want(bus);
        return info.ssi_signo == SIGTERM;
}

/* Handles what is ready; whether SIGTERM came. */
static bool bus_handle_events(Bus *bus, const ReadyEvent *events, int n)
{
        bool end = false;

        for (int i = 0; i < n; i++) {
                if (events[i].cookie == &bus->wake || events[i].cookie == &bus->retired_wake)
                        wake_drain(events[i].cookie);
                else if (!bus_modules_handle(bus, events[i].cookie))
                        end |= bus_read_signal(bus);
        }
        return end;
}

/* Waits for signals, for what is retired, and for reloads. After a reclaim there is a pause in
 * which nothing that retires wakes us: one grace period serves all of it. */
static int bus_wait(Bus *bus, bool pausing, ReadyEvent *events, unsigned n_events)
{
        uint64_t timeout = pausing ? RECLAIM_PAUSE_NS : UINT64_MAX;
        int n;

        wake_prepare(&bus->wake);
        if (!pausing)
                wake_prepare(&bus->retired_wake);
        if (bus_reload_is_due(bus) || (!pausing && qsbr_has_retired(&bus->qsbr)))
                timeout = 0;
        if (timeout > bus_auth_timeout(bus))
                timeout = bus_auth_timeout(bus);
        n = ready_wait(&bus->ready, timeout, events, n_events);
        wake_finish(&bus->retired_wake);
        wake_finish(&bus->wake);
        return n;
}

int bus_run(Bus *bus)
{
        ReadyEvent events[8];
        bool reclaimed = false;

        for (;;) {
                int n = bus_wait(bus, reclaimed, events, ARRAY_SIZE(events));

                if (n < 0) {
                        log_error("cannot wait for events: %s", strerror(-n));
                        return 1;
                }
                if (bus_handle_events(bus, events, n))
                        return 0;
                bus_reload_continue(bus);
                bus_auth_continue(bus);
                reclaimed = qsbr_reclaim(&bus->qsbr) > 0;
        }
}

Bus *bus_free(Bus *bus)
{
        if (!bus)
                return NULL;
        gate_stop(bus->gate);
        bus_stop_workers(bus);
        if (!bus_reload_deinit(bus))
                return NULL;
        bus->gate = gate_free(bus->gate);
        bus_auth_deinit(bus);
        driver_deinit(&bus->driver);
        router_deinit(&bus->router);
        bus_modules_deinit(bus);
        close(bus->signal_fd);
        ready_deinit(&bus->ready);
        wake_deinit(&bus->retired_wake);
        wake_deinit(&bus->wake);
        return alloc_free(bus);
}
