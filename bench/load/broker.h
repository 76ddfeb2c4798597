/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BENCH_LOAD_BROKER_H
#define RINGBUS_BENCH_LOAD_BROKER_H

/*
 * The broker under load: ringbus, dbus-daemon or dbus-broker, told apart by the base name of the
 * program. ringbus and dbus-daemon get the same configuration; dbus-broker, which reads none, is
 * started without its launcher, by way of its controller interface, and gets quotas of the same
 * size: the launcher insists on a running systemd and journal.
 *
 * Owner: the thread that started it. The broker dies with it.
 */

#include <stdbool.h>
#include <stdint.h>

#include "tests/support/bus.h"

typedef enum BrokerKind {
        BROKER_RINGBUS,
        BROKER_DBUS_DAEMON,
        BROKER_DBUS_BROKER,
} BrokerKind;

enum {
        BROKER_WORKERS_MAX = 64,
        BROKER_LABEL_MAX = 64,
        BROKER_QUOTA_QUEUES = 16, /* dbus-broker limits users: to as many bytes as so many queues */
};

typedef struct BrokerOptions {
        const char *daemon; /* path of the program */
        const char *io;     /* ringbus: --io, or NULL */
        unsigned workers;   /* ringbus: --workers, or 0 */
        uint64_t queue_max; /* bytes for one receiver, and of one sender; 0: practically no limit */
} BrokerOptions;

typedef struct Broker {
        BrokerKind kind;
        Bus bus; /* of dbus-broker: pid, address and directory only */
        void *controller;
} Broker;

BrokerKind broker_kind(const char *daemon);

/* "ringbus-epoll-2", "dbus-daemon": for tables. Returns `label`. */
const char *broker_label(const BrokerOptions *options, char label[static BROKER_LABEL_MAX]);

/* 0, or -1 after saying on stderr why not. */
int broker_start(Broker *broker, const BrokerOptions *options);

/* 0 if it ended well. Idempotent. */
int broker_stop(Broker *broker);

/* Whether its process is there. */
bool broker_is_alive(const Broker *broker);

/*
 * ringbus: messages that each worker has routed since the start (SIGUSR1 has them logged); other
 * brokers have no workers. Returns the number of workers, 0 if it does not say.
 */
unsigned broker_routed(const Broker *broker, uint64_t ret_routed[static BROKER_WORKERS_MAX]);

#endif
