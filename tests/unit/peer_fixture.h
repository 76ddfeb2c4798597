/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_TESTS_UNIT_PEER_FIXTURE_H
#define RINGBUS_TESTS_UNIT_PEER_FIXTURE_H

/*
 * Whole connections in one thread: shards as a worker has them, the real driver behind them, and
 * remotes, the clients' ends of socket pairs. The test turns the shards' loops itself. Failures are
 * asserts, so that tests and fuzzers may use it.
 *
 * Owner: the test's thread.
 */

#include "broker/worker/dispatch.h"
#include "tests/support/rawmessage.h"

enum { PEER_FIXTURE_SHARDS = 2, REMOTE_CHUNK = 64 * 1024 };

#define PEER_FIXTURE_PATIENCE_NS UINT64_C(60000000000)

typedef struct PeerFixture {
        Wake wakes[PEER_FIXTURE_SHARDS];
        Wake control_wake;
        Qsbr qsbr;
        Router router;
        RouterRoot *root; /* the router's; limits may be set between messages */
        Driver driver;
        unsigned n_shards;
        Shard shards[PEER_FIXTURE_SHARDS];
        Stack duties[PEER_FIXTURE_SHARDS]; /* handed over */
        Stack resumes;
        unsigned n_handed, n_resumed, n_completed;
        /* Instead of the driver and the router, when set. */
        void (*on_message)(struct PeerFixture *fixture, Peer *peer, Incoming *incoming);
        void *context;
        IoReceived received; /* scratch */
} PeerFixture;

/* One or two shards with so many receive buffers each. */
PeerFixture *peer_fixture_new(IoBackend backend, unsigned n_shards, unsigned n_buffers);

/* All peers must have left. Returns NULL. */
PeerFixture *peer_fixture_free(PeerFixture *fixture);

/* One turn of each shard's loop. */
void peer_fixture_turn(PeerFixture *fixture);
void peer_fixture_turn_shard(PeerFixture *fixture, unsigned index);

/* Frees what was retired. */
void peer_fixture_reclaim(PeerFixture *fixture);

/* Turns until nothing is left to do that does not wait for somebody: `n` turns without a receive, a
 * send or a delivery. */
void peer_fixture_settle(PeerFixture *fixture, unsigned n);

/* Turns until the condition holds; ends the process if it does not within a minute. */
#define PEER_FIXTURE_UNTIL(fixture, condition)                                                     \
        do {                                                                                       \
                const uint64_t until = clock_now_ns() + PEER_FIXTURE_PATIENCE_NS;                  \
                while (!(condition)) {                                                             \
                        ASSERT(clock_now_ns() < until);                                            \
                        peer_fixture_turn(fixture);                                                \
                }                                                                                  \
        } while (0)

/* A client. */
typedef struct Remote {
        PeerFixture *fixture;
        Peer *peer;    /* valid until it left */
        int fd;        /* non-blocking */
        uint8_t *data; /* received, from `at` on not read yet */
        size_t size, at, capacity;
        unsigned n_fds; /* received and closed */
        unsigned n_reads_with_fds;
        bool ended;
        uint32_t serial; /* of the last call */
        RawMessage *last;
} Remote;

Remote *remote_new(PeerFixture *fixture, unsigned shard, bool passes_fds);

/* What the gate received already. */
typedef struct RemoteStart {
        const void *bytes;
        size_t size;
        const int *fds;
        unsigned n_fds;
} RemoteStart;
Remote *remote_new_with(PeerFixture *fixture, unsigned shard, bool passes_fds,
                        const RemoteStart *start);

/* Closes its end; the peer leaves in later turns. Returns NULL. */
Remote *remote_free(Remote *remote);

/* Writes as much as there is room for; returns how much. With n_fds of /dev/null on the first byte.
 */
size_t remote_write(Remote *remote, const void *data, size_t size, unsigned n_fds);

/* Writes all of it, turning meanwhile. */
void remote_write_all(Remote *remote, const void *data, size_t size);

/* Reads what there is. */
void remote_pump(Remote *remote);

/* The next whole message among what was read, valid until the next call; NULL: none. */
const RawMessage *remote_next(Remote *remote);

/* Turns until a message comes. */
const RawMessage *remote_await(Remote *remote);

/* Sends a call to the bus with one value per type of the signature; returns its serial. */
uint32_t remote_call(Remote *remote, const char *member, const char *signature, ...);

/* Hello, and all that it brings, read. */
void remote_hello(Remote *remote);

#endif
