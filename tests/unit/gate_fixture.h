/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_TESTS_UNIT_GATE_FIXTURE_H
#define RINGBUS_TESTS_UNIT_GATE_FIXTURE_H

/*
 * A running gate on a real listening socket, and clients that speak to it byte by byte. All waits
 * end after a minute with a failed test.
 */

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

#include <cmocka.h>

#include "broker/base/assert.h"
#include "broker/gate/gate.h"

#define FIXTURE_GUID "79f934d19de63af17d9116c96b0333ec"
#define FIXTURE_OK "OK " FIXTURE_GUID "\r\n"
/* What sd-bus says at once: without a claim, so right for every uid that runs the test. */
#define FIXTURE_OPENING "\0AUTH EXTERNAL\r\nDATA\r\nNEGOTIATE_UNIX_FD\r\nBEGIN\r\n"
#define FIXTURE_OPENING_REPLIES "DATA\r\n" FIXTURE_OK "AGREE_UNIX_FD\r\n"
#define FIXTURE_OTHER_GUID "00112233445566778899aabbccddeeff"

enum {
        FIXTURE_DELIVERED_MAX = 256,
        FIXTURE_WAIT_MS = 60000, /* only a failing test waits so long */
        FIXTURE_IDLE_TRIES = 20,
        FIXTURE_NOBODY = 65534, /* a uid that is neither root nor the bus's */
};

typedef struct FixtureListener {
        int fd;
        struct sockaddr_un address;
        socklen_t address_size;
} FixtureListener;

typedef struct Fixture {
        FixtureListener listeners[2]; /* the second has FIXTURE_OTHER_GUID */
        GateOptions options;
        Gate *gate;
        unsigned n_fds_before;

        pthread_mutex_t mutex; /* protects what follows */
        pthread_cond_t changed;
        bool held;      /* deliver() blocks: the gate's thread stands still */
        bool completes; /* deliver() completes and frees each connection itself */
        unsigned n_waiting;
        GateConnection *delivered[FIXTURE_DELIVERED_MAX]; /* a ring */
        unsigned n_delivered;
        unsigned n_taken;
} Fixture;

/* cmocka's setup and teardown: *state is the Fixture, the gate not started. The teardown checks
 * that no fd was left open. */
int fixture_setup(void **state);
int fixture_teardown(void **state);

/* Starts the gate with fixture->options. */
void fixture_start(Fixture *fixture);

/* When a wait that begins now fails the test, by the clock of pthread_cond_timedwait(3). */
struct timespec fixture_end_of_wait(void);

/* A connected blocking client socket. */
int fixture_connect(const Fixture *fixture);
int fixture_connect_half_open(const Fixture *fixture); /* has said AUTH EXTERNAL */
int fixture_connect_to(const FixtureListener *listener);

void fixture_send(int fd, const void *data, size_t size);
#define fixture_say(fd, literal) fixture_send((fd), (literal), sizeof(literal) - 1)

/* Sends bytes and fds in one message. */
void fixture_send_fds(int fd, const void *data, size_t size, const int *fds, unsigned n_fds);

/* The next bytes from the gate are exactly `text`. */
void fixture_expect(int fd, const char *text);

/* The gate closes, without a further byte. */
void fixture_expect_closed(int fd);

/* For `ms` milliseconds there is neither a byte nor the end. */
void fixture_expect_silence(int fd, int ms);

/* This process, the gate's thread included, uses hardly any CPU time in `ms` milliseconds; where
 * something else was still to be done, in the next ones. */
void fixture_expect_idle(unsigned ms);

/* The next delivered connection; the caller frees it (and completes it). */
GateConnection *fixture_take(Fixture *fixture);
void fixture_expect_none_delivered(Fixture *fixture);

/* Frees a delivered connection and tells the gate so. */
void fixture_complete(Fixture *fixture, GateConnection *connection);

/* Makes the gate's thread stand still inside a delivery, and go on. */
void fixture_hold(Fixture *fixture);
void fixture_release(Fixture *fixture);

/* Waits until a counter has at least this value. */
void fixture_wait_refused(Fixture *fixture, uint64_t n);
void fixture_wait_accepted(Fixture *fixture, uint64_t n);
void fixture_wait_incomplete(Fixture *fixture, uint64_t n); /* exactly */
GateCounters fixture_counters(const Fixture *fixture);

/* How many fds this process has open. */
unsigned fixture_count_fds(void);

/* Runs `body` in a child process with that uid, which must end with 0. Needs root. */
void fixture_run_as(uid_t uid, void (*body)(Fixture *fixture), Fixture *fixture);

#endif
