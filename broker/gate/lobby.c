/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See lobby.h.
 *
 * Incomplete connections are those in a handshake here and those delivered whose Hello has not
 * succeeded. At `max_incomplete` of them the listeners are let be until one completes.
 *
 * Shares: of the incomplete connections a uid may have max_incomplete_per_uid; one more of that uid
 * is closed at once, so that one user cannot lock out the others, neither by half-open handshakes
 * nor by connections that never say Hello. A ticket stands for the place of each and comes back
 * from whatever thread ends its wait.
 * The bus's own uid and root are exempt: they could stop the bus anyway, and all connections of a
 * session bus are of the bus's own uid, which is to have all of max_incomplete. Whoever comes over
 * TCP is nobody yet, and all of them share one share: strangers on the network leave places for the
 * users of this machine.
 */

#include "broker/gate/lobby.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "broker/base/alloc.h"
#include "broker/base/trace.h"
#include "broker/gate/stranger.h"

/* Of one listener, before other events have their turn. */
enum { ACCEPTS_MAX = 16 };

static Handshake *find_oldest(const Lobby *lobby)
{
        ListNode *node = list_first(&lobby->handshakes);

        return node ? CONTAINER_OF(node, Handshake, node) : NULL;
}

bool lobby_has_room(const Lobby *lobby)
{
        return lobby->n_incomplete < tally_read(&lobby->max_incomplete);
}

static void free_handshake(Lobby *lobby, Handshake *handshake)
{
        list_remove(&handshake->node);
        if (handshake->watched)
                ready_remove(lobby->ready, handshake->fd);
        handshake->watched = false;
        handshake_free(handshake);
}

uint64_t lobby_count_incomplete(const Lobby *lobby)
{
        uint64_t ended, n;

        do { /* both of one moment; `ended` first: never below 0 */
                ended = counter_read(&lobby->n_tickets_ended);
                n = tally_read(&lobby->n_tickets) - ended;
        } while (counter_read(&lobby->n_tickets_ended) != ended);
        return n;
}

static void settle_ticket(Lobby *lobby, GateTicket *ticket)
{
        if (ticket->shares)
                share_return(&lobby->shares, ticket->uid);
        alloc_free(ticket);
        lobby->n_incomplete--;
}

/* Its place was never given to another thread. */
static void end_ticket(Lobby *lobby, GateTicket *ticket)
{
        counter_add(&lobby->n_tickets_ended, 1);
        settle_ticket(lobby, ticket);
}

void lobby_return(Lobby *lobby, GateTicket *ticket)
{
        counter_add(&lobby->n_tickets_ended, 1);
        stack_push(&lobby->completed, &ticket->node);
}

void lobby_collect(Lobby *lobby)
{
        StackNode *node, *next;

        if (stack_is_empty(&lobby->completed))
                return;
        for (node = stack_take(&lobby->completed); node; node = next) {
                next = node->next;
                settle_ticket(lobby, CONTAINER_OF(node, GateTicket, node));
        }
}

/* Ends a handshake without an admitted connection. */
static void end_handshake(Lobby *lobby, Handshake *handshake, GateRefusal kind)
{
        lobby_note_refusal(lobby, kind, &handshake->peer);
        if (handshake->inquiry)
                handshake->inquiry->handshake = NULL; /* its answer comes back to nobody */
        handshake->inquiry = NULL;
        end_ticket(lobby, handshake->ticket);
        free_handshake(lobby, handshake);
}

/* Who has authenticated: may he use this bus? Otherwise *ret_kind tells why not. */
static bool admits(const Lobby *lobby, const Handshake *handshake, const Credentials *credentials,
                   GateRefusal *ret_kind)
{
        const GateOptions *options = &lobby->options;

        if (handshake->sasl.mechanism == SASL_MECHANISM_ANONYMOUS) {
                *ret_kind = GATE_REFUSAL_ANONYMOUS;
                return options->allow_anonymous;
        }
        *ret_kind = GATE_REFUSAL_USER;
        return options->admits ? options->admits(options->context, credentials)
                               : credentials->uid == options->bus_uid;
}

static void admit_handshake(Lobby *lobby, Handshake *handshake)
{
        GateConnection *connection;
        GateRefusal kind;

        TRACE_HOP();
        /* Before anything else: nothing may be watching the fd when it changes its owner. */
        if (handshake->watched)
                ready_remove(lobby->ready, handshake->fd);
        handshake->watched = false;
        if (handshake_take_connection(handshake, &connection) < 0) {
                end_handshake(lobby, handshake, GATE_REFUSAL_RESOURCES);
                return;
        }
        if (!admits(lobby, handshake, &connection->credentials, &kind)) {
                end_handshake(lobby, handshake, kind); /* counted before it can be noticed */
                gate_connection_free(connection);
                return;
        }
        connection->ticket = handshake->ticket;
        free_handshake(lobby, handshake);
        tally_add(&lobby->admitted, 1);
        lobby->options.deliver(lobby->options.context, connection);
}

