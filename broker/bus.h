/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BROKER_BUS_H
#define RINGBUS_BROKER_BUS_H

/*
 * The bus as a whole, and its control thread (the main one): starts gate and workers, waits for
 * signals, reclaims retired routing data, ends everything in order. Never in a message's path.
 */

#include "broker/config.h"
#include "broker/listen.h"
#include "broker/options.h"

typedef struct Bus Bus;

/* Before any thread exists. Borrows its arguments until bus_free(). 0 or -errno, logged. */
int bus_new(const Options *options, const Config *config, const Listeners *listeners,
            IoBackend backend, Bus **ret_bus);

/* Starts gate and workers. 0 or -errno, logged. */
int bus_start(Bus *bus);

/* Serves until SIGTERM; returns the exit status. */
int bus_run(Bus *bus);

/* Ends all threads and connections, frees everything; NULL is allowed. Returns NULL. */
Bus *bus_free(Bus *bus);

#endif
