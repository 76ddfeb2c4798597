/* SPDX-License-Identifier: Apache-2.0 */
/* Those who flood, those who never read, and the one who reads. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/load/attack.h"
#include "bench/load/link.h"

enum {
        BATCH = 16, /* messages in one write */
        LARGE_BODY = 4096,
        FDS_FEW = 4,
        FDS_MANY = 16,
        WAIT_MS = 100,
};

static const char limits_exceeded[] = "org.freedesktop.DBus.Error.LimitsExceeded";

typedef struct Flooder {
        Link link; /* first: an epoll event leads to it */
        uint64_t last_sent_ns;
        unsigned next_victim;
} Flooder;

typedef struct Flood {
        AttackShared *shared; // borrowed
        int epoll_fd;
        Flooder *flooders;
        Link *victims;     /* NULL names: never read */
        Marshal *messages; /* for each victim, or one */
        unsigned n_messages;
        unsigned n_fds; /* of each message */
        int fds[FDS_MANY];
} Flood;

/* EXCEPTION: a global: an epoll event leads to a link only, and a process is one flood */
static Flood flood;

static void fail(Link *link, int error)
{
        (void)error;
        atomic_fetch_add(&flood.shared->n_closed, 1);
        close(link->fd);
        link->fd = -1;
}

static void count_answer(Link *link, const LinkFrame *frame)
{
        bool limits;

        (void)link;
        if (frame->type != RAWMESSAGE_ERROR)
                return;
        limits = memmem(frame->data, frame->size, limits_exceeded, sizeof(limits_exceeded) - 1);
        atomic_fetch_add(limits ? &flood.shared->n_limits : &flood.shared->n_errors, 1);
}

/* One message with its fds; the socket takes the whole message, or nothing, or the rest later. */
static int send_with_fds(Link *link, const Marshal *message)
{
        union {
                struct cmsghdr align;
                char bytes[CMSG_SPACE(FDS_MANY * sizeof(int))];
        } control = {.bytes = {0}};
        struct iovec data = {.iov_base = message->data, .iov_len = message->size};
        struct msghdr header = {.msg_iov = &data,
                                .msg_iovlen = 1,
                                .msg_control = control.bytes,
                                .msg_controllen = CMSG_SPACE(flood.n_fds * sizeof(int))};
        ssize_t n;

        control.align = (struct cmsghdr){.cmsg_len = CMSG_LEN(flood.n_fds * sizeof(int)),
                                         .cmsg_level = SOL_SOCKET,
                                         .cmsg_type = SCM_RIGHTS};
        memcpy(CMSG_DATA(&control.align), flood.fds, flood.n_fds * sizeof(int));
        link_write_u32(message->data + 8, ++link->next_serial);
        n = sendmsg(link->fd, &header, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n < 0)
                return errno == EAGAIN || errno == ETOOMANYREFS ? 0 : -errno;
        if ((size_t)n < message->size)
                link_queue(link, message->data + n, message->size - (size_t)n);
        return 1;
}

/* Sends a batch: the number of messages, 0 if the socket is full, or a negative errno. */
static int send_batch(Flooder *flooder)
{
        int n = 0, r = 0;

        while (n < BATCH) {
                const Marshal *message = &flood.messages[flooder->next_victim % flood.n_messages];

                flooder->next_victim++;
                if (flood.n_fds > 0) {
                        r = send_with_fds(&flooder->link, message);
                        if (r <= 0 || link_unsent(&flooder->link) > 0)
                                break;
                } else {
                        link_queue_message(&flooder->link, message, NULL, 0);
                }
                n++;
        }
        if (r >= 0)
                r = link_flush(&flooder->link);
        return r < 0 ? r : n;
}

/* Returns whether it could send anything. */
static bool flood_once(Flooder *flooder, uint64_t now_ns)
{
        AttackShared *shared = flood.shared;
        uint64_t waited_ms = (now_ns - flooder->last_sent_ns) / 1000000;
        int n = 0;

        if (flooder->link.fd < 0)
                return false;
        if (link_unsent(&flooder->link) == 0)
                n = send_batch(flooder);
        if (n < 0) {
                fail(&flooder->link, n);
                return false;
        }
        if (n == 0) {
                if (waited_ms > atomic_load(&shared->longest_wait_ms))
                        atomic_store(&shared->longest_wait_ms, waited_ms);
                return false;
        }
        flooder->last_sent_ns = now_ns;
        atomic_fetch_add(&shared->n_sent, (uint64_t)n);
        return true;
}

