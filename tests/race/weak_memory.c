/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/race/weak_memory.h"

#include <string.h>

#include "broker/base/assert.h"
#include "tests/race/weak.h"

enum { VALUES_MAX = 64, CELLS = 4096, CELL_SIZE = 8 };

/* What somebody has to have seen: of each location the number of a value, of each thread a time. */
typedef struct View {
        uint32_t times[WEAK_THREADS_MAX];
        uint8_t seen[WEAK_LOCATIONS_MAX];
} View;

/* A stored value with what an acquire that reads it has to have seen then. */
typedef struct Value {
        uint64_t bits;
        bool carries; /* or the view is empty */
        View view;
} Value;

typedef struct Location {
        void *address;
        size_t size;
        unsigned n_values;
        unsigned oldest_sc; /* what a sequentially consistent load may read */
        Value values[VALUES_MAX];
} Location;

/* Eight plain bytes: when each thread last read each of them, and who wrote it last, and when. */
typedef struct Cell8 {
        uintptr_t number; /* 0: free */
        uint32_t round;   /* of weak_memory_reset(), or it is free */
        uint8_t writers[CELL_SIZE];
        uint32_t written[CELL_SIZE];
        uint32_t read[CELL_SIZE][WEAK_THREADS_MAX];
} Cell8;

static struct {
        Location locations[WEAK_LOCATIONS_MAX];
        unsigned n_locations;
        View views[WEAK_THREADS_MAX];
        Cell8 cells[CELLS];
        uint32_t round;
} memory;

static void join(View *view, const View *other)
{
        for (unsigned i = 0; i < WEAK_THREADS_MAX; i++)
                if (view->times[i] < other->times[i])
                        view->times[i] = other->times[i];
        for (unsigned i = 0; i < memory.n_locations; i++)
                if (view->seen[i] < other->seen[i])
                        view->seen[i] = other->seen[i];
}

void weak_memory_reset(void)
{
        memory.n_locations = 0;
        memory.round++;
        memset(memory.views, 0, sizeof(memory.views));
        for (unsigned i = 0; i < WEAK_THREADS_MAX; i++)
                memory.views[i].times[i] = 1;
}

static uint64_t peek(const void *address, size_t size)
{
        uint64_t bits = 0;

        memcpy(&bits, address, size); /* little-endian, as everything ringbus runs on */
        return bits;
}

unsigned weak_memory_find(void *address, size_t size)
{
        Location *location;
        unsigned at;

        for (at = 0; at < memory.n_locations; at++)
                if (memory.locations[at].address == address)
                        return at;
        ASSERT(at < WEAK_LOCATIONS_MAX && size <= sizeof(uint64_t));
        location = &memory.locations[at];
        location->address = address;
        location->size = size;
        location->n_values = 1;
        location->oldest_sc = 0;
        location->values[0].bits = peek(address, size);
        location->values[0].carries = false;
        memory.n_locations++;
        return at;
}

unsigned weak_memory_count(unsigned location)
{
        return memory.locations[location].n_values;
}

uint64_t weak_memory_value(unsigned location, unsigned index)
{
        return memory.locations[location].values[index].bits;
}

uint64_t weak_memory_newest(unsigned location)
{
        return weak_memory_value(location, weak_memory_count(location) - 1);
}

unsigned weak_memory_oldest_for(unsigned thread, unsigned location, unsigned properties)
{
        unsigned oldest = memory.views[thread].seen[location];
        unsigned oldest_sc = memory.locations[location].oldest_sc;

        return properties & WEAK_SC && oldest_sc > oldest ? oldest_sc : oldest;
}

uint64_t weak_memory_read(unsigned thread, unsigned location, unsigned index, unsigned properties)
{
        Location *from = &memory.locations[location];
        View *view = &memory.views[thread];

        ASSERT(view->seen[location] <= index && index < from->n_values);
        view->seen[location] = (uint8_t)index;
        if (properties & WEAK_ACQUIRE && from->values[index].carries)
                join(view, &from->values[index].view);
        if (properties & WEAK_SC && from->oldest_sc < index)
                from->oldest_sc = index;
        return from->values[index].bits;
}

/* Adds the newest value; `continued`: a read-modify-write's, which continues release sequences. */
static void add_value(unsigned thread, unsigned location, uint64_t bits, unsigned properties,
                      bool continued)
{
        Location *to = &memory.locations[location];
        View *view = &memory.views[thread];
        const unsigned index = to->n_values;
        Value *value = &to->values[index];

        ASSERT(index < VALUES_MAX);
        if (to->size < sizeof(bits))
                bits &= (UINT64_C(1) << to->size * 8) - 1;
        value->bits = bits;
        memcpy(to->address, &bits, to->size);
        to->n_values++;
        view->seen[location] = (uint8_t)index;
        value->carries = continued && value[-1].carries;
        if (value->carries)
                memcpy(&value->view, &value[-1].view, sizeof(View));
        if (properties & WEAK_RELEASE) {
                if (!value->carries)
                        memset(&value->view, 0, sizeof(View));
                value->carries = true;
                join(&value->view, view);
                view->times[thread]++;
        }
        if (properties & WEAK_SC)
                to->oldest_sc = index;
}

bool weak_memory_write(unsigned thread, unsigned location, uint64_t value, unsigned properties)
{
        if (memory.views[thread].seen[location] + 1u != memory.locations[location].n_values)
                return false;
        add_value(thread, location, value, properties, false);
        return true;
}

void weak_memory_update(unsigned thread, unsigned location, uint64_t value, unsigned properties)
{
        (void)weak_memory_read(thread, location, memory.locations[location].n_values - 1,
                               properties);
        add_value(thread, location, value, properties, true);
}

static Cell8 *find_cell(uintptr_t number)
{
        for (uintptr_t at = number * UINT64_C(0x9e3779b97f4a7c15) >> 40;; at++) {
                Cell8 *cell = &memory.cells[at % CELLS];

                if (cell->round != memory.round) {
                        memset(cell, 0, sizeof(*cell));
                        cell->round = memory.round;
                        cell->number = number;
                }
                if (cell->number == number)
                        return cell;
        }
}

static bool touch_byte(unsigned thread, uintptr_t address, bool is_write)
{
        const View *view = &memory.views[thread];
        Cell8 *cell = find_cell(address / CELL_SIZE);
        const unsigned at = address % CELL_SIZE;

        if (cell->written[at] > view->times[cell->writers[at]])
                return false;
        if (!is_write) {
                cell->read[at][thread] = view->times[thread];
                return true;
        }
        for (unsigned i = 0; i < WEAK_THREADS_MAX; i++)
                if (i != thread && cell->read[at][i] > view->times[i])
                        return false;
        cell->writers[at] = (uint8_t)thread;
        cell->written[at] = view->times[thread];
        return true;
}

bool weak_memory_touch(unsigned thread, const void *address, size_t size, bool is_write)
{
        for (size_t i = 0; i < size; i++)
                if (!touch_byte(thread, (uintptr_t)address + i, is_write))
                        return false;
        return true;
}
