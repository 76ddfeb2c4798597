/* SPDX-License-Identifier: Apache-2.0 */
/* The clients' ends. See peer_fixture.h. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "broker/base/alloc.h"
#include "broker/base/clock.h"
#include "tests/unit/peer_fixture.h"

Remote *remote_new_with(PeerFixture *fixture, unsigned shard, bool passes_fds,
                        const RemoteStart *start)
{
        PeerOptions options = {.passes_fds = passes_fds, .privileged = true};
        Remote *remote = alloc_zeroed(1, sizeof(*remote));
        int ends[2], r;

        ASSERT(remote);
        r = socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends);
        ASSERT(r == 0);
        remote->fixture = fixture;
        remote->fd = ends[0];
        options.fd = ends[1];
        r = credentials_read(options.fd, &options.credentials);
        ASSERT(r == 0);
        r = peer_new(&fixture->shards[shard], &fixture->router, &options, &remote->peer);
        ASSERT(r == 0);
        peer_start(remote->peer, start->bytes, start->size, start->fds, start->n_fds);
        return remote;
}

Remote *remote_new(PeerFixture *fixture, unsigned shard, bool passes_fds)
{
        return remote_new_with(fixture, shard, passes_fds, &(RemoteStart){0});
}

Remote *remote_free(Remote *remote)
{
        close(remote->fd);
        rawmessage_free(remote->last);
        alloc_free(remote->data);
        return alloc_free(remote);
}

size_t remote_write(Remote *remote, const void *data, size_t size, unsigned n_fds)
{
        _Alignas(struct cmsghdr) uint8_t control[CMSG_SPACE(IO_FDS_MAX * sizeof(int))] = {0};
        struct iovec vector = {.iov_base = (void *)(uintptr_t)data, .iov_len = size};
        struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1};
        int fds[IO_FDS_MAX];
        ssize_t n;

        if (n_fds > 0) {
                struct cmsghdr *head = (void *)control;

                for (unsigned i = 0; i < n_fds; i++) {
                        fds[i] = open("/dev/null", O_RDONLY | O_CLOEXEC);
                        ASSERT(fds[i] >= 0);
                }
                head->cmsg_level = SOL_SOCKET;
                head->cmsg_type = SCM_RIGHTS;
                head->cmsg_len = CMSG_LEN(n_fds * sizeof(int));
                memcpy(CMSG_DATA(head), fds, n_fds * sizeof(int));
                message.msg_control = control;
                message.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
        }
        n = sendmsg(remote->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
        for (unsigned i = 0; i < n_fds; i++)
                close(fds[i]);
        if (n < 0 && (errno == EPIPE || errno == ECONNRESET))
                return size; /* the bus has closed it: nobody will miss the rest */
        ASSERT(n >= 0 || errno == EAGAIN);
        return n < 0 ? 0 : (size_t)n;
}

void remote_write_all(Remote *remote, const void *data, size_t size)
{
        const uint8_t *bytes = data;
        const uint64_t until = clock_now_ns() + PEER_FIXTURE_PATIENCE_NS;

        for (size_t at = 0; at < size;) {
                at += remote_write(remote, bytes + at, size - at, 0);
                if (at < size) {
                        peer_fixture_turn(remote->fixture);
                        ASSERT(clock_now_ns() < until);
                }
        }
}

/* Counts and closes the fds that came. */
static void remote_take_fds(Remote *remote, struct msghdr *message)
{
        ASSERT(!(message->msg_flags & MSG_CTRUNC));
        for (struct cmsghdr *head = CMSG_FIRSTHDR(message); head;
             head = CMSG_NXTHDR(message, head)) {
                size_t n = (head->cmsg_len - CMSG_LEN(0)) / sizeof(int);

                ASSERT(head->cmsg_type == SCM_RIGHTS);
                for (size_t i = 0; i < n; i++) {
                        int fd;

                        memcpy(&fd, CMSG_DATA(head) + i * sizeof(int), sizeof(fd));
                        close(fd);
                }
                remote->n_fds += (unsigned)n;
                remote->n_reads_with_fds++;
        }
}

void remote_pump(Remote *remote)
{
        for (;;) {
                _Alignas(struct cmsghdr) uint8_t control[CMSG_SPACE(IO_FDS_MAX * sizeof(int))];
                struct iovec vector = {.iov_len = REMOTE_CHUNK};
                struct msghdr message = {.msg_iov = &vector,
                                         .msg_iovlen = 1,
                                         .msg_control = control,
                                         .msg_controllen = sizeof(control)};
                ssize_t n;

                if (remote->capacity - remote->size < REMOTE_CHUNK) {
                        remote->capacity = remote->capacity * 2 + REMOTE_CHUNK;
                        remote->data = alloc_resize(remote->data, remote->capacity);
                        ASSERT(remote->data);
                }
                vector.iov_base = remote->data + remote->size;
                n = recvmsg(remote->fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
                if (n <= 0) {
                        remote->ended = n == 0 || errno != EAGAIN;
                        return;
                }
                remote_take_fds(remote, &message);
                remote->size += (size_t)n;
        }
}

const RawMessage *remote_next(Remote *remote)
{
        size_t size = rawmessage_size(remote->data + remote->at, remote->size - remote->at);

        ASSERT(size != SIZE_MAX);
        if (size == 0 || size > remote->size - remote->at)
                return NULL;
        rawmessage_free(remote->last);
        remote->last = rawmessage_parse(remote->data + remote->at, size);
        ASSERT(remote->last);
        remote->at += size;
        return remote->last;
}

const RawMessage *remote_await(Remote *remote)
{
        const RawMessage *message;

        PEER_FIXTURE_UNTIL(remote->fixture,
                           (remote_pump(remote), message = remote_next(remote)) != NULL);
        return message;
}

uint32_t remote_call(Remote *remote, const char *member, const char *signature, ...)
{
        RawHeader header = {.type = RAWMESSAGE_CALL,
                            .serial = ++remote->serial,
                            .path = "/org/freedesktop/DBus",
                            .interface = "org.freedesktop.DBus",
                            .member = member,
                            .destination = "org.freedesktop.DBus",
                            .signature = signature};
        Marshal bytes, body;
        va_list values;

        marshal_init(&bytes, false);
        marshal_init(&body, false);
        va_start(values, signature);
        marshal_values(&body, signature ? signature : "", values);
        va_end(values);
        rawmessage_build(&header, &body, &bytes);
        remote_write_all(remote, bytes.data, bytes.size);
        marshal_deinit(&body);
        marshal_deinit(&bytes);
        return remote->serial;
}

void remote_hello(Remote *remote)
{
        const RawMessage *message;

        remote_call(remote, "Hello", NULL);
        message = remote_await(remote);
        ASSERT(message->type == RAWMESSAGE_RETURN && message->reply_serial == remote->serial);
        message = remote_await(remote);
        ASSERT(strcmp(message->member, "NameAcquired") == 0);
}
