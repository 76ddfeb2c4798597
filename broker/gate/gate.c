/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The gate's thread and its loop; see gate.h. acceptor.c listens, handshake.c talks to one client,
 * lobby.c keeps the handshakes and their limits.
 *
 * Nothing that a client or the kernel does to one connection ends the loop.
 */

#include "broker/gate/gate.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>

#include "broker/base/alloc.h"
#include "broker/base/cleanup.h"
#include "broker/gate/acceptor.h"
#include "broker/gate/lobby.h"
#include "broker/sync/qsbr.h"
#include "broker/sync/switch.h"
#include "broker/sync/wake.h"

enum { EVENTS_MAX = 64 };

/* Owner: the gate's thread, but for the wakes, `stopping` and what lobby.h says. */
struct Gate {
        pthread_t thread;
        Ready ready;
        GateSource wake_source;
        Acceptor acceptor;
        Lobby lobby;
        Wake wake;
        Wake place_wake; /* asleep only while there is no room for another connection */
        GateSource place_source;
        Switch stopping;
        bool joined; /* owner: the thread that made the gate */
};

static void handle_event(Gate *gate, const ReadyEvent *event)
{
        GateSource *source = event->cookie;

        switch (*source) {
        case GATE_SOURCE_WAKE:
                wake_drain(&gate->wake);
                break;
        case GATE_SOURCE_PLACE:
                wake_drain(&gate->place_wake);
                break;
        case GATE_SOURCE_LISTENER:
                lobby_accept(&gate->lobby, &gate->acceptor,
                             CONTAINER_OF(source, AcceptorListener, source));
                break;
        case GATE_SOURCE_HANDSHAKE:
                lobby_read(&gate->lobby, CONTAINER_OF(source, Handshake, source));
                break;
        }
}

/* How long the loop may sleep. */
static uint64_t next_timeout(const Gate *gate)
{
        uint64_t deadline_ns = lobby_deadline(&gate->lobby);
        uint64_t now_ns = gate->lobby.now_ns;

        if (acceptor_deadline(&gate->acceptor) < deadline_ns)
                deadline_ns = acceptor_deadline(&gate->acceptor);
        if (deadline_ns == UINT64_MAX)
                return UINT64_MAX;
        return deadline_ns > now_ns ? deadline_ns - now_ns : 0;
}

/* wake.h's protocol: what other threads change (stopping, completed, answered) is read after the
 * prepare. Places that come back wake us only when we wait for one. */
static int wait_for_events(Gate *gate, ReadyEvent *events)
{
        int n = 0;

        wake_prepare(&gate->wake);
        if (!switch_is_on(&gate->stopping)) {
                if (!lobby_has_room(&gate->lobby))
                        wake_prepare(&gate->place_wake);
                lobby_collect(&gate->lobby);
                lobby_resume(&gate->lobby);
                acceptor_update(&gate->acceptor, lobby_has_room(&gate->lobby), gate->lobby.now_ns);
                n = ready_wait(&gate->ready, next_timeout(gate), events, EVENTS_MAX);
                ASSERT(n >= 0); /* the epoll instance and the array are our own */
                wake_finish(&gate->place_wake);
        }
        wake_finish(&gate->wake);
        return n;
}

static void *run(void *argument)
{
        Gate *gate = argument;
        ReadyEvent events[EVENTS_MAX];

        qsbr_register_thread(); /* what is asked whom to admit may look things up */
        qsbr_offline();
        gate->lobby.now_ns = clock_now_ns();
        while (!switch_is_on(&gate->stopping)) {
                int n = wait_for_events(gate, events);

                gate->lobby.now_ns = clock_now_ns();
                /* An event frees its own handshake at most: those of the others stay valid. */
                for (int i = 0; i < n; i++)
                        handle_event(gate, &events[i]);
                lobby_expire(&gate->lobby);
        }
        qsbr_unregister_thread();
        return NULL;
}

/* Signals are control's: the gate's thread is born with all of them blocked. */
static int start_thread(Gate *gate)
{
        sigset_t all;
        sigset_t old;
        int error;

        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &old);
        error = pthread_create(&gate->thread, NULL, run, gate);
        pthread_sigmask(SIG_SETMASK, &old, NULL);
        if (error)
                return -error;
        pthread_setname_np(gate->thread, "gate");
        return 0;
}

