/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_DRIVER_DRIVER_H
#define RINGBUS_DRIVER_DRIVER_H

/*
 * The driver: the bus itself as a peer, "org.freedesktop.DBus". Methods are tables, one file per
 * group; each runs synchronously on the caller's worker, so it acts in order with the caller's
 * other messages. Specification: "Message Bus Messages".
 */

#include "broker/driver/environment.h"
#include "broker/peer/peer.h"

typedef struct DriverReload DriverReload;

/* What the driver leaves to others. */
typedef struct DriverHooks {
        /* Any worker: a ReloadConfig call, for control, which takes it over. */
        void (*post_reload)(void *context, DriverReload *reload);
        /* Any worker: an answer to the worker of its caller (driver_reload_finish()). */
        void (*post_answer)(void *context, DriverReload *reload);
        void *context;
} DriverHooks;

enum { DRIVER_COUNTS_MAX = 24 };

typedef struct DriverCount {
        const char *name;
        uint64_t value;
} DriverCount;

/* Sums over the bus's threads. */
typedef struct DriverTotals {
        uint64_t n_incomplete; /* connections */
        uint64_t pool_bytes;
        uint64_t pool_free_bytes;
} DriverTotals;

/*
 * What the bus's threads count, for Debug.Stats: read where each keeps it, while they go on. Called
 * by any worker. Each fills in at most DRIVER_COUNTS_MAX and returns how many.
 */
typedef struct DriverSources {
        unsigned n_workers;
        void (*read_totals)(void *context, DriverTotals *ret_totals);
        unsigned (*read_worker)(void *context, unsigned index, DriverCount *ret_counts);
        unsigned (*read_gate)(void *context, DriverCount *ret_counts);
        void *context;
} DriverSources;

/* What this bus can do beyond what each can. */
typedef struct DriverFeatures {
        bool systemd_activation;
        bool apparmor;             /* mediates */
        bool selinux;              /* the same */
        const char *selinux_label; /* the bus's own; borrowed; NULL without SELinux */
} DriverFeatures;

/* Immutable once the workers run, but for the environment, which has a lock of its own, and what
 * counts calls. */
typedef struct Driver {
        Router *router;      /* borrowed */
        char id[33];         /* GetId: 32 hex digits */
        char machine_id[33]; /* "" if the machine has none */
        uint32_t uid;        /* of the bus */
        uint32_t pid;
        DriverFeatures features;
        DriverHooks hooks;
        Environment environment;
        DriverSources sources;      /* zero: there are no threads, in tests */
        Counter n_stats;            /* calls of GetStats */
        Counter n_connection_stats; /* and of GetConnectionStats */
} Driver;

/* Draws the bus's id, reads the machine's. 0 or -errno. Main thread. */
int driver_init(Driver *driver, Router *router, const DriverHooks *hooks,
                const DriverFeatures *features);
void driver_deinit(Driver *driver);

/* A message whose destination is the bus. Home worker of `peer`. */
void driver_handle(Driver *driver, Shard *shard, Peer *peer, Incoming *incoming);

/* A message without destination that is no broadcast: method calls are answered by the bus's own
 * end of the connection (org.freedesktop.DBus.Peer), the rest is ignored. */
void driver_handle_local(Driver *driver, Shard *shard, Peer *peer, const Incoming *incoming);

/* Pushes one of the bus's own messages to an endpoint (shown to monitors if there are any). Takes
 * the reference; NULL closes the peer: somebody who would wait in vain. Any worker; the registry
 * lock may be held. */
void driver_push(RouterThread *thread, Endpoint *to, Message *message);

/* An error reply to a message of `to`, with a printf text. `name` without the common prefix. */
void driver_push_error(RouterThread *thread, Endpoint *to, uint32_t serial, const char *name,
                       const char *format, ...) __attribute__((format(printf, 5, 6)));

/* The same error, for send_refuse(). NULL: out of memory; the peer is being closed. */
Message *driver_build_error(RouterThread *thread, Endpoint *to, uint32_t serial, const char *name,
                            const char *format, ...) __attribute__((format(printf, 5, 6)));

/* The introspection data of an object path, NUL-terminated, to be freed with alloc_free(). NULL:
 * out of memory. Any thread. */
char *driver_introspect(Text path);

#endif
