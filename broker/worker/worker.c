/* SPDX-License-Identifier: Apache-2.0 */
/* The loop, as a list of phases; worker_inbox.c has what other threads ask, worker_life.c start and
 * end. */
#include "broker/base/clock.h"
#include "broker/base/stage.h"
#include "broker/base/trace.h"
#include "broker/worker/worker_private.h"

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
               !stack_is_empty(&worker->resumes) || !stack_is_empty(&worker->answers) ||
               !stack_is_empty(&worker->collects) || worker->shard.thread.duties_first ||
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
        tally_set(&worker->pool_bytes, pool_bytes(&worker->shard.thread.pool));
        tally_set(&worker->pool_free_bytes, pool_free_bytes(&worker->shard.thread.pool));
}

/* The loop; each phase answers one question. */
void worker_loop(Worker *worker)
{
        Shard *shard = &worker->shard;

        while (!worker_is_done(worker)) {
                worker_wait(worker); /* one kernel entry: submit, wait, reap */
                shard_begin_turn(shard);
                if (UNLIKELY(switch_is_on(&worker->stopping)))
                        worker_close_all(worker);
                shard_handle_sent(shard);          /* what has been sent? */
                shard_continue_peers(shard);       /* who may go on? */
                worker_handle_completions(worker); /* bytes, messages, routes, mailboxes */
                timers_fire(&shard->timers, shard->now_ns, shard);
                STAGE_STOP(INBOX, worker->options.index);
                worker_drain_inbox(worker); /* what do other threads ask? */
                worker_retry_uncommitted(worker);
                shard_flush(shard); /* one sendmsg for each receiver */
                worker_publish_counters(worker);
                pool_replenish(&shard->thread.pool);
                qsbr_quiescent(); /* retired routing data may die */
                qsbr_kick(worker->options.router->qsbr);
        }
}