static int init_gate(Gate *gate, const GateOptions *options, Gate **ret_gate)
{
        int r;

        gate->wake_source = GATE_SOURCE_WAKE;
        lobby_init(&gate->lobby, &gate->ready, &gate->wake, options);
        r = ready_init(&gate->ready);
        if (r < 0)
                return r;
        r = wake_init(&gate->wake);
        if (r < 0)
                goto deinit_ready;
        gate->place_source = GATE_SOURCE_PLACE;
        r = wake_init(&gate->place_wake);
        if (r < 0)
                goto deinit_wake;
        r = ready_add(&gate->ready, gate->wake.fd, true, false, &gate->wake_source);
        if (r == 0)
                r = ready_add(&gate->ready, gate->place_wake.fd, true, false, &gate->place_source);
        if (r < 0)
                goto deinit_place_wake;
        r = acceptor_init(&gate->acceptor, &gate->ready, options->listeners, options->n_listeners);
        if (r < 0)
                goto deinit_place_wake;
        *ret_gate = gate; /* deliver() and those it delivers to may use it from the first moment */
        r = start_thread(gate);
        if (r == 0)
                return 0;
        *ret_gate = NULL;
        acceptor_deinit(&gate->acceptor);
deinit_place_wake:
        wake_deinit(&gate->place_wake);
deinit_wake:
        wake_deinit(&gate->wake);
deinit_ready:
        ready_deinit(&gate->ready);
        return r;
}

int gate_new(const GateOptions *options, Gate **ret_gate)
{
        Gate *gate = alloc_zeroed(1, sizeof(*gate));
        int r;

        if (!gate)
                return -ENOMEM;
        r = init_gate(gate, options, ret_gate);
        if (r < 0) {
                alloc_free(gate);
                return r;
        }
        return 0;
}

void gate_stop(Gate *gate)
{
        if (!gate || gate->joined)
                return;
        switch_set(&gate->stopping);
        wake_up(&gate->wake);
        pthread_join(gate->thread, NULL);
        gate->joined = true;
}

Gate *gate_free(Gate *gate)
{
        if (!gate)
                return NULL;
        gate_stop(gate);
        lobby_deinit(&gate->lobby);
        acceptor_deinit(&gate->acceptor);
        wake_deinit(&gate->place_wake);
        wake_deinit(&gate->wake);
        ready_deinit(&gate->ready);
        return alloc_free(gate);
}

void gate_set_limits(Gate *gate, unsigned max_incomplete, uint64_t auth_timeout_ms,
                     unsigned max_message_unix_fds)
{
        lobby_set_limits(&gate->lobby, max_incomplete, auth_timeout_ms, max_message_unix_fds);
        wake_up(&gate->wake); /* there may be room now */
}

void gate_offer_cookies(Gate *gate, bool offered)
{
        lobby_offer_cookies(&gate->lobby, offered);
}

void gate_complete(Gate *gate, GateTicket *ticket)
{
        lobby_return(&gate->lobby, ticket);
        wake_up(&gate->place_wake);
}

void gate_read_counters(Gate *gate, GateCounters *ret_counters)
{
        const Lobby *lobby = &gate->lobby;

        *ret_counters = (GateCounters){
                .accepted = tally_read(&lobby->accepted),
                .admitted = tally_read(&lobby->admitted),
                .refused = tally_read(&lobby->refused),
                .timed_out = tally_read(&lobby->timed_out),
                .incomplete = lobby_count_incomplete(lobby),
        };
        for (unsigned i = 0; i < GATE_N_REFUSALS; i++)
                ret_counters->refusals[i] = tally_read(&lobby->refusals.counts[i]);
}

void gate_connection_free(GateConnection *connection)
{
        if (!connection)
                return;
        for (unsigned i = 0; i < connection->n_fds; i++)
                close(connection->fds[i]);
        alloc_free(connection->fds);
        alloc_free(connection->bytes);
        credentials_deinit(&connection->credentials);
        cleanup_close(connection->fd);
        alloc_free(connection);
}