static void watch_handshake(Lobby *lobby, Handshake *handshake)
{
        int r;

        if (handshake->watched)
                return;
        r = ready_add(lobby->ready, handshake->fd, true, false, &handshake->source);
        if (r < 0)
                end_handshake(lobby, handshake, GATE_REFUSAL_RESOURCES);
        else
                handshake->watched = true;
}

/*
 * Posts its question. Until there is an answer it is not watched: what it says meanwhile stays in
 * its socket, and nothing but its deadline ends it. A question too many is answered here: no.
 */
static HandshakeResult ask(Lobby *lobby, Handshake *handshake)
{
        static const SaslAnswer no = {.available = true};
        HandshakeResult result = HANDSHAKE_ASKING;

        if (handshake->watched)
                ready_remove(lobby->ready, handshake->fd);
        handshake->watched = false;
        while (result == HANDSHAKE_ASKING && inquiries_post(&lobby->inquiries, handshake) < 0)
                result = handshake_take_answer(handshake, &no);
        return result;
}

static void go_on(Lobby *lobby, Handshake *handshake, HandshakeResult result)
{
        if (result == HANDSHAKE_ASKING)
                result = ask(lobby, handshake);
        switch (result) {
        case HANDSHAKE_ASKING:
                break;
        case HANDSHAKE_WAITING:
                watch_handshake(lobby, handshake);
                break;
        case HANDSHAKE_ADMITTED:
                admit_handshake(lobby, handshake);
                break;
        case HANDSHAKE_FAILED:
                end_handshake(lobby, handshake, handshake->refusal);
                break;
        }
}

void lobby_read(Lobby *lobby, Handshake *handshake)
{
        TRACE_HOP();
        go_on(lobby, handshake,
              handshake_read(handshake, (unsigned)tally_read(&lobby->max_message_unix_fds)));
}

void lobby_resume(Lobby *lobby)
{
        Inquiry *inquiry;

        while ((inquiry = inquiries_take(&lobby->inquiries))) {
                Handshake *handshake = inquiry->handshake;

                if (handshake) {
                        handshake->inquiry = NULL;
                        go_on(lobby, handshake, handshake_take_answer(handshake, &inquiry->answer));
                }
                inquiries_free(inquiry);
        }
}

/* Of the uid's share; what has come back since the gate last looked counts. 0 or -errno. */
static int take_share(Lobby *lobby, uid_t uid)
{
        const unsigned max = (unsigned)tally_read(&lobby->max_incomplete_per_uid);
        int r = share_take(&lobby->shares, uid, max);

        if (r != -EUSERS)
                return r;
        lobby_collect(lobby);
        return share_take(&lobby->shares, uid, max);
}

/* A place for one connection more of `uid`. 0 or -errno. */
static int issue_ticket(Lobby *lobby, uid_t uid, GateTicket **ret_ticket)
{
        GateTicket *ticket = alloc_zeroed(1, sizeof(*ticket));
        int r = ticket ? 0 : -ENOMEM;

        if (r == 0 && uid != lobby->options.bus_uid && uid != 0) {
                r = take_share(lobby, uid);
                ticket->shares = r == 0;
        }
        if (r < 0) {
                alloc_free(ticket);
                return r;
        }
        ticket->uid = uid;
        lobby->n_incomplete++;
        tally_add(&lobby->n_tickets, 1);
        *ret_ticket = ticket;
        return 0;
}

static bool is_of_another_namespace(const Lobby *lobby, uid_t uid)
{
        return lobby->options.refuses_overflow_uid && uid == lobby->options.overflow_uid;
}

/* Takes `fd` over on success. *ret_peer is who it is, as far as known, also on failure. */
static int new_handshake(Lobby *lobby, const GateListener *listener, int fd, RefusalPeer *ret_peer,
                         Handshake **ret_handshake)
{
        SaslOptions options;
        GateTicket *ticket;
        int r = stranger_identify(fd, listener->is_tcp, ret_peer);

        if (r < 0)
                return r;
        if (is_of_another_namespace(lobby, ret_peer->uid))
                return -EACCES;
        r = issue_ticket(lobby, ret_peer->uid, &ticket);
        if (r < 0)
                return r;
        options = lobby_offer(lobby, listener, ret_peer->uid);
        r = handshake_new(fd, listener, ret_peer, &options, ret_handshake);
        if (r < 0) {
                end_ticket(lobby, ticket);
                return r;
        }
        (*ret_handshake)->ticket = ticket;
        return 0;
}

