/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_TESTS_RACE_ROUTER_FIXTURE_H
#define RINGBUS_TESTS_RACE_ROUTER_FIXTURE_H

/*
 * The router without connections: real endpoints, names, rules and steps; what a socket would get
 * is handed to the test, by whoever has the duty to flush. So `client` state that only `receive`
 * touches is plain memory: the mailbox has to order it.
 */

#include "broker/router/router.h"
#include "proto/writer.h"
#include "tests/race/race.h"

typedef struct Client Client;
struct Client {
        Endpoint endpoint;
        unsigned index;
        /* Duty holder. */
        Delivery *first;
        Delivery *last;
        /* Test's own, duty holder: what came, in order. */
        void (*receive)(Client *client, const Message *message, const Header *header);
        void *context;
};

enum { FIXTURE_THREADS_MAX = 6, FIXTURE_BYTES_MAX = 512 };

typedef struct Fixture {
        Router router;
        Qsbr qsbr;
        Wake wake;
        RouterThread threads[FIXTURE_THREADS_MAX];
        unsigned n_threads;
        Counter n_workers_done; /* of those that fixture_end_work() */
} Fixture;

void fixture_init(Fixture *fixture, unsigned n_threads);

/* All clients have left and all threads have ended. */
void fixture_deinit(Fixture *fixture);

/* In setup, before threads: a client that has said Hello; its home is that thread. */
void fixture_add_client(Fixture *fixture, Client *client, unsigned home);

/* On its home: its mailbox is closed, its names and rules go, its callers are answered. */
void fixture_leave(Fixture *fixture, Client *client);

/* After fixture_leave(), with no reader left: drops the home's reference. */
void fixture_free_client(Fixture *fixture, Client *client);

/* After threads: both. */
void fixture_remove_client(Fixture *fixture, Client *client);

/* Around what a racing thread does with the router. */
void fixture_begin_work(void);
void fixture_end_work(Fixture *fixture, unsigned index);

/* Does the duties that pushes have brought to this thread, then reports quiescence. */
void fixture_flush(Fixture *fixture, unsigned index);

/* The reclaimer's body: until so many threads have ended their work. */
void fixture_reclaim(Fixture *fixture, unsigned n_workers);

/* A message as received from a client; `bytes` holds FIXTURE_BYTES_MAX, 8-byte aligned. */
void fixture_message(uint8_t *bytes, const WriterHeader *header, Client *sender,
                     Incoming *ret_incoming);

/* A signal com.example.Interface.Member. */
void fixture_signal(uint8_t *bytes, uint32_t serial, Text destination, Client *sender,
                    Incoming *ret_incoming);

#endif
