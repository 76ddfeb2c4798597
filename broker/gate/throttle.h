/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_GATE_THROTTLE_H
#define RINGBUS_GATE_THROTTLE_H

/*
 * Throttle: lets one log line of a kind through in THROTTLE_NS, because strangers decide how often
 * there is something to log.
 *
 * Owner: the gate's thread. Zero-initialised.
 */

#include <stdbool.h>
#include <stdint.h>

#include "broker/base/clock.h"

#define THROTTLE_NS (10 * CLOCK_NS_PER_S)

typedef struct Throttle {
        uint64_t next_ns;
} Throttle;

static inline bool throttle_passes(Throttle *throttle, uint64_t now_ns)
{
        if (now_ns < throttle->next_ns)
                return false;
        throttle->next_ns = now_ns + THROTTLE_NS;
        return true;
}

#endif
