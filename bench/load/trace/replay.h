/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BENCH_LOAD_TRACE_REPLAY_H
#define RINGBUS_BENCH_LOAD_TRACE_REPLAY_H

/*
 * `ringbus-load replay TRACE`: the peers of a trace and what they said, on any bus. One thread has
 * all connections, so that causes and effects need no locks: replay_plan.h says what waits for
 * what. An observer, one connection more, watches names, for that a peer's leaving has no answer.
 *
 * Owner: the run's only part, that is, its thread; the main thread before and afterwards.
 */

#include "bench/load/scenario/scenario.h"
#include "bench/load/trace/intern.h"
#include "bench/load/trace/replay_plan.h"
#include "bench/load/trace/serials.h"

typedef struct Replay Replay;

typedef struct ReplayKnobs {
        const char *speed;
        double factor; /* of `speed`; 0: as fast as possible */
} ReplayKnobs;

/* One of the trace's peers, on this bus. */
typedef struct ReplayActor {
        RunClient client;
        Replay *replay;
        uint32_t peer;
        uint32_t step;   /* the next one, + 1; 0: none is left */
        Timer timer;     /* for the time of that step */
        bool *has_come;  /* by inbound */
        uint32_t n_come; /* so many have, without a gap */
        bool is_connected;
        uint32_t leaving; /* the step of it that waits for the observer, + 1 */
        uint32_t coming;  /* the step that waits for Hello, + 1 */
        bool is_blocked;  /* in Replay.blocked */
} ReplayActor;

/* A message, once it is sent. */
typedef struct ReplayMessage {
        uint64_t sent_ns;
        uint64_t arrived_ns;   /* 0: has not (yet) reached its receiver */
        uint32_t serial;       /* 0: not sent */
        uint32_t at;           /* the peer that got it */
        RunClient *awaited_by; /* who waits, for the watch; NULL: nobody */
} ReplayMessage;

struct Replay {
        Trace trace;
        ReplayPlan plan;
        ReplayKnobs knobs;
        RunPart *part;
        ReplayActor *actors; /* by peer */
        RunClient observer;
        ReplayMessage *messages;  /* by number */
        uint32_t *recorded_peers; /* by string number: whose unique name it was, or 0 */
        Intern names;             /* unique names on this bus */
        uint32_t *name_owners;    /* by number in `names`: the peer */
        uint32_t n_name_owners;
        Serials serials; /* sender and serial: the message, while something is awaited */

        bool *is_done;       /* by step */
        uint32_t n_done;     /* so many are, without a gap */
        uint32_t n_done_all; /* in any order */
        bool *is_answered;   /* by place among the bus's answers */
        uint32_t n_answered; /* so many are, without a gap */
        uint32_t *blocked;   /* peers who look again whether their next step may be done */
        uint32_t *looked_at; /* the list before */
        uint32_t n_blocked;
        uint64_t n_news; /* so many things happened that steps wait for */

        Timer start; /* waits until measuring begins; in the end for errors that may come */
        uint64_t start_ns;
        bool has_started, has_finished;
        uint64_t grace_ends_ns;

        uint64_t n_replayed[SUMMARY_KINDS]; /* sent, or answered by the bus */
        uint64_t n_skipped;                 /* could not be sent: the peer or the call was gone */
        uint64_t n_strays;                  /* messages came that nobody sent */
        uint64_t n_unlike;                  /* an error came for a return, or the other way */
        uint64_t n_late_errors;             /* of n_unawaited_errors: have come */
        uint64_t n_broadcasts_received;
        uint64_t n_names_changed, n_names_acquired, n_names_lost;
        uint64_t n_bodies_replaced, n_bodies_resized, n_fds_left_out, n_rules_left_out;
        Histogram lateness; /* ns */
        int null_fd;        /* what is sent for fds */
        uint8_t *buffer;    /* a message is put together here */
        size_t buffer_size;
};

/* `ringbus-load replay`. argv[0] is the subcommand's name. Exit status. */
int replay_main(int argc, char **argv);

/* replay_schedule.c: begins; takes everybody's steps as far as they may go after what happened. */
void replay_schedule_start(Replay *replay);
void replay_schedule_pump(Replay *replay);
/* What happens: a step is done; what reaches a peer has come; the bus has answered. */
void replay_schedule_done(Replay *replay, uint32_t step);
void replay_schedule_come(Replay *replay, uint32_t peer, uint32_t inbound);
void replay_schedule_answered(Replay *replay, uint32_t answer);

/* replay_actor.c: connections. */
void replay_actor_connect(ReplayActor *actor);
void replay_actor_disconnect(ReplayActor *actor, uint32_t step);
void replay_actor_observe(Replay *replay);
/* The peer that has this unique name here, or 0. */
uint32_t replay_actor_find(const Replay *replay, Text unique_name);

/* replay_send.c: builds and queues a message. False: it cannot be sent now, nor later. */
bool replay_send(ReplayActor *actor, const ReplayStep *step);
/* The name on this bus for a string of the trace that is a name: unique names differ. */
Text replay_send_name(const Replay *replay, uint32_t recorded);
/* The same for the unique names in a match rule; `out` holds *size bytes; false: too long. */
bool replay_send_rule(const Replay *replay, Text recorded, char *out, size_t *size);

/* replay_report.c: what was replayed, against what was recorded. */
void replay_report(const Replay *replay, Figures *figures);

#endif
