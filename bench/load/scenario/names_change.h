/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BENCH_LOAD_SCENARIO_NAMES_CHANGE_H
#define RINGBUS_BENCH_LOAD_SCENARIO_NAMES_CHANGE_H

/* What a NameOwnerChanged says. */

#include "bench/load/engine/connection.h"

/* Its arguments, borrowed from the frame. */
typedef struct NamesChange {
        Text name, before, after;
} NamesChange;

/* False if the body does not hold three texts. */
bool names_change_read(const ConnectionFrame *frame, NamesChange *ret_change);

#endif
