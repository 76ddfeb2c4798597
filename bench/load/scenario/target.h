/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BENCH_LOAD_SCENARIO_TARGET_H
#define RINGBUS_BENCH_LOAD_SCENARIO_TARGET_H

/* What the files of the scenario `target` share: the words of its command line, and the message. */

#include "bench/load/engine/knobs.h"
#include "bench/load/engine/template.h"
#include "bench/load/engine/window.h"

typedef struct TargetKnobs {
        const char *destination, *path, *method;
        uint64_t n_clients, window, count, timeout_ns;
        double rate; /* 0: closed loop */
        bool keeps_going;
} TargetKnobs;

extern const Knob target_knobs[];

/*
 * The call that the knobs and the words (SIGNATURE ARGUMENT...) describe. 0, or 2 after saying what
 * is wrong with them.
 */
int target_read_call(const TargetKnobs *knobs, const char *const *words, unsigned n_words,
                     Template *ret_call);

#endif
