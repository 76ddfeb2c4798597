/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_ROUTER_REFUSALS_H
#define RINGBUS_ROUTER_REFUSALS_H

/*
 * What the policy refused, in words: for the sender and for the log. A client decides how often it
 * is refused, so a thread writes a few lines in a while and then only counts.
 *
 * Owner: one thread that routes.
 */

#include "broker/router/endpoint.h"
#include "proto/header.h"

enum {
        REFUSALS_TEXT_MAX = 2048,
        REFUSALS_LINES_MAX = 16, /* of the log, in REFUSALS_PERIOD_NS */
};
#define REFUSALS_PERIOD_NS UINT64_C(5000000000)

typedef struct Refusals {
        char text[REFUSALS_TEXT_MAX]; /* of the last one */
        uint64_t period_end_ns;
        unsigned n_lines;      /* written in this period */
        uint64_t n_suppressed; /* since the last line that was written */
} Refusals;

/* A message that was refused, or that is worth a line. */
typedef struct RefusalsCase {
        const char *complaint; /* "Rejected send message" and the like */
        bool counts_matches;   /* the complaint is followed by: */
        unsigned n_matches;
        const Header *header;
        const Endpoint *sender;    /* NULL: the bus */
        const Endpoint *recipient; /* the same */
        bool requested_reply;
} RefusalsCase;

/* Words it as dbus-daemon does, in refusals->text. */
void refusals_describe(Refusals *refusals, const RefusalsCase *what);

/* Whether one more line may be written now; else it is counted as left out. Reads the clock. */
bool refusals_may_log(Refusals *refusals);

/* A line in the log, if it may be written. No lock is held. */
void refusals_log(Refusals *refusals, const char *text);

/* The same behind refusals_may_log(), for texts that are work. */
void refusals_write(Refusals *refusals, const char *text);

#endif