/* A reload may have made the time shorter: then it passes some that came earlier. */
static void insert_by_deadline(Lobby *lobby, Handshake *handshake)
{
        List later;
        ListNode *node;

        list_init(&later);
        while (handshake->deadline_ns && (node = list_last(&lobby->handshakes))) {
                uint64_t deadline_ns = CONTAINER_OF(node, Handshake, node)->deadline_ns;

                if (deadline_ns && deadline_ns <= handshake->deadline_ns)
                        break;
                list_remove(node);
                list_push_front(&later, node);
        }
        list_push_back(&lobby->handshakes, &handshake->node);
        while ((node = list_take_first(&later)))
                list_push_back(&lobby->handshakes, node);
}

/* A new connection is read at once: a client that pipelines has said everything already. */
static void meet(Lobby *lobby, const GateListener *listener, int fd)
{
        const uint64_t timeout_ms = tally_read(&lobby->auth_timeout_ms);
        RefusalPeer peer = {.uid = CREDENTIALS_NO_UID};
        Handshake *handshake;
        int r;

        TRACE_HOP();
        r = new_handshake(lobby, listener, fd, &peer, &handshake);
        tally_add(&lobby->accepted, 1); /* incomplete first: whoever reads both misses nobody */
        if (r < 0) {
                close(fd);
                lobby_note_refusal(lobby, lobby_find_refusal(r), &peer);
                return;
        }
        if (timeout_ms)
                handshake->deadline_ns = lobby->now_ns + timeout_ms * CLOCK_NS_PER_MS;
        insert_by_deadline(lobby, handshake);
        lobby_read(lobby, handshake);
}

void lobby_accept(Lobby *lobby, Acceptor *acceptor, AcceptorListener *listener)
{
        lobby_collect(lobby);
        for (unsigned i = 0; i < ACCEPTS_MAX && lobby_has_room(lobby); i++) {
                int fd = acceptor_accept(acceptor, listener, lobby->now_ns);

                if (fd >= 0) {
                        meet(lobby, &listener->listener, fd);
                        continue;
                }
                if (fd == -EMFILE) {
                        tally_add(&lobby->accepted, 1);
                        tally_add(&lobby->refused, 1); /* the acceptor has logged it */
                        tally_add(&lobby->refusals.counts[GATE_REFUSAL_RESOURCES], 1);
                }
                if (fd != -ECONNABORTED)
                        break;
        }
}

void lobby_expire(Lobby *lobby)
{
        Handshake *handshake;

        while ((handshake = find_oldest(lobby)) && handshake->deadline_ns &&
               handshake->deadline_ns <= lobby->now_ns)
                end_handshake(lobby, handshake, GATE_REFUSAL_TIMEOUT);
}

uint64_t lobby_deadline(const Lobby *lobby)
{
        const Handshake *handshake = find_oldest(lobby);

        if (!handshake || !handshake->deadline_ns)
                return UINT64_MAX;
        return handshake->deadline_ns;
}

void lobby_init(Lobby *lobby, Ready *ready, Wake *wake, const GateOptions *options)
{
        *lobby = (Lobby){.options = *options, .ready = ready};
        lobby->options.listeners = NULL; /* the acceptor has copies */
        lobby->options.n_listeners = 0;
        list_init(&lobby->handshakes);
        stack_init(&lobby->completed);
        inquiries_init(&lobby->inquiries, &lobby->options, wake);
        refusals_init(&lobby->refusals, &lobby->options);
        tally_set(&lobby->offers_cookies, options->post_job && options->answer);
        lobby_set_limits(lobby, options->max_incomplete, options->auth_timeout_ms,
                         options->max_message_unix_fds);
}

void lobby_set_limits(Lobby *lobby, unsigned max_incomplete, uint64_t auth_timeout_ms,
                      unsigned max_message_unix_fds)
{
        unsigned per_uid = lobby->options.max_incomplete_per_uid;

        if (per_uid == 0)
                per_uid = max_incomplete >= 2 ? max_incomplete / 2 : 1;
        tally_set(&lobby->max_incomplete, max_incomplete);
        tally_set(&lobby->max_incomplete_per_uid, per_uid);
        tally_set(&lobby->auth_timeout_ms, auth_timeout_ms);
        tally_set(&lobby->max_message_unix_fds, max_message_unix_fds);
}

void lobby_deinit(Lobby *lobby)
{
        Handshake *handshake;

        while ((handshake = find_oldest(lobby)))
                end_handshake(lobby, handshake, GATE_REFUSAL_LEFT);
        inquiries_deinit(&lobby->inquiries);
        lobby_collect(lobby);
        share_deinit(&lobby->shares);
}
