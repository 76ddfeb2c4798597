/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/load/broker/floor.h"

#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/load/broker/floor_private.h"

enum {
        EVENTS_MAX = 256,
        ACCEPTS_MAX = 64,      /* in one turn */
        KEEP_MEMORY = 1 << 30, /* bytes that malloc() does not give back to the kernel */
};

static volatile sig_atomic_t is_over;

static void end(int signal_number)
{
        (void)signal_number;
        is_over = 1;
}

void floor_watch(Floor *floor, FloorConnection *connection)
{
        uint32_t input = connection->blocked_by ? 0 : EPOLLIN;
        uint32_t output = connection->wants_output ? EPOLLOUT : 0;
        struct epoll_event event = {.events = input | output, .data.ptr = connection};

        if (!connection->is_dead)
                epoll_ctl(floor->epoll_fd, EPOLL_CTL_MOD, connection->fd, &event);
}

static void forget_rules(Floor *floor, FloorConnection *connection)
{
        for (size_t i = 0; i < floor->n_listeners; i++) {
                if (floor->listeners[i] != connection)
                        continue;
                floor->listeners[i] = floor->listeners[--floor->n_listeners];
                return;
        }
}

/* It waits for nobody any more. */
static void forget_block(FloorConnection *connection)
{
        FloorConnection **link;

        if (!connection->blocked_by)
                return;
        link = &connection->blocked_by->blocks;
        while (*link != connection)
                link = &(*link)->next_blocked;
        *link = connection->next_blocked;
        connection->blocked_by = NULL;
}

void floor_close(Floor *floor, FloorConnection *connection)
{
        if (connection->is_dead)
                return;
        connection->is_dead = true;
        connection->next_dead = floor->dead;
        floor->dead = connection;
        forget_block(connection);
        floor_output_unblock(floor, connection);
        if (connection->n_rules > 0)
                forget_rules(floor, connection);
        if (connection->n_names > 0)
                floor_names_leave(floor, connection);
        if (connection->id > 0)
                floor->by_id[connection->id] = NULL;
        close(connection->fd);
}

static void bury(Floor *floor)
{
        FloorConnection *connection;

        while ((connection = floor->dead)) {
                floor->dead = connection->next_dead;
                for (size_t i = connection->first; i < connection->n_pieces; i++) {
                        floor_memory_unref(floor, connection->pieces[i].chunk);
                        floor_memory_close_fds(connection->pieces[i].fds);
                }
                if (connection->partial)
                        floor_memory_unref(floor, connection->partial);
                floor_memory_close_fds(connection->received);
                free(connection->pieces);
                free(connection->login);
                free(connection);
        }
}

static void admit(Floor *floor, int fd)
{
        FloorConnection *connection = floor_memory_resize(NULL, sizeof(*connection));
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
        const int send_buffer = FLOOR_SEND_BUFFER;
        struct ucred peer = {.uid = (uid_t)-1};
        socklen_t size = sizeof(peer);
        SaslOptions options = {.allowed = SASL_MECHANISM_EXTERNAL,
                               .served = SASL_MECHANISM_EXTERNAL,
                               .may_pass_fds = true};

        /* What the kernel refuses beyond its limit it cuts. */
        if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &send_buffer, sizeof(send_buffer)) < 0)
                setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &send_buffer, sizeof(send_buffer));
        options.has_peer_uid = getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0;
        options.peer_uid = peer.uid;
        memcpy(options.guid, floor->guid, sizeof(options.guid));
        *connection = (FloorConnection){.fd = fd};
        connection->login = floor_memory_resize(NULL, sizeof(FloorLogin));
        connection->login->size = 0;
        connection->login->has_begun = false;
        sasl_init(&connection->login->sasl, &options);
        epoll_ctl(floor->epoll_fd, EPOLL_CTL_ADD, fd, &event);
}

static void accept_some(Floor *floor)
{
        for (int i = 0; i < ACCEPTS_MAX; i++) {
                int fd = accept4(floor->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

                if (fd < 0)
                        return;
                admit(floor, fd);
        }
}

static void handle(Floor *floor, const struct epoll_event *event)
{
        FloorConnection *connection = event->data.ptr;

        if (!connection) {
                accept_some(floor);
                return;
        }
        if (connection->is_dead)
                return;
        if (event->events & EPOLLOUT)
                floor_output_flush(floor, connection);
        if (connection->is_dead)
                return;
        if (connection->blocked_by && (event->events & (EPOLLHUP | EPOLLERR)))
                floor_close(floor, connection); /* what it wrote last would not be taken for long */
        else if (!connection->blocked_by && (event->events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
                floor_input_read(floor, connection);
}

static void flush_all(Floor *floor)
{
        FloorConnection *connection;

        while ((connection = floor->dirty)) {
                floor->dirty = connection->next_dirty;
                connection->is_dirty = false;
                if (!connection->is_dead)
                        floor_output_flush(floor, connection);
        }
}

static int serve(Floor *floor, const sigset_t *while_waiting)
{
        struct epoll_event events[EVENTS_MAX];

        while (!is_over) {
                int n = epoll_pwait(floor->epoll_fd, events, EVENTS_MAX, -1, while_waiting);

                if (n < 0 && errno != EINTR) {
                        perror("floor: epoll_pwait");
                        return -1;
                }
                for (int i = 0; i < n; i++)
                        handle(floor, &events[i]);
                flush_all(floor);
                bury(floor);
        }
        return 0;
}

int floor_run(int listen_fd)
{
        struct epoll_event event = {.events = EPOLLIN};
        struct sigaction action = {.sa_handler = end};
        Floor *floor = floor_memory_resize(NULL, sizeof(*floor));
        sigset_t term, before;
        int r = -1;

        *floor = (Floor){.listen_fd = listen_fd};
        /* Memory of large messages is used again and again: page faults are not to be measured. */
        mallopt(M_MMAP_THRESHOLD, KEEP_MEMORY);
        mallopt(M_TRIM_THRESHOLD, KEEP_MEMORY);
        snprintf(floor->guid, sizeof(floor->guid), "%08x%08x%08x%08x", 0xf1007U, (unsigned)getpid(),
                 0U, 1U);
        floor->input = floor_memory_chunk(floor, FLOOR_CHUNK_SIZE);
        floor->arena = floor_memory_chunk(floor, FLOOR_CHUNK_SIZE);
        /* The signal comes in while waiting, and only then. */
        sigemptyset(&term);
        sigaddset(&term, SIGTERM);
        sigprocmask(SIG_BLOCK, &term, &before);
        sigdelset(&before, SIGTERM);
        sigaction(SIGTERM, &action, NULL);
        floor->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
        if (floor->epoll_fd >= 0 &&
            epoll_ctl(floor->epoll_fd, EPOLL_CTL_ADD, listen_fd, &event) == 0)
                r = serve(floor, &before);
        else
                perror("floor: epoll");
        return r;
}
