/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BENCH_LOAD_ENGINE_WINDOW_H
#define RINGBUS_BENCH_LOAD_ENGINE_WINDOW_H

/*
 * The calls of one connection that wait for their replies: a serial for each, and back from the
 * serial to when it was begun, in constant time and without a search. A serial names its slot and
 * how often the slot was used, so a reply that comes twice or too late is known as such. Serials
 * have the top bit set: they never meet those of connection_serial().
 *
 * Owner: one thread.
 */

#include <stdbool.h>
#include <stdint.h>

typedef struct WindowSlot {
        uint64_t started_ns;
        uint32_t serial; /* 0: free */
        uint32_t use;    /* how often it was taken; of a free one also kept */
        uint32_t next;   /* free one, by index + 1 */
        uint32_t tag;    /* the caller's */
} WindowSlot;

typedef struct Window {
        WindowSlot *slots;
        uint32_t n_slots, capacity;
        uint32_t free; /* first free slot, by index + 1; 0: none */
        uint32_t n_taken;
        uint32_t most_taken; /* ever */
} Window;

enum { WINDOW_MAX = 1 << 20 };

void window_init(Window *window);
void window_deinit(Window *window);

/*
 * A call begins: its serial. `tag` comes back with the reply. 0 if WINDOW_MAX calls are
 * outstanding; out of memory ends the program.
 */
uint32_t window_take(Window *window, uint64_t started_ns, uint32_t tag);

/* A reply came. False if no such call is outstanding (or serial is 0). */
bool window_return(Window *window, uint32_t serial, uint64_t *ret_started_ns, uint32_t *ret_tag);

/* Gives up all calls that began before `before_ns`: how many there were. Slow, as the next one. */
uint32_t window_expire(Window *window, uint64_t before_ns);

/* The earliest start among those outstanding; UINT64_MAX if there are none. Slow: for reports. */
uint64_t window_oldest_ns(const Window *window);

#endif
