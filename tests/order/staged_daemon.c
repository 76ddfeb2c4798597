/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The daemon's half of broker/base/stage.h.
 *
 * Owner: `control` and `mutants` are set before main() and immutable; what `control` points to is
 * shared with the test, as staged.h says.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "broker/peer/peer.h"
#include "broker/router/activation.h"
#include "tests/order/staged.h"

static StagedControl *control;
static bool mutants[STAGE_N_MUTANTS];

_Noreturn static void refuse(const char *what, const char *name)
{
        fprintf(stderr, "ringbus-staged: %s '%s'\n", what, name);
        _exit(2);
}

static void choose_mutant(const char *wish)
{
        static const char *const names[] = {
#define NAME(name, text) text,
                STAGE_MUTANTS(NAME)
#undef NAME
        };

        for (size_t i = 0; i < STAGE_N_MUTANTS; i++) {
                if (strcmp(names[i], wish) == 0) {
                        mutants[i] = true;
                        return;
                }
        }
        refuse("there is no mutant", wish);
}

__attribute__((constructor)) static void prepare(void)
{
        const char *path = getenv("RINGBUS_STAGE"), *mutant = getenv("RINGBUS_MUTANT");
        void *area;
        int fd;

        if (mutant && *mutant)
                choose_mutant(mutant);
        if (!path)
                return;
        fd = open(path, O_RDWR | O_CLOEXEC);
        if (fd < 0)
                refuse("cannot open", path);
        area = mmap(NULL, sizeof(*control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (area == MAP_FAILED)
                refuse("cannot map", path);
        close(fd);
        control = area;
}

/* The worker's index, by the name of its thread; STAGED_THREADS_MAX for other threads. */
static unsigned this_worker(void)
{
        static _Thread_local unsigned cached; /* + 1 */
        char name[16];
        unsigned index = STAGED_THREADS_MAX;

        if (cached > 0)
                return cached - 1;
        if (pthread_getname_np(pthread_self(), name, sizeof(name)) == 0 &&
            sscanf(name, "rb-worker-%u", &index) != 1)
                index = STAGED_THREADS_MAX;
        cached = index + 1;
        return index;
}

static void wait_for_release(StagedStop *stop)
{
        const struct timespec pause = {.tv_nsec = 100 * 1000};
        int64_t left_ns = (int64_t)STAGED_DEADLINE_MS * 1000000;

        while (atomic_load_explicit(&stop->state, memory_order_acquire) != STAGED_RELEASED) {
                nanosleep(&pause, NULL);
                left_ns -= pause.tv_nsec;
                if (left_ns < 0)
                        refuse("nobody released", "a stop");
        }
        atomic_store_explicit(&stop->state, STAGED_FREE, memory_order_release);
}

void stage_stop(StagePoint point, uint64_t who)
{
        if (!control)
                return;
        for (unsigned i = 0; i < STAGED_STOPS_MAX; i++) {
                StagedStop *stop = &control->stops[i];
                uint32_t armed = STAGED_ARMED;

                if (atomic_load_explicit(&stop->state, memory_order_acquire) != STAGED_ARMED ||
                    stop->point != (uint32_t)point ||
                    (stop->who != STAGED_ANYBODY && stop->who != who))
                        continue;
                if (!atomic_compare_exchange_strong(&stop->state, &armed, STAGED_MEETING))
                        continue;
                if (stop->skipped < stop->skips) {
                        stop->skipped++;
                        atomic_store_explicit(&stop->state, STAGED_ARMED, memory_order_release);
                        continue;
                }
                stop->met = who;
                stop->worker = this_worker();
                atomic_store_explicit(&stop->state, STAGED_STOPPED, memory_order_release);
                wait_for_release(stop);
        }
}

bool stage_mutant(StageMutant mutant)
{
        return mutants[mutant];
}

void stage_report(uint64_t id, unsigned home, const void *mailbox)
{
        if (!control || id >= STAGED_PLACES_MAX)
                return;
        atomic_store(&control->places[id].mailbox, (uint64_t)(uintptr_t)mailbox);
        atomic_store(&control->places[id].worker, home + 1);
}

/* What the mailbox is there to prevent: each sender writes for itself. Messages with fds, steps and
 * full sockets still take the mailbox. */
bool stage_send_directly(void *endpoint, void *message)
{
        Peer *peer = peer_of(endpoint);
        const Message *mine = message;
        struct iovec iovecs[MESSAGE_IOVECS];
        struct msghdr header = {.msg_iov = iovecs};

        if (!mutants[STAGE_MUTANT_DIRECT_SEND] || mine->step || mine->n_fds > 0)
                return false;
        header.msg_iovlen = message_fill_iovecs(mine, 0, iovecs);
        return sendmsg(peer->fd, &header, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)mine->size;
}

bool stage_await_owner(void *thread, void *sender, const void *incoming) LOCK_UNCHECKED
{
        RouterThread *routerthread = thread;
        Names *names = &routerthread->router->names;
        Incoming copy = *(const Incoming *)incoming;
        Message *message;
        Name *name;

        if (!control || !atomic_load(&control->activates) || copy.fds)
                return false;
        name = names_make(names, &routerthread->pool, copy.header.destination);
        message = message_new_relay(&routerthread->pool, &copy, endpoint_name(sender), 1, true);
        if (!name || !message ||
            activation_wait(routerthread, sender, name, message, &copy.header) != REPLIES_OK)
                refuse("cannot queue for", "an owner");
        return true;
}

int __real_pthread_mutex_lock(pthread_mutex_t *mutex);
int __wrap_pthread_mutex_lock(pthread_mutex_t *mutex);

/* A test sees that a worker waits for a lock. */
int __wrap_pthread_mutex_lock(pthread_mutex_t *mutex)
{
        const unsigned worker = control ? this_worker() : STAGED_THREADS_MAX;
        int r;

        if (worker >= STAGED_THREADS_MAX)
                return __real_pthread_mutex_lock(mutex);
        r = pthread_mutex_trylock(mutex);
        if (r == 0)
                return 0;
        atomic_store(&control->waits[worker], 1);
        r = __real_pthread_mutex_lock(mutex);
        atomic_store(&control->waits[worker], 0);
        return r;
}
