/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Output of fds. Fds in flight, sent and not received yet, count against the broker's own user, for
 * all of that user's programs: clients that do not read could otherwise stop all fd passing on the
 * bus, and that of others. So a message with fds goes out when the one before it has been read; or
 * behind unread ones while there are few of these, so that who reads all the time gets several at
 * each wake-up.
 */
#include <linux/sockios.h>
#include <string.h>
#include <sys/ioctl.h>

#include "broker/base/trace.h"
#include "broker/peer/peer.h"

enum {
        UNREAD_MAX = 128,    /* SIOCOUTQ counts a drained socket's own skb */
        AHEAD_MAX = 32,      /* fds behind an unread message: of one receiver, */
        AHEAD_ALL_MAX = 256, /* and of all: a quarter of a user's usual limit of 1024 in flight */
};

bool peer_output_attach_fds(Shard *shard, Peer *peer, struct msghdr *header)
{
        struct PeerOutput *output = &peer->output;
        const Message *message = output->first->message;
        struct cmsghdr *control;

        if (message->n_fds == 0 || output->offset > 0)
                return true;
        TRACE_WINDOW(TRACE_EXEMPT);
        output->control_size = CMSG_SPACE(message->n_fds * sizeof(int));
        output->control = pool_alloc(&shard->thread.pool, output->control_size);
        if (!output->control)
                return false;
        memset(output->control, 0, output->control_size);
        header->msg_control = output->control;
        header->msg_controllen = output->control_size;
        control = CMSG_FIRSTHDR(header);
        ASSERT(control); /* control_size is CMSG_SPACE */
        control->cmsg_level = SOL_SOCKET;
        control->cmsg_type = SCM_RIGHTS;
        control->cmsg_len = CMSG_LEN(message->n_fds * sizeof(int));
        memcpy(CMSG_DATA(control), message->fds, message->n_fds * sizeof(int));
        output->fds_unread = true;
        return true;
}

/* Some of the fds that were sent ahead are read, or were not sent after all. */
static void peer_give_back_ahead(Router *router, struct PeerOutput *output, unsigned n_fds)
{
        const unsigned n = n_fds < output->n_fds_ahead ? n_fds : output->n_fds_ahead;

        if (n == 0)
                return;
        output->n_fds_ahead -= n;
        counter_subtract(&router->n_fds_ahead, n);
}

static bool peer_send_ahead(Router *router, struct PeerOutput *output, unsigned n_fds)
{
        if (output->n_fds_ahead + n_fds > AHEAD_MAX)
                return false;
        if (counter_add(&router->n_fds_ahead, n_fds) > AHEAD_ALL_MAX) {
                counter_subtract(&router->n_fds_ahead, n_fds);
                return false;
        }
        output->n_fds_ahead += n_fds;
        return true;
}

bool peer_output_fds_must_wait(Shard *shard, Peer *peer)
{
        struct PeerOutput *output = &peer->output;
        Router *router = shard->thread.router;
        const unsigned n_fds = output->first->message->n_fds;
        int unread;

        if (n_fds == 0 || output->offset > 0 || !output->fds_unread)
                return false;
        if (ioctl(peer->fd, SIOCOUTQ, &unread) < 0 || unread <= UNREAD_MAX) {
                output->fds_unread = false;
                peer_give_back_ahead(router, output, output->n_fds_ahead);
                return false;
        }
        return !peer_send_ahead(router, output, n_fds);
}

void peer_output_fds_withdraw(Shard *shard, Peer *peer)
{
        peer_give_back_ahead(shard->thread.router, &peer->output,
                             peer->output.first->message->n_fds);
}

void peer_output_fds_deinit(Peer *peer, Router *router)
{
        peer_give_back_ahead(router, &peer->output, peer->output.n_fds_ahead);
}
