/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/load/broker/floor_private.h"

void *floor_memory_resize(void *memory, size_t size)
{
        void *resized = realloc(memory, size);

        if (resized)
                return resized;
        fprintf(stderr, "floor: out of memory\n");
        exit(1);
}

FloorChunk *floor_memory_chunk(Floor *floor, size_t capacity)
{
        FloorChunk *chunk = floor->spare;

        if (capacity == FLOOR_CHUNK_SIZE && chunk)
                floor->spare = chunk->next;
        else
                chunk = floor_memory_resize(NULL, sizeof(*chunk) + capacity);
        *chunk = (FloorChunk){.n_refs = 1, .capacity = capacity};
        return chunk;
}

void floor_memory_unref(Floor *floor, FloorChunk *chunk)
{
        if (--chunk->n_refs > 0)
                return;
        if (chunk->capacity != FLOOR_CHUNK_SIZE) {
                free(chunk);
                return;
        }
        chunk->next = floor->spare;
        floor->spare = chunk;
}

uint8_t *floor_memory_room(Floor *floor, FloorChunk **chunk, size_t size)
{
        if ((*chunk)->n_refs == 1)
                (*chunk)->used = 0; /* nobody else needs what it holds */
        if ((*chunk)->capacity - (*chunk)->used < size) {
                floor_memory_unref(floor, *chunk);
                *chunk = floor_memory_chunk(floor, FLOOR_CHUNK_SIZE);
        }
        return (*chunk)->data + (*chunk)->used;
}

void floor_memory_close_fds(FloorFds *fds)
{
        for (unsigned i = 0; fds && i < fds->n; i++)
                close(fds->fds[i]);
        free(fds);
}
