/* SPDX-License-Identifier: Apache-2.0 */
/* A worker's start and end. */
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "broker/base/alloc.h"
#include "broker/worker/dispatch.h"
#include "broker/worker/worker_private.h"

static void worker_on_message(Shard *shard, Peer *peer, Incoming *incoming)
{
        const Worker *worker = CONTAINER_OF(shard, Worker, shard);

        dispatch_message(worker->options.driver, shard, peer, incoming);
}

static void worker_on_complete(Shard *shard, void *ticket)
{
        const Worker *worker = CONTAINER_OF(shard, Worker, shard);

        worker->options.on_complete(worker->options.context, ticket);
}

/* Any thread, inside a read-side section: the peer cannot be freed before we are done. */
static void worker_resume_peer(void *context, Peer *peer)
{
        const Worker *worker = context;

        worker_post_resume(worker->options.workers[peer->endpoint.home], peer);
}

static void worker_name_thread(const Worker *worker)
{
        char name[16] = "rb-worker-";
        unsigned index = worker->options.index;

        name[10] = (char)('0' + index / 10);
        name[11] = (char)('0' + index % 10);
        pthread_setname_np(pthread_self(), name);
}

static void *worker_run(void *argument)
{
        Worker *worker = argument;
        IoOptions options = {.backend = worker->options.backend,
                             .n_buffers = worker->options.n_buffers,
                             .wake = &worker->wake,
                             .handlers = {.on_sent = shard_on_sent,
                                          .on_hung_up = shard_on_hung_up,
                                          .context = &worker->shard}};

        worker_name_thread(worker);
        worker->start_error = io_new(&options, &worker->shard.io);
        sem_post(&worker->ready);
        if (worker->start_error < 0)
                return NULL;
        qsbr_register_thread();
        worker_loop(worker);
        qsbr_unregister_thread();
        return NULL;
}

static int worker_start_thread(Worker *worker)
{
        sigset_t all, old;
        int r;

        sigfillset(&all); /* signals are control's */
        pthread_sigmask(SIG_SETMASK, &all, &old);
        r = -pthread_create(&worker->thread, NULL, worker_run, worker);
        pthread_sigmask(SIG_SETMASK, &old, NULL);
        if (r < 0)
                return r;
        while (sem_wait(&worker->ready) < 0 && errno == EINTR)
                continue;
        if (worker->start_error < 0)
                pthread_join(worker->thread, NULL);
        return worker->start_error;
}

int worker_new(const WorkerOptions *options, Worker **ret_worker)
{
        const ShardHandlers handlers = {.on_message = worker_on_message,
                                        .on_complete = worker_on_complete,
                                        .post_resume = worker_resume_peer};
        static const SpinMode modes[] = {[WORKER_SPIN_AUTO] = SPIN_AUTO,
                                         [WORKER_SPIN_OFF] = SPIN_OFF,
                                         [WORKER_SPIN_FIXED] = SPIN_FIXED};
        Worker *worker = alloc_aligned(64, sizeof(*worker));
        int r;

        if (!worker)
                return -ENOMEM;
        memset(worker, 0, sizeof(*worker));
        worker->options = *options;
        worker->more = true; /* look once before the first sleep */
        stack_init(&worker->arrivals);
        stack_init(&worker->duties);
        stack_init(&worker->resumes);
        stack_init(&worker->collects);
        stack_init(&worker->answers);
        spin_init(&worker->spin, modes[options->spin], options->spin_ns);
        sem_init(&worker->ready, 0, 0);
        r = wake_init(&worker->wake);
        if (r == 0)
                r = shard_init(&worker->shard, options->router, options->index, &handlers);
        worker->shard.handlers.context = worker;
        if (r == 0)
                r = worker_start_thread(worker);
        if (r < 0) {
                if (worker->shard.thread.stamps)
                        shard_deinit(&worker->shard);
                wake_deinit(&worker->wake);
                sem_destroy(&worker->ready);
                alloc_free(worker);
                return r;
        }
        *ret_worker = worker;
        return 0;
}

void worker_join(Worker *worker)
{
        pthread_join(worker->thread, NULL);
}

void worker_settle(Worker *worker)
{
        worker_drain_inbox(worker);
        /* All mailboxes are closed: flushing only gives the duties up. */
        while (worker->shard.thread.duties_first)
                shard_flush(&worker->shard);
        ASSERT(worker->shard.n_peers == 0);
}

Worker *worker_free(Worker *worker)
{
        if (!worker)
                return NULL;
        io_free(worker->shard.io);
        shard_deinit(&worker->shard);
        wake_deinit(&worker->wake);
        sem_destroy(&worker->ready);
        return alloc_free(worker);
}

void worker_read_counters(Worker *worker, WorkerCounters *ret_counters)
{
        const RouterThread *thread = &worker->shard.thread;

        *ret_counters =
                (WorkerCounters){.peers = tally_read(&worker->n_peers),
                                 .routed = tally_read(&thread->n_routed),
                                 .deliveries = tally_read(&thread->n_deliveries),
                                 .flushes = tally_read(&worker->shard.n_flushes),
                                 .dropped = tally_read(&thread->n_dropped),
                                 .denied = tally_read(&thread->n_denied),
                                 .verdict_hits = tally_read(&thread->n_verdict_hits),
                                 .verdict_misses = tally_read(&thread->n_verdict_misses),
                                 .answer_hits = tally_read(&thread->n_answer_hits),
                                 .answer_misses = tally_read(&thread->n_answer_misses),
                                 .closed_invalid = tally_read(&worker->shard.n_closed_invalid),
                                 .closed_stalled = tally_read(&worker->shard.n_closed_stalled),
                                 .kernel_entries = tally_read(&worker->io_counters[0]),
                                 .sends = tally_read(&worker->io_counters[1]),
                                 .receives = tally_read(&worker->io_counters[2]),
                                 .sleeps = tally_read(&worker->io_counters[3]),
                                 .pool_bytes = tally_read(&worker->pool_bytes),
                                 .pool_free_bytes = tally_read(&worker->pool_free_bytes)};
}