static void build_message(Marshal *message, const char *destination)
{
        static char text[LARGE_BODY];
        AttackKind kind = flood.shared->kind;
        RawHeader header = {.type = kind == ATTACK_SIGNALS ? RAWMESSAGE_SIGNAL : RAWMESSAGE_CALL,
                            .flags = kind == ATTACK_FLOOD ? RAWMESSAGE_NO_REPLY_EXPECTED : 0,
                            .serial = 1,
                            .path = "/t",
                            .interface = "t.Load",
                            .member = "Flood",
                            .destination = kind == ATTACK_SIGNALS ? NULL : destination,
                            .signature = "s",
                            .unix_fds = flood.n_fds};
        bool large = kind == ATTACK_SIGNALS || kind == ATTACK_CALLS;

        memset(text, 'x', sizeof(text) - 1);
        marshal_init(message, false);
        rawmessage_build_values(&header, message, large ? text : "x");
}

/* Connections that nobody ever reads from. */
static int open_victims(void)
{
        const char *rule = "type='signal',interface='t.Load'";
        AttackShared *shared = flood.shared;

        for (unsigned i = 0; i < shared->n_victims; i++) {
                int r = link_open(&flood.victims[i], shared->address,
                                  shared->kind == ATTACK_SIGNALS ? rule : NULL);

                if (r < 0) {
                        fprintf(stderr, "attack: connection %u: %s\n", i, strerror(-r));
                        return -1;
                }
                build_message(&flood.messages[i], flood.victims[i].unique_name);
        }
        return 0;
}

static int open_flooders(void)
{
        AttackShared *shared = flood.shared;

        for (unsigned i = 0; i < shared->n_flooders; i++) {
                Flooder *flooder = &flood.flooders[i];
                int r = link_open(&flooder->link, shared->address, NULL);

                if (r >= 0)
                        r = link_watch(&flooder->link, flood.epoll_fd);
                if (r < 0) {
                        fprintf(stderr, "attack: flooder %u: %s\n", i, strerror(-r));
                        return -1;
                }
                flooder->link.handler = count_answer;
                flooder->next_victim = i * flood.n_messages / shared->n_flooders;
                flooder->last_sent_ns = process_now_ns();
        }
        return 0;
}

static int open_flood(AttackShared *shared)
{
        unsigned n = shared->n_victims > 0 ? shared->n_victims : 1;

        flood = (Flood){
                .shared = shared, .n_messages = n, .epoll_fd = epoll_create1(EPOLL_CLOEXEC)};
        flood.flooders = calloc(shared->n_flooders, sizeof(Flooder));
        flood.victims = calloc(n, sizeof(Link));
        flood.messages = calloc(n, sizeof(Marshal));
        if (flood.epoll_fd < 0 || !flood.flooders || !flood.victims || !flood.messages)
                return -1;
        if (shared->kind == ATTACK_FDS)
                flood.n_fds = FDS_FEW;
        if (shared->kind == ATTACK_HOARD)
                flood.n_fds = FDS_MANY;
        for (unsigned i = 0; i < flood.n_fds; i++) {
                flood.fds[i] = open("/dev/null", O_RDONLY | O_CLOEXEC);
                if (flood.fds[i] < 0)
                        return -1;
        }
        if (shared->kind == ATTACK_FLOOD)
                build_message(&flood.messages[0], ATTACK_READER_NAME);
        else if (open_victims() < 0)
                return -1;
        return open_flooders();
}

int attack_flood_run(void *context)
{
        AttackShared *shared = context;

        if (open_flood(shared) < 0)
                return 1;
        atomic_fetch_add(&shared->ready, 1);
        for (;;) {
                uint64_t now_ns = process_now_ns();
                bool sent = false;

                for (unsigned i = 0; i < shared->n_flooders; i++)
                        sent |= flood_once(&flood.flooders[i], now_ns);
                if (link_dispatch(flood.epoll_fd, sent ? 0 : WAIT_MS, fail) < 0)
                        return 1;
        }
}

static int request_name(Link *link)
{
        const RawHeader call = {.type = RAWMESSAGE_CALL,
                                .serial = 1,
                                .path = "/org/freedesktop/DBus",
                                .interface = "org.freedesktop.DBus",
                                .member = "RequestName",
                                .destination = "org.freedesktop.DBus",
                                .signature = "su"};
        Marshal message;

        marshal_init(&message, false);
        rawmessage_build_values(&call, &message, ATTACK_READER_NAME, 0);
        link_queue_message(link, &message, NULL, 0);
        marshal_deinit(&message);
        return link_flush(link);
}

static void note_return(Link *link, const LinkFrame *frame)
{
        (void)link;
        if (frame->type == RAWMESSAGE_RETURN)
                atomic_fetch_add(&flood.shared->ready, 1);
}

int attack_reader_run(void *context)
{
        Link link;
        int r;

        flood = (Flood){.shared = context, .epoll_fd = epoll_create1(EPOLL_CLOEXEC)};
        r = link_open(&link, flood.shared->address, NULL);
        if (r >= 0) {
                link.handler = note_return;
                r = link_watch(&link, flood.epoll_fd);
        }
        if (r >= 0)
                r = request_name(&link);
        while (r >= 0 && link.fd >= 0)
                r = link_dispatch(flood.epoll_fd, -1, fail);
        return 1;
}
