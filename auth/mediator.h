/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_AUTH_MEDIATOR_H
#define RINGBUS_AUTH_MEDIATOR_H

/*
 * Mediator: a security module of the kernel that is asked, before the policy of the configuration,
 * whether somebody may send a message, own a name or see what others say. Who somebody is, it knows
 * by their labels. Which modules there are is broker/lsm.h's business; the router asks whichever it
 * is given, and remembers the answers until the configuration is loaded anew, which is done, too,
 * when a module's policy has changed.
 *
 * Immutable. Any thread, several at once; an answer may take a system call or two.
 */

#include "proto/header.h"

typedef enum MediatorAct {
        MEDIATOR_SEND,
        MEDIATOR_OWN,
        MEDIATOR_EAVESDROP,
} MediatorAct;

typedef struct MediatorQuestion {
        MediatorAct act;
        const char *label; /* of who acts, as SO_PEERSEC tells it; NULL: not known */
        /* Of sending: */
        const char *recipient_label; /* the same */
        bool to_bus;                 /* the recipient is the bus itself: the label is its own */
        Text source;                 /* the sender's unique name */
        Text path;                   /* of the message; TEXT_NONE: it has none */
        Text interface;              /* the same */
        Text member;                 /* the same */
        /* Of sending: DESTINATION, or the bus's name if the message has none. Of owning: the name.
         */
        Text name;
} MediatorQuestion;

typedef struct Mediator Mediator;

struct Mediator {
        const char *title;     /* as people write it: "SELinux" */
        const char *complaint; /* what begins the words about a message that it lets nobody send */
        bool reads_messages;   /* about sending it says yes or no by more than the labels */
        bool ignores_replies;  /* that the recipient waits for: it is not asked about them */
        bool mediates_eavesdropping;

        /* Whether the answer can be no, by the labels: a cheap question that comes first. */
        bool (*concerns)(const Mediator *mediator, const MediatorQuestion *question);

        /* 0: it may. -EACCES: it may not. Another -errno: the module could not be asked, so it may
         * not. */
        int (*ask)(const Mediator *mediator, const MediatorQuestion *question);

        void (*free)(Mediator *mediator);
};

enum { MEDIATORS_MAX = 2 };

/* All that there are, in the order in which they are asked. Zero-initialized: none. */
typedef struct Mediators {
        Mediator *items[MEDIATORS_MAX]; /* owned */
        unsigned n;
} Mediators;

#endif
