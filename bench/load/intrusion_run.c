/* SPDX-License-Identifier: Apache-2.0 */
/* The process of the strangers: one thread, one epoll, no socket that blocks. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/load/intrusion.h"
#include "tests/support/rawsocket.h"

enum {
        EVENTS = 256,
        FDS_MAX = 16,
        TICK_MS = 1,
        LATE_MAX = 20, /* connections that are made up for; the others are counted as late */
        READ_SIZE = 4096,
};

#define NS_PER_S UINT64_C(1000000000)

typedef struct Stranger {
        int fd; /* -1: none */
        size_t n_said;
        uint64_t speaks_ns; /* the next byte, of those who trickle */
        bool is_let_in;
        struct Stranger *next_free;
} Stranger;

typedef struct Crowd {
        IntrusionShared *shared;       // borrowed
        const IntrusionScript *script; // static
        uint8_t *words;                /* with the padding */
        size_t size;
        int fds[FDS_MAX];
        int epoll_fd;
        Stranger *strangers;
        Stranger *free;
        uint64_t next_ns, interval_ns; /* when the next one comes */
} Crowd;

static void part(Crowd *crowd, Stranger *stranger, bool was_closed)
{
        IntrusionShared *shared = crowd->shared;

        atomic_fetch_add(was_closed ? &shared->n_closed : &shared->n_left, 1);
        atomic_fetch_sub(&shared->n_open, 1);
        close(stranger->fd);
        stranger->fd = -1;
        stranger->next_free = crowd->free;
        crowd->free = stranger;
}

/* Says `size` bytes more. All of them fit the socket. 0, or -1 if the bus has closed it. */
static int say(Crowd *crowd, Stranger *stranger, size_t size)
{
        union {
                struct cmsghdr align;
                char bytes[CMSG_SPACE(FDS_MAX * sizeof(int))];
        } control = {.bytes = {0}};
        const size_t fds_size = crowd->script->n_fds * sizeof(int);
        struct iovec data = {.iov_base = crowd->words + stranger->n_said, .iov_len = size};
        struct msghdr header = {.msg_iov = &data, .msg_iovlen = 1};
        ssize_t n;

        if (size == 0)
                return 0;
        if (fds_size > 0 && stranger->n_said == 0) {
                header.msg_control = control.bytes;
                header.msg_controllen = CMSG_SPACE(fds_size);
                control.align = (struct cmsghdr){.cmsg_len = CMSG_LEN(fds_size),
                                                 .cmsg_level = SOL_SOCKET,
                                                 .cmsg_type = SCM_RIGHTS};
                memcpy(CMSG_DATA(&control.align), crowd->fds, fds_size);
        }
        n = sendmsg(stranger->fd, &header, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n < 0 && errno != EAGAIN && errno != ETOOMANYREFS)
                return -1;
        stranger->n_said += n > 0 ? (size_t)n : 0;
        return 0;
}

/* Its first words. */
static void begin(Crowd *crowd, Stranger *stranger, uint64_t now_ns)
{
        const IntrusionScript *script = crowd->script;
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = stranger};

        stranger->speaks_ns = now_ns + NS_PER_S;
        if (say(crowd, stranger, script->trickles ? 1 : crowd->size) < 0)
                part(crowd, stranger, true);
        else if (script->end == INTRUSION_LEAVES ||
                 epoll_ctl(crowd->epoll_fd, EPOLL_CTL_ADD, stranger->fd, &event) < 0)
                part(crowd, stranger, false);
}

static void come(Crowd *crowd, uint64_t now_ns)
{
        IntrusionShared *shared = crowd->shared;
        Stranger *stranger = crowd->free;
        int fd = rawsocket_connect_with(shared->address, SOCK_NONBLOCK);
        unsigned n;

        atomic_fetch_add(&shared->n_tried, 1);
        if (fd < 0) {
                atomic_fetch_add(&shared->n_full, 1);
                return;
        }
        n = atomic_fetch_add(&shared->n_open, 1) + 1;
        if (n > atomic_load(&shared->n_open_most))
                atomic_store(&shared->n_open_most, n);
        crowd->free = stranger->next_free;
        *stranger = (Stranger){.fd = fd};
        begin(crowd, stranger, now_ns);
}

