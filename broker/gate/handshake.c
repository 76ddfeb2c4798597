/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See handshake.h.
 *
 * Fds. Before the client and we have agreed on NEGOTIATE_UNIX_FD a read offers no room for fds, so
 * that strangers cannot put any into this process: the kernel drops what comes, without an error,
 * as with the reference (which reads the whole handshake with plain read(2), and so loses even
 * fds that a client sends behind a BEGIN of the same read; here those are kept). A client that
 * sends a message with fds before it has read AGREE_UNIX_FD may therefore find its connection
 * closed because of the missing fds; libdbus, GDBus and sd-bus all wait. The kernel ends a read
 * behind the write that carried fds, so fds that come with the last bytes of the handshake and
 * nothing behind them belong to no message and are closed.
 */

#include "broker/gate/handshake.h"

#include <errno.h>
#include <sys/socket.h>

#include "broker/base/alloc.h"
#include "broker/base/cleanup.h"
#include "broker/base/trace.h"
#include "broker/io/io.h"

enum {
        BYTES_FIRST = 512,             /* handshake and Hello of every common client */
        BYTES_MAX = SASL_LINE_MAX + 1, /* one more, to see that a line is too long */
        READS_MAX = 8,                 /* in one go */
        REPLIES_SIZE = 4 * 1024,
};

/* Replies to the lines of one read, sent together. */
typedef struct Replies {
        char data[REPLIES_SIZE];
        size_t size;
} Replies;

int handshake_new(int fd, const GateListener *listener, const RefusalPeer *peer,
                  const SaslOptions *options, Handshake **ret_handshake)
{
        Handshake *handshake = alloc_zeroed(1, sizeof(*handshake));

        if (!handshake)
                return -ENOMEM;
        handshake->source = GATE_SOURCE_HANDSHAKE;
        handshake->fd = fd;
        handshake->peer = *peer;
        handshake->is_tcp = listener->is_tcp;
        handshake->nonce = listener->has_nonce ? listener->nonce : NULL;
        sasl_init(&handshake->sasl, options);
        *ret_handshake = handshake;
        return 0;
}

static void close_fds(Handshake *handshake)
{
        for (unsigned i = 0; i < handshake->n_fds; i++)
                close(handshake->fds[i]);
        handshake->fds = alloc_free(handshake->fds);
        handshake->n_fds = 0;
}

Handshake *handshake_free(Handshake *handshake)
{
        if (!handshake)
                return NULL;
        ASSERT(!list_contains_node(&handshake->node) && !handshake->watched);
        ASSERT(!handshake->inquiry);
        close_fds(handshake);
        sasl_deinit(&handshake->sasl);
        alloc_free(handshake->bytes);
        cleanup_close(handshake->fd);
        return alloc_free(handshake);
}

/* Room for at least one byte more. */
static int make_room(Handshake *handshake)
{
        size_t size = handshake->n_allocated ? handshake->n_allocated * 2 : BYTES_FIRST;
        uint8_t *bytes;

        if (handshake->n_bytes < handshake->n_allocated)
                return 0;
        if (size > BYTES_MAX)
                size = BYTES_MAX;
        ASSERT(size > handshake->n_bytes);
        bytes = alloc_resize(handshake->bytes, size);
        if (!bytes)
                return -ENOMEM;
        handshake->bytes = bytes;
        handshake->n_allocated = size;
        return 0;
}

/* Keeps the fds of one control message; closes them when there is no memory. */
static int keep_fds(Handshake *handshake, const struct cmsghdr *control)
{
        unsigned n = (unsigned)((control->cmsg_len - CMSG_LEN(0)) / sizeof(int));
        const int *received = (const int *)CMSG_DATA(control);
        int *fds = alloc_resize(handshake->fds, (handshake->n_fds + n) * sizeof(int));

        if (!fds) {
                for (unsigned i = 0; i < n; i++)
                        close(received[i]);
                return -ENOMEM;
        }
        memcpy(fds + handshake->n_fds, received, n * sizeof(int));
        handshake->fds = fds;
        handshake->n_fds += n;
        return 0;
}

