/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_TESTS_GUARD_HOPS_DOCUMENT_H
#define RINGBUS_TESTS_GUARD_HOPS_DOCUMENT_H

/*
 * Lists of hops: as docs/ARCHITECTURE.md has them between `<!-- hops: SECTION -->` and
 * `<!-- hops end -->`, in lines that begin "7. `broker/peer/shard.c` `shard_flush`"; and as the
 * traced daemon wrote them down.
 */

#include <stdbool.h>
#include <stddef.h>

enum {
        HOPS_MAX = 4096,
        HOPS_FILE_MAX = 64,
        HOPS_FUNCTION_MAX = 64,
};

typedef struct Hop {
        char file[HOPS_FILE_MAX];
        char function[HOPS_FUNCTION_MAX]; /* "" in the line that marks the traced message */
} Hop;

typedef struct HopList {
        Hop items[HOPS_MAX];
        size_t n;
} HopList;

/* 0; or -1 after saying on stderr what is wrong: no such file or section, an empty one, a line that
 * is neither a hop nor the continuation of one, or a number out of order. */
int hops_document_read(const char *path, const char *section, HopList *ret_hops);

/* What was recorded so far; -1 if the file cannot be read. A last line without end is left out. */
int hops_document_read_trace(const char *path, HopList *ret_hops);

/* Whether the file below `top` defines the function at the beginning of a line. */
bool hops_document_is_defined(const char *top, const Hop *hop);

#endif
