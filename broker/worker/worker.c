/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/worker/worker.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "broker/base/alloc.h"
#include "broker/base/clock.h"
#include "broker/base/log.h"
#include "broker/base/trace.h"
#include "broker/worker/dispatch.h"
#include "broker/worker/spin.h"

struct Worker {
        WorkerOptions options; /* immutable */
        pthread_t thread;
        sem_t ready;
        int start_error;
        Wake wake;
        Stack arrivals; /* WorkerArrival */
        Stack duties;   /* Endpoint.duty_node */
        Stack resumes;  /* Peer.post_node */
        Switch stopping;
        Tally n_peers;
        Counter n_posted; /* arrivals */
        Tally n_admitted; /* arrivals taken from the inbox */
        Tally io_counters[4]; /* copies of the Io's, for other threads */
        Shard shard;
        Spin spin;
        bool closing_all;
        bool more;           /* io_next() has something */
        IoReceived received; /* scratch: it is large */
};

static void worker_on_message(Shard *shard, Peer *peer, Incoming *incoming)
{
        const Worker *worker = CONTAINER_OF(shard, Worker, shard);

        dispatch_message(worker->options.driver, shard, peer, incoming);
}

static void worker_on_complete(Shard *shard)
{
        const Worker *worker = CONTAINER_OF(shard, Worker, shard);

        worker->options.on_complete(worker->options.context);
}

/* Any thread, inside a read-side section: the peer cannot be freed before we are done. */
static void worker_resume_peer(void *context, Peer *peer)
{
        const Worker *worker = context;

        worker_post_resume(worker->options.workers[peer->endpoint.home], peer);
}

void worker_post_arrival(Worker *worker, WorkerArrival *arrival)
{
        TRACE_HOP();
        counter_add(&worker->n_posted, 1);
        stack_push(&worker->arrivals, &arrival->node);
        wake_up(&worker->wake);
}

uint64_t worker_load(Worker *worker)
{
        return tally_read(&worker->n_peers) + counter_read(&worker->n_posted) -
               tally_read(&worker->n_admitted);
}

void worker_post_duties(Worker *worker, StackNode *chain)
{
        while (chain) {
                StackNode *next = chain->next;

                stack_push(&worker->duties, chain);
                chain = next;
        }
        wake_up(&worker->wake);
}

void worker_post_resume(Worker *worker, Peer *peer)
{
        endpoint_ref(&peer->endpoint);
        stack_push(&worker->resumes, &peer->post_node);
        wake_up(&worker->wake);
}

void worker_stop(Worker *worker)
{
        switch_set(&worker->stopping);
        wake_up(&worker->wake);
}

static void worker_admit(Worker *worker, WorkerArrival *arrival)
{
        Shard *shard = &worker->shard;
        Peer *peer;
        int r;

        TRACE_HOP();
        r = peer_new(shard, worker->options.router, &arrival->options, &peer);
        if (r < 0) {
                if (!worker->closing_all)
                        log_warning("cannot serve a new connection of uid %u: %s",
                                    arrival->options.credentials.uid, strerror(-r));
                close(arrival->options.fd);
                credentials_deinit(&arrival->options.credentials);
                for (unsigned i = 0; i < arrival->n_fds; i++)
                        close(arrival->fds[i]);
                worker->options.on_complete(worker->options.context);
        } else {
                peer_start(peer, arrival->bytes, arrival->n_bytes, arrival->fds, arrival->n_fds);
        }
        arrival->release(arrival);
        tally_set(&worker->n_peers, shard->n_peers);
        tally_add(&worker->n_admitted, 1);
}

/* Hand-overs, duties and resumed inputs from other threads. */
static void worker_drain_inbox(Worker *worker)
{
        StackNode *node, *next;

        for (node = stack_reverse(stack_take(&worker->arrivals)); node; node = next) {
                next = node->next;
                worker_admit(worker, CONTAINER_OF(node, WorkerArrival, node));
        }
        for (node = stack_reverse(stack_take(&worker->duties)); node; node = next) {
                next = node->next;
                routerthread_add_duty(&worker->shard.thread,
                                      CONTAINER_OF(node, Endpoint, duty_node));
        }
        for (node = stack_reverse(stack_take(&worker->resumes)); node; node = next) {
                Peer *peer = CONTAINER_OF(node, Peer, post_node);

                next = node->next;
                peer_continue(peer, PEER_PAUSE_ACCOUNT);
                endpoint_unref(&peer->endpoint, &worker->shard.thread.pool);
        }
}

/* Peers whose input rested because their share of the last turn was used up, or that end without a
 * receive under way. */
static void worker_continue_peers(Worker *worker)
{
        List resting;
        ListNode *node;

        list_init(&resting);
        list_move_all(&resting, &worker->shard.over_budget);
        while ((node = list_take_first(&resting)))
                peer_continue(CONTAINER_OF(node, Peer, input.budget_node), PEER_PAUSE_BUDGET);
}

