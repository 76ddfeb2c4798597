/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Linked into a ringbus of its own with --wrap=header_parse: each message costs 20 us of CPU time
 * more. To see whether ringbus-load sees that.
 */

#include <stdint.h>
#include <time.h>

#include "proto/header.h"

HeaderResult __real_header_parse(const uint8_t *data, const Frame *frame, Header *ret_header);
HeaderResult __wrap_header_parse(const uint8_t *data, const Frame *frame, Header *ret_header);

enum { COST_NS = 20000 };

static int64_t used_ns(void)
{
        struct timespec used;

        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
        return (int64_t)used.tv_sec * 1000000000 + used.tv_nsec;
}

HeaderResult __wrap_header_parse(const uint8_t *data, const Frame *frame, Header *ret_header)
{
        int64_t until_ns = used_ns() + COST_NS;

        while (used_ns() < until_ns)
                ;
        return __real_header_parse(data, frame, ret_header);
}
