/* SPDX-License-Identifier: Apache-2.0 */
/* See weak_arena.h. */
#include "tests/race/weak_arena.h"

#include <string.h>

#include "broker/base/assert.h"

enum { ARENA_SIZE = 64 * 1024 };

static char arena[ARENA_SIZE] __attribute__((aligned(64)));
static size_t arena_used;

void *weak_arena_take(size_t size)
{
        void *block = arena + arena_used;

        arena_used += (size + 63) / 64 * 64;
        ASSERT(arena_used <= sizeof(arena));
        memset(block, 0, size);
        return block;
}

void weak_arena_reset(void)
{
        arena_used = 0;
}
