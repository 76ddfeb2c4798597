/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BASE_CLOCK_H
#define RINGBUS_BASE_CLOCK_H

/* Clock reads. Never between receiving and flushing a message: loops read the clock once a turn. */

#include <stdint.h>

#define CLOCK_NS_PER_MS UINT64_C(1000000)
#define CLOCK_NS_PER_S UINT64_C(1000000000)

/* CLOCK_MONOTONIC in nanoseconds. Any thread. */
uint64_t clock_now_ns(void);

#endif
