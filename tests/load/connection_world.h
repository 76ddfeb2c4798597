/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_TESTS_LOAD_CONNECTION_WORLD_H
#define RINGBUS_TESTS_LOAD_CONNECTION_WORLD_H

/*
 * A connection of the load engine against a bus that is a socket in the test: what it writes is
 * read there, what it reads is written there, piece by piece.
 *
 * Owner: the test.
 */

#include "bench/load/engine/connection.h"

enum { MESSAGE_MAX = 1 << 20 };

/* A connection, its bus, and what the handlers saw. */
typedef struct World {
        Loop loop;
        Connection connection;
        int listener, bus; /* bus: the accepted socket */
        char address[128];

        unsigned n_ready, n_frames, n_failed, n_turns;
        int error;
        char what[160];
        uint8_t type;
        uint32_t serial, reply_serial;
        bool big_endian;
        size_t body_size;
        uint8_t last_byte;
        unsigned n_fds;
        int kept_fd;
        unsigned stop_at; /* frame in which the handler stops the connection */
        bool restarts;    /* and starts it again */
} World;

ConnectionOptions world_options(World *world);

void world_open(World *world);
void world_close(World *world);

/* Connects, and accepts. */
void world_start(World *world, ConnectionHandshake handshake, ConnectionWrite write);
/* As far as ready. */
void world_start_ready(World *world, ConnectionWrite write);

/* Lets the connection do all that it can; until a handler has counted that far. */
void world_run(World *world);
void world_run_until(World *world, const unsigned *counter, unsigned value);

/* The bus says something: at most as much as a socket holds. */
void world_say(const World *world, const void *data, size_t size);
void world_say_text(const World *world, const char *text);
void world_say_hello_reply(const World *world);

/* Reads what the connection has written until `text` is its end. Returns how much. */
size_t world_expect_end(World *world, char *buffer, size_t capacity, const char *text);

/* A return to `reply_serial` with an "ay" of payload, and fds announced; `data` has room for
 * MESSAGE_MAX + 1024 bytes. Returns its size. */
size_t world_build_return(uint8_t *data, uint32_t reply_serial, size_t payload, uint32_t n_fds);

#endif
