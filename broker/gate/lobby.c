/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See lobby.h.
 *
 * Incomplete connections are those in a handshake here and those delivered whose Hello has not
 * succeeded. At `max_incomplete` of them the listeners are let be until one completes.
 *
 * Shares: of the handshakes a uid may have max_incomplete_per_uid under way; a connection more of
 * that uid is closed at once, so that one user cannot lock out the others by half-open connections.
 * The bus's own uid and root are exempt: they could stop the bus anyway, and all connections of a
 * session bus are of the bus's own uid, which is to have all of max_incomplete.
 */

#include "broker/gate/lobby.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "broker/base/log.h"
#include "broker/base/trace.h"

/* Of one listener, before other events have their turn. */
enum { ACCEPTS_MAX = 16 };

static Handshake *find_oldest(const Lobby *lobby)
{
        ListNode *node = list_first(&lobby->handshakes);

        return node ? CONTAINER_OF(node, Handshake, node) : NULL;
}

bool lobby_has_room(const Lobby *lobby)
{
        return counter_read(&lobby->n_incomplete) < lobby->options.max_incomplete;
}

static void free_handshake(Lobby *lobby, Handshake *handshake)
{
        list_remove(&handshake->node);
        if (handshake->watched)
                ready_remove(lobby->ready, handshake->fd);
        handshake->watched = false;
        if (handshake->shares)
                share_return(&lobby->shares, handshake->uid);
        handshake_free(handshake);
}

/* Ends a handshake without an admitted connection. */
static void end_handshake(Lobby *lobby, Handshake *handshake, Tally *reason)
{
        free_handshake(lobby, handshake);
        tally_add(reason, 1);
        counter_subtract(&lobby->n_incomplete, 1);
}

static bool admits_uid(Lobby *lobby, uid_t uid)
{
        if (lobby->options.admits_every_uid || uid == lobby->options.bus_uid)
                return true;
        if (throttle_passes(&lobby->log_uid, lobby->now_ns))
                log_warning("Refused a connection of uid %u: this bus admits only uid %u",
                            (unsigned)uid, (unsigned)lobby->options.bus_uid);
        return false;
}

static void admit_handshake(Lobby *lobby, Handshake *handshake)
{
        GateConnection *connection;

        TRACE_HOP();
        /* Before anything else: nothing may be watching the fd when it changes its owner. */
        if (handshake->watched)
                ready_remove(lobby->ready, handshake->fd);
        handshake->watched = false;
        if (!admits_uid(lobby, handshake->sasl.uid) ||
            handshake_take_connection(handshake, &connection) < 0) {
                end_handshake(lobby, handshake, &lobby->refused);
                return;
        }
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
                end_handshake(lobby, handshake, &lobby->refused);
        else
                handshake->watched = true;
}

void lobby_read(Lobby *lobby, Handshake *handshake)
{
        TRACE_HOP();
        switch (handshake_read(handshake, lobby->options.max_message_unix_fds)) {
        case HANDSHAKE_WAITING:
                watch_handshake(lobby, handshake);
                break;
        case HANDSHAKE_ADMITTED:
                admit_handshake(lobby, handshake);
                break;
        case HANDSHAKE_FAILED:
                end_handshake(lobby, handshake, &lobby->refused);
                break;
        }
}

static int take_share(Lobby *lobby, uid_t uid)
{
        unsigned max = lobby->options.max_incomplete_per_uid;
        int r = share_take(&lobby->shares, uid, max);

        if (r == -EUSERS && throttle_passes(&lobby->log_share, lobby->now_ns))
                log_warning("Closed a connection of uid %u, which has %u others that have not "
                            "authenticated yet",
                            (unsigned)uid, max);
        return r;
}

/* Takes `fd` over on success. */
static int new_handshake(Lobby *lobby, const AcceptorListener *listener, int fd,
                         Handshake **ret_handshake)
{
        struct ucred peer;
        socklen_t size = sizeof(peer);
        bool shares;
        int r;

        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
                return -errno;
        shares = peer.uid != lobby->options.bus_uid && peer.uid != 0;
        if (shares) {
                r = take_share(lobby, peer.uid);
                if (r < 0)
                        return r;
        }
        r = handshake_new(fd, peer.uid, listener->listener.guid, lobby->options.mechanisms,
                          ret_handshake);
        if (r < 0) {
                if (shares)
                        share_return(&lobby->shares, peer.uid);
                return r;
        }
        (*ret_handshake)->shares = shares;
        return 0;
}

/* A new connection is read at once: a client that pipelines has said everything already. */
static void meet(Lobby *lobby, const AcceptorListener *listener, int fd)
{
        Handshake *handshake;

        TRACE_HOP();
        tally_add(&lobby->accepted, 1);
        if (new_handshake(lobby, listener, fd, &handshake) < 0) {
                close(fd);
                tally_add(&lobby->refused, 1);
                return;
        }
        counter_add(&lobby->n_incomplete, 1);
        if (lobby->options.auth_timeout_ms)
                handshake->deadline_ns =
                        lobby->now_ns + lobby->options.auth_timeout_ms * CLOCK_NS_PER_MS;
        list_push_back(&lobby->handshakes, &handshake->node);
        lobby_read(lobby, handshake);
}

void lobby_accept(Lobby *lobby, Acceptor *acceptor, AcceptorListener *listener)
{
        for (unsigned i = 0; i < ACCEPTS_MAX && lobby_has_room(lobby); i++) {
                int fd = acceptor_accept(acceptor, listener, lobby->now_ns);

                if (fd >= 0) {
                        meet(lobby, listener, fd);
                        continue;
                }
                if (fd == -EMFILE) {
                        tally_add(&lobby->accepted, 1);
                        tally_add(&lobby->refused, 1);
                }
                if (fd != -ECONNABORTED)
                        break;
        }
}

void lobby_expire(Lobby *lobby)
{
        Handshake *handshake;

        while ((handshake = find_oldest(lobby)) && handshake->deadline_ns &&
               handshake->deadline_ns <= lobby->now_ns) {
                if (throttle_passes(&lobby->log_timeout, lobby->now_ns))
                        log_notice("Closed a connection of uid %u that had not authenticated "
                                   "within %llu ms",
                                   (unsigned)handshake->uid,
                                   (unsigned long long)lobby->options.auth_timeout_ms);
                end_handshake(lobby, handshake, &lobby->timed_out);
        }
}

uint64_t lobby_deadline(const Lobby *lobby)
{
        const Handshake *handshake = find_oldest(lobby);

        if (!handshake || !handshake->deadline_ns)
                return UINT64_MAX;
        return handshake->deadline_ns;
}

void lobby_init(Lobby *lobby, Ready *ready, const GateOptions *options)
{
        *lobby = (Lobby){.options = *options, .ready = ready};
        lobby->options.listeners = NULL; /* the acceptor has copies */
        lobby->options.n_listeners = 0;
        list_init(&lobby->handshakes);
        if (lobby->options.max_incomplete_per_uid == 0)
                lobby->options.max_incomplete_per_uid =
                        options->max_incomplete >= 2 ? options->max_incomplete / 2 : 1;
}

void lobby_deinit(Lobby *lobby)
{
        Handshake *handshake;

        while ((handshake = find_oldest(lobby)))
                end_handshake(lobby, handshake, &lobby->refused);
        share_deinit(&lobby->shares);
}
