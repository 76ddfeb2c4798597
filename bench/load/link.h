/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BENCH_LOAD_LINK_H
#define RINGBUS_BENCH_LOAD_LINK_H

/*
 * A connection that costs little: whole messages are queued as bytes that were built before, and
 * received in large reads, without taking them apart. What load generators need so that they are
 * not slower than the bus. Handshake, Hello and AddMatch go through RawClient.
 *
 * Owner: one thread. Never blocks after link_open(). Errors are negative errno; -ECONNRESET is the
 * end of the stream.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/support/rawmessage.h"

typedef struct Link Link;

/* A received message. Borrowed, during the call only. */
typedef struct LinkFrame {
        const uint8_t *data;
        size_t size;
        uint8_t type; /* RAWMESSAGE_CALL... */
        uint32_t serial;
        const uint8_t *body;
        size_t body_size;
} LinkFrame;

/* May queue and flush, but not close the link. */
typedef void (*LinkHandler)(Link *link, const LinkFrame *frame);

struct Link {
        int fd;
        void *owner; // borrowed
        LinkHandler handler;
        char unique_name[32];
        uint8_t *input;
        size_t input_start, input_end, input_capacity;
        uint8_t *output;
        size_t output_sent, output_size, output_capacity;
        uint32_t next_serial;
        int epoll_fd;
        bool watches_output;
};

/* Connects, authenticates, calls Hello and, unless `rule` is NULL, AddMatch. 0 or a negative
 * errno; on failure there is nothing to close. */
int link_open(Link *link, const char *address, const char *rule);

/* Takes a connected socket as it is, without any handshake. */
void link_adopt(Link *link, int fd);

void link_close(Link *link);

/* Has epoll_fd report what link_handle() should do; data.ptr is the link. 0 or a negative errno. */
int link_watch(Link *link, int epoll_fd);

/* Events of epoll: reads (once) and writes. 0 or a negative errno. */
int link_handle(Link *link, uint32_t events);

/* Appends bytes to what is to be sent. */
void link_queue(Link *link, const void *data, size_t size);
/* Tries to send it: 0, also if the socket is full (the rest goes out later), or negative errno. */
int link_flush(Link *link);
size_t link_unsent(const Link *link);

/* A message with the next serial number of the link, and `body` bytes in it replaced at its end. */
void link_queue_message(Link *link, const Marshal *message, const void *body, size_t body_size);

/* Waits for events on links of `epoll_fd` and handles them; what fails is given to `failed`
 * (which may close it). Returns the number of events, or a negative errno. */
int link_dispatch(int epoll_fd, int timeout_ms, void (*failed)(Link *link, int error));

uint32_t link_read_u32(const uint8_t *at);
uint64_t link_read_u64(const uint8_t *at);
void link_write_u32(uint8_t *at, uint32_t value);

#endif
