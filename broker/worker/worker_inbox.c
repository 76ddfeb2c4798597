/* SPDX-License-Identifier: Apache-2.0 */
/* What other threads ask of a worker: posted from there, handled here. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "broker/base/log.h"
#include "broker/base/trace.h"
#include "broker/driver/driver_reload.h"
#include "broker/router/replies.h"
#include "broker/worker/worker_private.h"

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
        StackNode *last = chain;

        while (last->next)
                last = last->next;
        stack_push_chain(&worker->duties, chain, last);
        wake_up(&worker->wake);
}

void worker_post_collect(Worker *worker, Endpoint *callee)
{
        stack_push(&worker->collects, &callee->collect_node);
        wake_up(&worker->wake);
}

void worker_post_answer(Worker *worker, DriverReload *answer)
{
        stack_push(&worker->answers, &answer->node);
        wake_up(&worker->wake);
}

void worker_post_resume(Worker *worker, Peer *peer)
{
        if (!switch_clear(&peer->may_post_resume))
                return; /* it is on its way already */
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
        char who[CREDENTIALS_TEXT_MAX];
        Peer *peer;
        int r;

        TRACE_HOP();
        r = worker->closing_all ? -ESHUTDOWN
                                : peer_new(shard, worker->options.router, &arrival->options, &peer);
        if (r < 0) {
                if (!worker->closing_all)
                        log_warning("cannot serve a new connection of %s: %s",
                                    credentials_text(&arrival->options.credentials, who),
                                    strerror(-r));
                close(arrival->options.fd);
                credentials_deinit(&arrival->options.credentials);
                for (unsigned i = 0; i < arrival->n_fds; i++)
                        close(arrival->fds[i]);
                worker->options.on_complete(worker->options.context, arrival->options.ticket);
        } else {
                peer_start(peer, arrival->bytes, arrival->n_bytes, arrival->fds, arrival->n_fds);
        }
        arrival->release(arrival);
        tally_set(&worker->n_peers, shard->n_peers);
        tally_add(&worker->n_admitted, 1);
}

/* Hand-overs, duties and resumed inputs from other threads. */
void worker_drain_inbox(Worker *worker)
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
        for (node = stack_take(&worker->collects); node; node = next) {
                Endpoint *callee = CONTAINER_OF(node, Endpoint, collect_node);

                next = node->next;
                switch_set(&callee->may_post_collect); /* before: what comes later asks again */
                replies_collect(&worker->shard.thread, callee);
                if (UNLIKELY(switch_is_on(&callee->overflown)))
                        peer_close_overflown(peer_of(callee));
                endpoint_unref(callee, &worker->shard.thread.pool);
        }
        for (node = stack_reverse(stack_take(&worker->resumes)); node; node = next) {
                Peer *peer = CONTAINER_OF(node, Peer, post_node);

                next = node->next;
                switch_set(&peer->may_post_resume); /* before: what comes later posts again */
                peer_continue(peer, PEER_PAUSE_ACCOUNT);
                endpoint_unref(&peer->endpoint, &worker->shard.thread.pool);
        }
        for (node = stack_reverse(stack_take(&worker->answers)); node; node = next) {
                next = node->next;
                driver_reload_finish(worker->options.driver, &worker->shard,
                                     CONTAINER_OF(node, DriverReload, node));
        }
}
