/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_MESSAGE_RELEASES_H
#define RINGBUS_MESSAGE_RELEASES_H

/*
 * Releases: references that a flusher is done with, collected by message and dropped together. Of a
 * broadcast every receiver's send drops one, and when several workers flush, each drop by itself
 * would fetch the count's line from another core.
 *
 * Owner: one thread. Empty between uses: whoever adds also drops, before it leaves the read-side
 * section.
 */

#include "broker/message/message.h"

enum { RELEASES_SLOTS = 256 };

typedef struct Releases {
        struct ReleasesSlot {
                Message *message; /* NULL: free */
                uint32_t n;
        } slots[RELEASES_SLOTS];
        uint16_t used[RELEASES_SLOTS]; /* indexes of slots */
        unsigned n_used;
} Releases;

/* Takes one reference over. Of a message that one receiver gets it is dropped at once. */
void releases_add(Releases *releases, Pool *mine, Message *message);

/* Drops all that was added. Inside a read-side section (an account may resume its sender). */
void releases_drop(Releases *releases, Pool *mine);

#endif
