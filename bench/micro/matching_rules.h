/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BENCH_MICRO_MATCHING_RULES_H
#define RINGBUS_BENCH_MICRO_MATCHING_RULES_H

/*
 * The signals that are looked up and the sets of rules they are looked up in. In every set, rule
 * number n / 2 matches and, but for the set "names_all", no other does, whatever the number of
 * rules: what is compared is the way to one receiver.
 */

#include "broker/router/matches.h"

enum { MATCHING_SIGNAL_MAX = 4096, MATCHING_NAMES = 10000 };

/* Plain: two strings, a path of four elements. Rich: 64 strings, a path and arg0 of 32 elements. */
typedef enum MatchingSignalKind { MATCHING_PLAIN, MATCHING_RICH } MatchingSignalKind;

typedef struct MatchingSignal {
        MatchingSignalKind kind;
        Header header;
        uint8_t bytes[MATCHING_SIGNAL_MAX] __attribute__((aligned(8)));
} MatchingSignal;

/* Fills in a signal of that kind, without sender, as it is received. */
void matching_rules_make_signal(MatchingSignalKind kind, MatchingSignal *ret_signal);

/* What a set's rules are written for. */
typedef struct MatchingAim {
        const MatchingSignal *signal;
        const char *sender; /* the sender's unique name */
        unsigned n;         /* rules in the set */
} MatchingAim;

typedef struct MatchingSet {
        const char *name;
        bool hostile;
        bool owns_names; /* the sender owns "com.example.v0" to ...v9999, else the first only */
        void (*write)(const MatchingAim *aim, unsigned i, char *text);
} MatchingSet;

/* By name, or NULL; all, ending with one without name. */
const MatchingSet *matching_rules_find(const char *name);
const MatchingSet *matching_rules_all(void);

/* Rule number `i`, into MATCHRULE_TEXT_MAX bytes; the same for the same numbers. */
void matching_rules_write(const MatchingSet *set, const MatchingAim *aim, unsigned i, char *text);

#endif
