/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BASE_STAGE_H
#define RINGBUS_BASE_STAGE_H

/*
 * Stop points and mutants, for tests/order only: nothing at all but in the build of the daemon that
 * it makes with RINGBUS_STAGED.
 *
 * A stop point is a place where the order of two threads matters. A test can stop the thread that
 * comes by there, with the connection that it is about, do something else through other workers,
 * and let it go on: so it forces the interleaving that a clause of docs/ORDERING.md is about.
 *
 * A mutant is a defect put in on purpose, one for each mechanism that the ordering rests on: a test
 * has to find it. RINGBUS_MUTANT names the one that is alive.
 */

#include <stdbool.h>
#include <stdint.h>

/* name, what `who` is, where */
#define STAGE_POINTS(X)                                                                            \
        X(INBOX)              /* worker's index: received bytes are handled, the inbox is not */   \
        X(BROADCAST_FOUND)    /* sender: receivers are looked up, the turn is not taken */         \
        X(MATCHES_PROBED)     /* sender: one shape of the match index is looked at, others not */  \
        X(STEP_PUSHED)        /* receiver: pushed to it, and to the others not yet */              \
        X(SEND_NOBODY)        /* sender: nobody owns the name, by a look without the lock */       \
        X(SEND_FOUND)         /* sender: the receiver is looked up; no record, no push */          \
        X(SEND_RECORDED)      /* sender: what is owed is recorded; no push */                      \
        X(SEND_PUSHED)        /* sender: pushed */                                                 \
        X(SEND_UNCAPTURED)    /* sender: nobody watches, it sees; no push */                       \
        X(SEND_CAPTURED)      /* sender: shown to monitors; no receiver has it */                  \
        X(SEND_DELIVERED)     /* sender: pushed to the recipient, to no eavesdropper yet */        \
        X(NAME_LOADED)        /* owner: found by a name of it, its epoch not read */               \
        X(NAME_ANNOUNCED)     /* new owner, or else the old: marked, announced, not published */   \
        X(HELLO_BEGUN)        /* 0: nothing is locked or done */                                   \
        X(HELLO_ANNOUNCED)    /* the new one: its signals are pushed, nobody finds it yet */       \
        X(LEAVE_CLOSED)       /* who leaves: its mailbox is closed, all the rest is there */       \
        X(LEAVE_ANNOUNCED)    /* who leaves: rules and names are gone, the list not sealed */      \
        X(LEAVE_SEALED)       /* who leaves: what it owed is answered */                           \
        X(REPLY_TIMED_OUT)    /* caller: its call is settled, inside the turn; no NoReply yet */   \
        X(MONITOR_ANNOUNCED)  /* who becomes one: its names are gone, it sees nothing yet */       \
        X(DRIVER_ANSWER)      /* caller: a query has its answer, which is not pushed */            \
        X(MAILBOX_TAKE)       /* the mailbox's address: take has read the word, not changed it */  \
        X(OUTPUT_TAKEN)       /* receiver: its mailbox is taken, nothing is sent */                \
        X(OUTPUT_UNCOMMITTED) /* receiver: what comes next is not committed */                     \
        X(OUTPUT_SENT)        /* receiver: sent, the duty not given up */                          \
        X(OUTPUT_FAILED)      /* receiver: nothing more can be sent to it, its home is told */

#define STAGE_MUTANTS(X)                                                                           \
        X(NO_COMMIT_WORD, "no-commit-word")         /* sends what is not committed */              \
        X(NO_TURN, "no-turn")                       /* steps do not take the turn */               \
        X(NO_SECOND_LOOKUP, "no-second-lookup")     /* though the version moved */                 \
        X(NO_EPOCH_RECHECK, "no-epoch-recheck")     /* of the name, after its owner's epoch */     \
        X(NO_EPOCH, "no-epoch")                     /* pushes whatever the epoch is */             \
        X(NO_EAVESDROP_EPOCH, "no-eavesdrop-epoch") /* the first eavesdropper raises none */       \
        X(REACH_MONITOR, "reach-monitor")           /* pushes to whom it found before that */      \
        X(REFUSAL_APART, "refusal-apart")           /* from the message, in another step */        \
        X(RECORD_BEFORE_SHOW, "record-before-show") /* a call is owed before monitors see it */    \
        X(DIRECT_SEND, "direct-send")               /* to the socket, past the mailbox */          \
        X(TAKE_BY_EXCHANGE, "take-by-exchange")     /* instead of compare-and-swap */              \
        X(RECORD_AFTER_PUSH, "reply-record-after-push")                                            \
        X(UNSEALED_LIST, "unsealed-list")       /* of what a leaving callee owes */                \
        X(NO_TIMEOUT_TURN, "no-timeout-turn")   /* for a reply whose call has timed out */         \
        X(OLD_VERDICTS, "old-verdicts")         /* of another policy are used */                   \
        X(NO_RELOAD_GRACE, "no-reload-grace")   /* answers while the old one may judge */          \
        X(END_INPUT, "end-input-on-send-error") /* instead of reading to the end */

#define STAGE_POINT_NAME(name) STAGE_##name,
typedef enum StagePoint { STAGE_POINTS(STAGE_POINT_NAME) STAGE_N_POINTS } StagePoint;

#define STAGE_MUTANT_NAME(name, text) STAGE_MUTANT_##name,
typedef enum StageMutant { STAGE_MUTANTS(STAGE_MUTANT_NAME) STAGE_N_MUTANTS } StageMutant;

#ifdef RINGBUS_STAGED
/* Any thread: returns at once unless a test waits for `who` at this point. */
void stage_stop(StagePoint point, uint64_t who);
bool stage_mutant(StageMutant mutant);
/* Connection `id` is served by worker `home` and has this mailbox. */
void stage_report(uint64_t id, unsigned home, const void *mailbox);
/* The mutant's own way to the socket of an Endpoint; false: the mailbox has to take it. */
bool stage_send_directly(void *endpoint, void *message);
/* Registry lock held: queues a message (a RouterThread's, from an Endpoint, an Incoming) for its
 * destination, which nobody owns, as activation will; false: it is to be refused. */
bool stage_await_owner(void *thread, void *sender, const void *incoming);
#define STAGE_STOP(point, who) stage_stop(STAGE_##point, who)
#define STAGE_MUTANT(which) stage_mutant(STAGE_MUTANT_##which)
#define STAGE_REPORT(id, home, mailbox) stage_report(id, home, mailbox)
#define STAGE_SENDS_DIRECTLY(to, message) stage_send_directly(to, message)
#define STAGE_AWAITS_OWNER(thread, sender, incoming) stage_await_owner(thread, sender, incoming)
#else
#define STAGE_STOP(point, who) ((void)sizeof(who))
#define STAGE_MUTANT(which) false
#define STAGE_REPORT(id, home, mailbox) ((void)sizeof(id))
#define STAGE_SENDS_DIRECTLY(to, message) false
#define STAGE_AWAITS_OWNER(thread, sender, incoming) false
#endif

#endif