/* Those whose time it is, as far as there are places. Whoever finds none has lost nothing. */
static void come_in_time(Crowd *crowd, uint64_t now_ns)
{
        for (; crowd->next_ns <= now_ns && crowd->free; crowd->next_ns += crowd->interval_ns) {
                uint64_t n_behind = (now_ns - crowd->next_ns) / crowd->interval_ns;

                if (n_behind > LATE_MAX) {
                        n_behind -= LATE_MAX;
                        atomic_fetch_add(&crowd->shared->n_late, n_behind);
                        crowd->next_ns += n_behind * crowd->interval_ns;
                }
                come(crowd, now_ns);
        }
        if (!crowd->free && crowd->next_ns < now_ns)
                crowd->next_ns = now_ns;
}

static void trickle(Crowd *crowd, uint64_t now_ns)
{
        for (unsigned i = 0; i < crowd->shared->plan.n_held; i++) {
                Stranger *stranger = &crowd->strangers[i];

                if (stranger->fd < 0 || stranger->speaks_ns > now_ns)
                        continue;
                stranger->speaks_ns += NS_PER_S;
                if (stranger->n_said < crowd->size && say(crowd, stranger, 1) < 0)
                        part(crowd, stranger, true);
        }
}

static void listen_to_bus(Crowd *crowd, Stranger *stranger)
{
        char bytes[READ_SIZE];
        ssize_t n = recv(stranger->fd, bytes, sizeof(bytes), MSG_DONTWAIT);

        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return;
        if (n <= 0) {
                part(crowd, stranger, true);
                return;
        }
        if (!stranger->is_let_in && memmem(bytes, (size_t)n, "OK ", 3)) {
                stranger->is_let_in = true;
                atomic_fetch_add(&crowd->shared->n_let_in, 1);
        }
        if (crowd->script->end == INTRUSION_READS)
                part(crowd, stranger, false);
}

/* Only the effective user changes, for connect(2) shows that one to the bus; files are still
 * opened as before, among them the socket in a folder that is not the other user's. */
static int become(uid_t uid)
{
        if (seteuid(uid) < 0) {
                fprintf(stderr, "cannot become user %u: %m\n", (unsigned)uid);
                return -1;
        }
        setfsuid(getuid());
        return prctl(PR_SET_PDEATHSIG, SIGKILL); /* changing the user has cleared it */
}

static int prepare(Crowd *crowd)
{
        const IntrusionScript *script = crowd->script;
        const IntrusionPlan *plan = &crowd->shared->plan;

        crowd->size = script->size + script->n_padding;
        crowd->words = malloc(crowd->size + 1);
        crowd->strangers = calloc(plan->n_held, sizeof(*crowd->strangers));
        crowd->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
        if (!crowd->words || !crowd->strangers || crowd->epoll_fd < 0)
                return -1;
        memcpy(crowd->words, script->words, script->size);
        memset(crowd->words + script->size, 'A', script->n_padding);
        for (unsigned i = 0; i < script->n_fds; i++) {
                crowd->fds[i] = open("/dev/null", O_RDONLY | O_CLOEXEC);
                if (crowd->fds[i] < 0)
                        return -1;
        }
        for (unsigned i = 0; i < plan->n_held; i++) {
                crowd->strangers[i] = (Stranger){.fd = -1, .next_free = crowd->free};
                crowd->free = &crowd->strangers[i];
        }
        crowd->interval_ns = (uint64_t)((double)NS_PER_S / plan->rate);
        crowd->next_ns = process_now_ns();
        return script->is_foreign ? become(plan->foreign_uid) : 0;
}

int intrusion_run(void *context)
{
        IntrusionShared *shared = context;
        Crowd crowd = {.shared = shared, .script = intrusion_script(shared->kind)};
        struct epoll_event events[EVENTS];

        if (prepare(&crowd) < 0)
                return 1;
        atomic_store(&shared->ready, 1);
        for (;;) {
                uint64_t now_ns = process_now_ns();
                int n;

                come_in_time(&crowd, now_ns);
                if (crowd.script->trickles)
                        trickle(&crowd, now_ns);
                n = epoll_wait(crowd.epoll_fd, events, EVENTS, TICK_MS);
                for (int i = 0; i < n; i++)
                        listen_to_bus(&crowd, events[i].data.ptr);
        }
}
