/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BENCH_LOAD_BROKER_BROKER_H
#define RINGBUS_BENCH_LOAD_BROKER_BROKER_H

/*
 * A broker of one's own to put load on: ringbus, dbus-daemon, dbus-broker or the floor (floor.h),
 * with an address, a directory and a log that nobody else uses, and with limits that no load meets
 * by chance. ringbus and dbus-daemon get the same configuration. dbus-broker, which reads none, is
 * started without its launcher, by way of its controller interface, and gets quotas of the same
 * size: the launcher insists on a running systemd and journal.
 *
 * Owner of a Broker: the thread that started it. The broker dies with that thread.
 */

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

typedef enum BrokerKind {
        BROKER_RINGBUS,
        BROKER_DBUS_DAEMON,
        BROKER_DBUS_BROKER,
        BROKER_FLOOR,
} BrokerKind;

enum {
        BROKER_WORKERS_MAX = 64,
        BROKER_LABEL_MAX = 64,
        BROKER_PATH_MAX = 256,
        BROKER_QUOTA_QUEUES = 16, /* dbus-broker limits users: to as many bytes as so many queues */
};

typedef struct BrokerOptions {
        const char *daemon; /* path of the program, told apart by its base name; or "floor" */
        const char *io;     /* ringbus: --io, or NULL */
        unsigned workers;   /* ringbus: --workers, or 0 */
        uint64_t queue_max; /* bytes for one receiver, and of one sender; 0: practically no limit */
        /* Of ringbus and dbus-daemon; 0: what no load meets by chance. */
        unsigned auth_timeout_ms, max_incomplete;
} BrokerOptions;

typedef struct Broker {
        BrokerKind kind;
        pid_t pid; /* -1: none */
        char address[BROKER_PATH_MAX];
        char directory[128];
        void *controller; /* dbus-broker: sd_bus */
} Broker;

BrokerKind broker_kind(const char *daemon);

/*
 * The program that a user means by "dbus-daemon", "dbus-broker", "ringbus", "NAME=PATH", a path or
 * "floor". A bare name is looked for beside this program, in the folders above it (a build tree)
 * and in $PATH. 0, or -1 after saying on stderr what is missing and which package has it.
 */
int broker_find(const char *name, char ret_daemon[static BROKER_PATH_MAX]);

/* "ringbus-epoll-2", "dbus-daemon": for tables. Returns `label`. */
const char *broker_label(const BrokerOptions *options, char label[static BROKER_LABEL_MAX]);

/* 0, or -1 after saying on stderr why not. */
int broker_start(Broker *broker, const BrokerOptions *options);

/* 0 if it ended well. Idempotent. */
int broker_stop(Broker *broker);

/* Whether its process is there. */
bool broker_is_alive(const Broker *broker);

/* Of a broker that is not alive but not stopped yet: how it ended, and the end of its log. */
void broker_explain_end(const Broker *broker, FILE *stream);

/*
 * ringbus: messages that each worker has routed since the start (SIGUSR1 has them logged); other
 * brokers have no workers. Returns the number of workers, 0 if it does not say.
 */
unsigned broker_routed(const Broker *broker, uint64_t ret_routed[static BROKER_WORKERS_MAX]);

#endif