/* Endpoints whose next message was not committed: whoever pushes it holds the turn until it is. */
static void worker_retry_uncommitted(Worker *worker)
{
        StackNode *node = worker->shard.uncommitted, *next;

        if (!node)
                return;
        turn_pass(&worker->options.router->turn);
        worker->shard.uncommitted = NULL;
        for (; node; node = next) {
                next = node->next;
                routerthread_add_duty(&worker->shard.thread,
                                      CONTAINER_OF(node, Endpoint, duty_node));
        }
}

static void worker_handle_completions(Worker *worker)
{
        IoReceived *received = &worker->received;
        const uint64_t first_batch = worker->shard.n_batches;

        /* After a batch everything is flushed and the rest waits for the next turn, so that send
         * completions are reaped and others get their share. */
        while (worker->shard.n_batches == first_batch && io_next(worker->shard.io, received)) {
                TRACE_HOP();
                peer_receive(CONTAINER_OF(received->socket, Peer, input.socket), received);
        }
}

static bool worker_has_work(Worker *worker)
{
        return !stack_is_empty(&worker->arrivals) || !stack_is_empty(&worker->duties) ||
               !stack_is_empty(&worker->resumes) || worker->shard.thread.duties_first ||
               worker->shard.uncommitted || !list_is_empty(&worker->shard.over_budget) ||
               (switch_is_on(&worker->stopping) && !worker->closing_all);
}

/* Looks for work for as long as it is likely to pay; true if there is some. */
static bool worker_spin(Worker *worker)
{
        uint64_t now = clock_now_ns(), budget = spin_budget(&worker->spin, now);
        const uint64_t end = now + budget;
        bool found = false;

        if (budget == 0)
                return false;
        while (!found && now < end) {
                for (int i = 0; i < 16 && !found; i++) {
                        found = io_poll(worker->shard.io) || worker_has_work(worker);
                        spin_relax();
                }
                qsbr_quiescent();
                now = clock_now_ns();
        }
        spin_report(&worker->spin, now, found);
        return found;
}

static void worker_wait(Worker *worker)
{
        Shard *shard = &worker->shard;
        uint64_t timeout;

        if (worker->more || worker_has_work(worker) || worker_spin(worker)) {
                worker->more = io_wait(shard->io, 0, false);
                shard->n_iovecs = 0;
                return;
        }
        timeout = timers_timeout(&shard->timers, clock_now_ns());
        wake_prepare(&worker->wake);
        if (worker_has_work(worker)) {
                wake_finish(&worker->wake);
                worker->more = io_wait(shard->io, 0, false);
        } else {
                qsbr_offline();
                worker->more = io_wait(shard->io, timeout, true);
                qsbr_online();
                wake_finish(&worker->wake);
        }
        shard->n_iovecs = 0;
}

/* Closes every connection, late arrivals too; the loop goes on until they are gone. */
static void worker_close_all(Worker *worker)
{
        worker->closing_all = true;
        LIST_FOREACH(&worker->shard.peers, node)
        peer_close(CONTAINER_OF(node, Peer, input.shard_node));
}

static bool worker_is_done(const Worker *worker)
{
        return worker->closing_all && worker->shard.n_peers == 0 &&
               worker->shard.n_sends_open == 0 && worker->shard.n_parked == 0 &&
               !worker->shard.thread.duties_first && !worker->shard.uncommitted;
}

static void worker_publish_counters(Worker *worker)
{
        const IoCounters *io = io_counters(worker->shard.io);
        const uint64_t values[] = {io->kernel_entries, io->sends, io->receives, io->sleeps};

        for (size_t i = 0; i < ARRAY_SIZE(values); i++)
                tally_set(&worker->io_counters[i], values[i]);
        tally_set(&worker->n_peers, worker->shard.n_peers);
}

/* The loop; each phase answers one question. */
static void worker_loop(Worker *worker)
{
        Shard *shard = &worker->shard;

        while (!worker_is_done(worker)) {
                worker_wait(worker); /* one kernel entry: submit, wait, reap */
                shard->turn++;
                shard->now_ns = clock_now_ns();
                if (UNLIKELY(switch_is_on(&worker->stopping)))
                        worker_close_all(worker);
                shard_handle_sent(shard);          /* what has been sent? */
                worker_continue_peers(worker);     /* who may go on? */
                worker_handle_completions(worker); /* bytes, messages, routes, mailboxes */
                timers_fire(&shard->timers, shard->now_ns, shard);
                worker_drain_inbox(worker); /* what do other threads ask? */
                worker_retry_uncommitted(worker);
                shard_flush(shard); /* one sendmsg for each receiver */
                worker_publish_counters(worker);
                pool_replenish(&shard->thread.pool);
                qsbr_quiescent(); /* retired routing data may die */
                qsbr_kick(worker->options.router->qsbr);
        }
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
                             .handlers = {.on_sent = shard_on_sent, .context = &worker->shard}};

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
                                 .closed_invalid = tally_read(&worker->shard.n_closed_invalid),
                                 .kernel_entries = tally_read(&worker->io_counters[0]),
                                 .sends = tally_read(&worker->io_counters[1]),
                                 .receives = tally_read(&worker->io_counters[2]),
                                 .sleeps = tally_read(&worker->io_counters[3])};
}
