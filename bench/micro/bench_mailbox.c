/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pushing into a mailbox, and flushing it when that is one's duty, as workers do: what is flushed
 * is counted instead of sent. Items are pushes. Cases are named
 *
 *      alone/N        one thread pushes N times and then flushes
 *      apart/...      two threads, each with a mailbox of its own
 *      contended/...  two threads, one mailbox: the one that finds it empty flushes for both
 *
 * Every node has to come out once, each thread's in the order in which it pushed them. "joined" is
 * the share of pushes that found the duty taken: with two threads and near 0 there was no
 * contention, because they have had one processor, one after the other. Nodes are used again
 * and again, so a thread that is many nodes ahead of the flusher waits for it: "waits" says how
 * often.
 */
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>

#include "bench/micro/gbench.h"
#include "broker/base/assert.h"
#include "broker/sync/mailbox.h"

enum { THREADS = 2, NODES = 1024, BATCH_MAX = 64, CACHE_LINE = 64 };

typedef struct Node {
        MailNode mail;
        uint64_t number; /* the thread's pushes, from 0 */
        unsigned thread;
} Node;

/* Owner: one thread, but for `n_flushed`, which the flusher of its nodes counts. */
typedef struct Pusher {
        _Atomic(uint64_t) n_flushed __attribute__((aligned(CACHE_LINE)));
        uint64_t n_pushed __attribute__((aligned(CACHE_LINE)));
        uint64_t n_joined; /* pushes that brought no duty */
        uint64_t n_waits;
        Node nodes[NODES];
} Pusher;

/* A mailbox and, for who has the duty, what has come out of it. */
typedef struct Box {
        Mailbox mailbox __attribute__((aligned(CACHE_LINE)));
        uint64_t n_out[THREADS] __attribute__((aligned(CACHE_LINE)));
        uint64_t n_wrong;
} Box;

static Pusher pushers[THREADS];
static Box boxes[THREADS];

/* Whatever comes out in another order than it was pushed is wrong, and so is what comes twice. */
static void take_out(Box *box)
{
        MailNode *mail = mailbox_take(&box->mailbox);
        uint64_t n[THREADS] = {0};

        while (mail) {
                const Node *node = CONTAINER_OF(mail, Node, mail);

                box->n_wrong += node->number != box->n_out[node->thread] + n[node->thread];
                n[node->thread]++;
                mail = mail->next;
        }
        for (unsigned i = 0; i < THREADS; i++) {
                if (n[i] == 0)
                        continue;
                box->n_out[i] += n[i];
                /* Pairs with: push(): who uses a node again does so after it was read here. */
                atomic_fetch_add_explicit(&pushers[i].n_flushed, n[i], memory_order_release);
        }
}

static void flush(Box *box)
{
        do
                take_out(box);
        while (!mailbox_release(&box->mailbox));
}

/* Whether that brought the duty to flush. */
static bool push(Pusher *pusher, Box *box)
{
        Node *node = &pusher->nodes[pusher->n_pushed % NODES];

        /* Pairs with: take_out(). */
        while (pusher->n_pushed - atomic_load_explicit(&pusher->n_flushed, memory_order_acquire) >=
               NODES) {
                pusher->n_waits++;
                sched_yield();
        }
        node->number = pusher->n_pushed++;
        if (mailbox_push(&box->mailbox, &node->mail) == MAILBOX_PUSHED_DUTY)
                return true;
        pusher->n_joined++;
        return false;
}

static void clear(void)
{
        for (unsigned i = 0; i < THREADS; i++) {
                pushers[i] = (Pusher){0};
                for (unsigned k = 0; k < NODES; k++)
                        pushers[i].nodes[k].thread = i;
                boxes[i] = (Box){0};
                mailbox_init(&boxes[i].mailbox);
        }
}

/* All is over, and one thread is left: everything has come out, and nobody has a duty. */
static void check(GbenchState *state, unsigned n_threads, uint64_t n_each)
{
        uint64_t n_joined = 0, n_waits = 0;

        for (unsigned i = 0; i < THREADS; i++) {
                const uint64_t n_out = boxes[0].n_out[i] + boxes[1].n_out[i];
                MailNode *rest;

                if (n_out != (i < n_threads ? n_each : 0) || boxes[i].n_wrong > 0)
                        gbench_fail(state, "what came out is not what was pushed");
                if (mailbox_close(&boxes[i].mailbox, &rest) || rest)
                        gbench_fail(state, "somebody has not done its duty");
                n_joined += pushers[i].n_joined;
                n_waits += pushers[i].n_waits;
        }
        gbench_count(state, "joined", (double)n_joined / (double)(n_threads * n_each));
        gbench_count(state, "waits", (double)n_waits);
}

static void run_alone(GbenchState *state, const void *context)
{
        const unsigned n = *(const unsigned *)context;
        unsigned n_duties = 0;

        clear();
        while (gbench_next(state)) {
                for (unsigned i = 0; i < n; i++)
                        n_duties += push(&pushers[0], &boxes[0]);
                flush(&boxes[0]);
        }
        if (n_duties != gbench_iterations(state))
                gbench_fail(state, "the duty came to somebody who had it, or not at all");
        check(state, 1, n * gbench_iterations(state));
        gbench_did(state, n, 0);
}

/* Puts this thread on a processor that the other one does not use; they are often woken on the same
 * one. What it was allowed before is left in *ret_before. */
static void pin(unsigned thread, cpu_set_t *ret_before)
{
        unsigned n_skipped = thread; /* processors before mine */
        cpu_set_t mine;

        ASSERT(sched_getaffinity(0, sizeof(*ret_before), ret_before) == 0);
        CPU_ZERO(&mine);
        for (unsigned cpu = 0; cpu < CPU_SETSIZE; cpu++)
                if (CPU_ISSET(cpu, ret_before) && n_skipped-- == 0)
                        CPU_SET(cpu, &mine);
        if (CPU_COUNT(&mine) > 0) /* or there are too few */
                sched_setaffinity(0, sizeof(mine), &mine);
}

/* The context says whether the threads share a mailbox. */
static void run_threads(GbenchState *state, const void *context)
{
        const unsigned thread = gbench_thread(state);
        Pusher *pusher = &pushers[thread];
        Box *box = &boxes[*(const bool *)context ? 0 : thread];
        cpu_set_t before;

        pin(thread, &before);
        if (thread == 0)
                clear();
        while (gbench_next(state))
                if (push(pusher, box))
                        flush(box);
        sched_setaffinity(0, sizeof(before), &before);
        if (thread == 0)
                check(state, THREADS, gbench_iterations(state));
        gbench_did(state, 1, 0);
}

int main(int argc, char **argv)
{
        static const unsigned batches[] = {1, 8, BATCH_MAX};
        static const bool shared = true, apart = false;
        char name[64];

        fprintf(stderr, "bench_mailbox: what it costs to push into a mailbox and to take out what "
                        "was pushed,\nalone and with another thread.\n");
        for (size_t i = 0; i < ARRAY_SIZE(batches); i++) {
                snprintf(name, sizeof(name), "alone/%u", batches[i]);
                gbench_register(name, run_alone, &batches[i]);
        }
        gbench_register_threads("apart", run_threads, &apart, THREADS);
        gbench_register_threads("contended", run_threads, &shared, THREADS);
        return gbench_main(argc, argv);
}
