/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_TESTS_RACE_WEAK_MEMORY_H
#define RINGBUS_TESTS_RACE_WEAK_MEMORY_H

/*
 * The memory of the weak-memory explorer: locations with all their values, what each thread has to
 * have seen, and who has touched which plain byte. weak.c decides who goes on.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { WEAK_LOCATIONS_MAX = 384 };

/* Forgets everything: all that happened so far is before all that follows. */
void weak_memory_reset(void);

/* The location of an atomic object; new ones have the value that is in the real memory. */
unsigned weak_memory_find(void *address, size_t size);

/* How many values it has had. */
unsigned weak_memory_count(unsigned location);
uint64_t weak_memory_newest(unsigned location);

/* The number of the oldest value that a load with these properties may read. */
unsigned weak_memory_oldest_for(unsigned thread, unsigned location, unsigned properties);

/* Reads value number `index`. */
uint64_t weak_memory_read(unsigned thread, unsigned location, unsigned index, unsigned properties);
uint64_t weak_memory_value(unsigned location, unsigned index);

/* A store; false: the thread need not know the newest value, which the model does not cover. */
bool weak_memory_write(unsigned thread, unsigned location, uint64_t value, unsigned properties);

/* A read-modify-write of the newest value. */
void weak_memory_update(unsigned thread, unsigned location, uint64_t value, unsigned properties);

/* A plain access; false: a race. */
bool weak_memory_touch(unsigned thread, const void *address, size_t size, bool is_write);

#endif
