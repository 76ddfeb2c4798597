/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_TESTS_WIRE_DENIAL_H
#define RINGBUS_TESTS_WIRE_DENIAL_H

/*
 * A bus whose policy denies a few things, each by an interface or a name of its own, and the words
 * in which it says so. Owner: the main thread.
 */

#include "tests/wire/expect.h"
#include "tests/wire/scene.h"

/* What is denied, after all was allowed. */
extern const char denial_policy[];

/* A group fixture: a bus with that policy. */
int denial_start(void **state);

/* What the text of a refusal says; the defaults are those of a call from `sender` that one rule
 * allows and one denies. */
typedef struct Denial {
        bool receiving;     /* else sending */
        unsigned n_matches; /* 0: 2 */
        const char *type;   /* NULL: "method_call" */
        const RawClient *sender;
        const char *interface; /* NULL: "(unset)" */
        const char *member;    /* the same */
        const char *destination;
        bool to_bus;
} Denial;

/* The bus answers `serial` with AccessDenied in the words of dbus-daemon. What it says of the
 * processes at both ends is looked at as far as it does not depend on their names. */
#define denial_expect(client, serial, ...)                                                         \
        denial_expect_at(client, serial, &(const Denial){__VA_ARGS__}, EXPECT_HERE)
void denial_expect_at(RawClient *client, uint32_t serial, const Denial *denial, const char *at);

/* Whether the daemon's log has a line with these words, and how many it has. */
unsigned denial_count_lines(const Scene *scene, const char *words);

#endif