/* One recvmsg. Its size, 0 at the end of the stream, or -errno. */
static ssize_t receive(Handshake *handshake, unsigned n_fds_max)
{
        union {
                struct cmsghdr align;
                char room[CMSG_SPACE(IO_FDS_MAX * sizeof(int))];
        } control;
        struct iovec iovec;
        struct msghdr message = {.msg_iov = &iovec, .msg_iovlen = 1};
        ssize_t n;
        int r;

        r = make_room(handshake);
        if (r < 0)
                return r;
        iovec.iov_base = handshake->bytes + handshake->n_bytes;
        iovec.iov_len = handshake->n_allocated - handshake->n_bytes;
        if (handshake->sasl.passes_fds && n_fds_max > 0) {
                if (n_fds_max > IO_FDS_MAX)
                        n_fds_max = IO_FDS_MAX;
                message.msg_control = &control;
                message.msg_controllen = CMSG_LEN(n_fds_max * sizeof(int));
        }
        n = recvmsg(handshake->fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
        if (n < 0)
                return -errno;
        for (struct cmsghdr *c = CMSG_FIRSTHDR(&message); c; c = CMSG_NXTHDR(&message, c)) {
                if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
                        continue;
                r = keep_fds(handshake, c);
                if (r < 0)
                        return r;
        }
        if (handshake->sasl.passes_fds && (message.msg_flags & MSG_CTRUNC))
                return -EMSGSIZE; /* more fds than allowed, or than this process can hold */
        handshake->n_bytes += (size_t)n;
        return n;
}

/*
 * A reply that does not fit into the socket's buffer at once is for a client that sends lines and
 * never reads: an error like any other.
 */
static int flush(const Handshake *handshake, Replies *replies)
{
        ssize_t n;

        if (replies->size == 0)
                return 0;
        n = send(handshake->fd, replies->data, replies->size, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n < 0)
                return -errno;
        if ((size_t)n < replies->size)
                return -EAGAIN;
        replies->size = 0;
        return 0;
}

/* Finds the next line from `begin` on; *ret_line is without its CRLF. */
static bool find_line(Handshake *handshake, size_t begin, Text *ret_line)
{
        size_t from = handshake->n_searched > begin ? handshake->n_searched : begin;
        const uint8_t *crlf;

        crlf = memmem(handshake->bytes + from, handshake->n_bytes - from, "\r\n", 2);
        if (!crlf) {
                /* A CR at the end may be the first half. */
                if (handshake->n_bytes > from)
                        handshake->n_searched = handshake->n_bytes - 1;
                return false;
        }
        ret_line->data = (const char *)handshake->bytes + begin;
        ret_line->size = (size_t)(crlf - handshake->bytes) - begin;
        return true;
}

static void consume(Handshake *handshake, size_t n)
{
        memmove(handshake->bytes, handshake->bytes + n, handshake->n_bytes - n);
        handshake->n_bytes -= n;
        handshake->n_searched = handshake->n_searched > n ? handshake->n_searched - n : 0;
}

static HandshakeResult fail(Handshake *handshake, GateRefusal refusal)
{
        handshake->refusal = refusal;
        return HANDSHAKE_FAILED;
}

/* A failed send: it has left, or reads nothing. */
static HandshakeResult fail_to_reply(Handshake *handshake, int error)
{
        return fail(handshake, error == -EAGAIN ? GATE_REFUSAL_REPLIES : GATE_REFUSAL_LEFT);
}

/* The replies are on their way: what does the machine's last result mean? */
static HandshakeResult conclude(Handshake *handshake, SaslResult result)
{
        switch (result) {
        case SASL_CONTINUE:
                return HANDSHAKE_WAITING;
        case SASL_WAIT:
                return HANDSHAKE_ASKING;
        case SASL_AUTHENTIC:
                return HANDSHAKE_ADMITTED;
        case SASL_CLOSE:
                break;
        }
        return fail(handshake, handshake->sasl.n_rejections >= SASL_REJECTIONS_MAX
                                       ? GATE_REFUSAL_ATTEMPTS
                                       : GATE_REFUSAL_BEGIN);
}

/* Handles the complete lines and consumes them, unless the machine has ended already; the replies
 * are in `replies` or already sent. */
static HandshakeResult handle_lines(Handshake *handshake, SaslResult result, Replies *replies)
{
        size_t position = 0;
        size_t size;
        Text line;
        int r = 0;

        TRACE_HOP();
        while (result == SASL_CONTINUE && find_line(handshake, position, &line)) {
                if (sizeof(replies->data) - replies->size < SASL_REPLY_MAX)
                        r = flush(handshake, replies);
                if (r < 0)
                        return fail_to_reply(handshake, r);
                result = sasl_handle_line(&handshake->sasl, line, replies->data + replies->size,
                                          &size);
                replies->size += size;
                position += line.size + 2;
        }
        consume(handshake, position);
        r = flush(handshake, replies);
        return r < 0 ? fail_to_reply(handshake, r) : conclude(handshake, result);
}

/* Whether the client knows the nonce. Takes the same time wherever the first wrong byte is. */
static bool nonce_is_right(const Handshake *handshake)
{
        unsigned difference = 0;

        for (size_t i = 0; i < GATE_NONCE_SIZE; i++)
                difference |= (unsigned)(handshake->bytes[i] ^ handshake->nonce[i]);
        return difference == 0;
}

/* What comes before the first line: the nonce, where there is one, and a NUL. */
static HandshakeResult handle_beginning(Handshake *handshake)
{
        if (handshake->nonce) {
                if (handshake->n_bytes < GATE_NONCE_SIZE)
                        return HANDSHAKE_WAITING;
                if (!nonce_is_right(handshake))
                        return fail(handshake, GATE_REFUSAL_NONCE);
                handshake->nonce = NULL;
                consume(handshake, GATE_NONCE_SIZE);
        }
        if (handshake->has_begun || handshake->n_bytes == 0)
                return HANDSHAKE_WAITING;
        if (handshake->bytes[0] != '\0')
                return fail(handshake, GATE_REFUSAL_FIRST_BYTE);
        handshake->has_begun = true;
        consume(handshake, 1);
        return HANDSHAKE_WAITING;
}

/* Handles what was received so far. */
static HandshakeResult handle_bytes(Handshake *handshake)
{
        HandshakeResult result;
        Replies replies;

        TRACE_HOP();
        result = handle_beginning(handshake);
        if (result == HANDSHAKE_FAILED || !handshake->has_begun)
                return result;
        if (handshake->n_bytes > SASL_LINE_MAX)
                return fail(handshake, GATE_REFUSAL_LINE);
        replies.size = 0;
        result = handle_lines(handshake, SASL_CONTINUE, &replies);
        if (result != HANDSHAKE_ADMITTED || handshake->n_bytes == 0)
                close_fds(handshake); /* no message, whose they could be */
        return result;
}

HandshakeResult handshake_read(Handshake *handshake, unsigned n_fds_max)
{
        HandshakeResult result = HANDSHAKE_WAITING;

        TRACE_HOP();
        for (unsigned i = 0; i < READS_MAX && result == HANDSHAKE_WAITING; i++) {
                ssize_t n = receive(handshake, n_fds_max);

                if (n == -EAGAIN || n == -EINTR)
                        return HANDSHAKE_WAITING;
                if (n == -EMSGSIZE || n == -ENOMEM)
                        return fail(handshake,
                                    n == -ENOMEM ? GATE_REFUSAL_RESOURCES : GATE_REFUSAL_FDS);
                if (n <= 0)
                        return fail(handshake, GATE_REFUSAL_LEFT);
                result = handle_bytes(handshake);
                if (handshake->n_bytes < handshake->n_allocated)
                        break; /* a short read: the rest, if any, will make it ready again */
        }
        return result;
}

HandshakeResult handshake_take_answer(Handshake *handshake, const SaslAnswer *answer)
{
        Replies replies;
        SaslResult result = sasl_take_answer(&handshake->sasl, answer, replies.data, &replies.size);
        HandshakeResult outcome = handle_lines(handshake, result, &replies);

        if (outcome != HANDSHAKE_ADMITTED || handshake->n_bytes == 0)
                close_fds(handshake);
        return outcome;
}

int handshake_take_connection(Handshake *handshake, GateConnection **ret_connection)
{
        GateConnection *connection = alloc_zeroed(1, sizeof(*connection));
        const RefusalPeer *peer = &handshake->peer;
        const struct ucred known = {.uid = peer->uid, .gid = peer->gid, .pid = peer->pid};
        int r = 0;

        TRACE_HOP();
        if (!connection)
                return -ENOMEM;
        connection->credentials = credentials_none();
        if (!handshake->is_tcp)
                r = credentials_read_more(handshake->fd, &known, &connection->credentials);
        if (r < 0) {
                alloc_free(connection);
                return r;
        }
        credentials_set_user(&connection->credentials, handshake->sasl.uid);
        connection->fd = handshake->fd;
        connection->passes_fds = handshake->sasl.passes_fds;
        connection->deadline_ns = handshake->deadline_ns;
        if (handshake->n_bytes > 0) {
                connection->bytes = handshake->bytes;
                connection->n_bytes = handshake->n_bytes;
                handshake->bytes = NULL;
        }
        connection->fds = handshake->fds;
        connection->n_fds = handshake->n_fds;
        handshake->fds = NULL;
        handshake->n_fds = 0;
        handshake->fd = -1;
        *ret_connection = connection;
        return 0;
}
