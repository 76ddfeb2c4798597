/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BENCH_LOAD_ENGINE_KNOBS_PRIVATE_H
#define RINGBUS_BENCH_LOAD_ENGINE_KNOBS_PRIVATE_H

/* What the files of the knobs share. */

#include "bench/load/engine/knobs.h"

enum { KNOBS_ERROR_MAX = 256 };

/*
 * Sets a knob's value from its text; NULL: 0, false, no text, the first choice. False with what is
 * wrong, as it goes behind the knob's name.
 */
bool knobs_set(const Knob *knob, void *values, const char *text,
               char error[static KNOBS_ERROR_MAX]);

#endif
