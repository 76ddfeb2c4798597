/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BENCH_LOAD_SCENARIO_SIGNAL_RULES_H
#define RINGBUS_BENCH_LOAD_SCENARIO_SIGNAL_RULES_H

/*
 * The match rules of the scenario `signal`: as many as one likes, that differ in one key, and of
 * which exactly one matches what an emitter emits; and what that is.
 */

#include <stddef.h>
#include <stdint.h>

#include "bench/load/engine/template.h"

typedef enum SignalKey {
        SIGNAL_KEY_INTERFACE,
        SIGNAL_KEY_MEMBER,
        SIGNAL_KEY_PATH,
        SIGNAL_KEY_ARG0,
        SIGNAL_KEY_PATH_NAMESPACE,
        SIGNAL_KEY_SENDER,
} SignalKey;

extern const char *const signal_rules_keys[]; /* their names, NULL at the end */

#define SIGNAL_RULES_PATH "/com/example/Load/signal"
#define SIGNAL_RULES_INTERFACE "com.example.Load"
#define SIGNAL_RULES_MEMBER "Happened"
#define SIGNAL_RULES_ARG0 "what.is.wanted"

enum { SIGNAL_RULES_TEXT_MAX = 512 };

/*
 * The text of a rule. `match` is what the key has to be for it to match (an emitter's unique name
 * for SIGNAL_KEY_SENDER, otherwise not looked at), NULL for a rule that matches nothing: then `n`
 * tells it from its likes.
 */
void signal_rules_write(SignalKey key, const char *match, uint64_t n,
                        char text[static SIGNAL_RULES_TEXT_MAX]);

/* The signal: an "ay" of `payload` bytes, for SIGNAL_KEY_ARG0 behind a text. */
void signal_rules_template(SignalKey key, uint64_t payload, Template *ret_template);

/* Where in its body the stamp lies; 0: there is no room for one. */
size_t signal_rules_stamp_at(SignalKey key, uint64_t payload);

#endif
