/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BENCH_LOAD_TRACE_UNMARSHAL_H
#define RINGBUS_BENCH_LOAD_TRACE_UNMARSHAL_H

/*
 * Reads the values of a body, one after the other. The body must have been validated against the
 * signature that the calls follow. Owner: one thread.
 */

#include "broker/base/text.h"

typedef struct Unmarshal {
        const uint8_t *data;
        size_t position;
        bool big_endian;
} Unmarshal;

uint32_t unmarshal_u32(Unmarshal *body);
Text unmarshal_text(Unmarshal *body); /* STRING or OBJECT_PATH */

/* Where the array's elements end, when `position` reaches it; `alignment` is an element's. */
size_t unmarshal_array(Unmarshal *body, size_t alignment);
void unmarshal_align(Unmarshal *body, size_t alignment);

#endif
