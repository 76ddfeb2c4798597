/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/load/signals_generator.h"

#include <endian.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "bench/load/link.h"
#include "bench/load/engine/process.h"

#define MEMBERS .path = "/t", .interface = "t.Load", .member = "Signal", .signature = "tu"

enum {
        BATCH = 32,         /* messages of one emitter between two reads */
        FALLBACK_MS = 1000, /* a lost wake-up would show as a very low rate, not as a hang */
};

/* The body: when it was sent, and by which emitter. */
typedef struct Stamp {
        uint64_t sent_ns;
        uint32_t emitter;
} __attribute__((packed)) Stamp;

typedef struct Emitter {
        Link link;
        unsigned index;
        uint64_t due;           /* = shared->deliveries_due[index], this process writes it */
        unsigned next_receiver; /* UNICAST */
} Emitter;

typedef struct Generator {
        SignalsShared *shared; // borrowed
        unsigned index;
        int epoll_fd;
        Emitter *emitters;
        unsigned n_emitters;
        Link *receivers;
        unsigned n_receivers;
        Marshal signal;
        Marshal *calls; /* for each receiver of all processes */
        uint64_t now_ns;
        Histogram *latencies; /* NULL: nothing is recorded now */
        unsigned touched;     /* emitters that something was received of, as a mask by index */
        bool failed;
} Generator;

/* EXCEPTION: a global: an epoll event leads to a link only, and there is one generator a process */
static Generator generator;

static uint64_t read_atomic(const _Atomic(uint64_t) *value)
{
        return atomic_load_explicit(value, memory_order_relaxed);
}

uint64_t signals_generator_due(const SignalsShared *shared)
{
        uint64_t sum = 0;

        for (unsigned i = 0; i < shared->n_emitters; i++)
                sum += read_atomic(&shared->deliveries_due[i]);
        return sum;
}

static uint64_t received_of(const SignalsShared *shared, unsigned emitter)
{
        uint64_t sum = 0;

        for (unsigned i = 0; i < shared->n_processes; i++)
                sum += read_atomic(&shared->received[i].by_emitter[emitter]);
        return sum;
}

uint64_t signals_generator_received(const SignalsShared *shared)
{
        uint64_t sum = 0;

        for (unsigned i = 0; i < shared->n_emitters; i++)
                sum += received_of(shared, i);
        return sum;
}

void signals_generator_enter(SignalsShared *shared, SignalsPhase phase)
{
        atomic_store(&shared->phase, phase);
        for (unsigned i = 0; i < shared->n_processes; i++)
                (void)wake_up(&shared->wakes[i]);
}

/* Deliveries of one message in a phase. */
static unsigned fan_out(const SignalsShared *shared, SignalsPhase phase)
{
        return phase == SIGNALS_PHASE_SIGNALS ? shared->n_receivers : 1;
}

/* How many messages an emitter may send now. */
static uint64_t credit(const SignalsShared *shared, unsigned emitter, SignalsPhase phase)
{
        uint64_t room = (uint64_t)shared->window * shared->n_receivers;
        uint64_t due = read_atomic(&shared->deliveries_due[emitter]);
        uint64_t under_way = due - received_of(shared, emitter);

        if (phase == SIGNALS_PHASE_REST || phase == SIGNALS_PHASE_END || under_way > room)
                return 0;
        return (room - under_way) / fan_out(shared, phase);
}

static void fail(Link *link, int error)
{
        fprintf(stderr, "bench_signals: the bus has closed %s: %s\n", link->unique_name,
                strerror(-error));
        generator.failed = true;
        link_close(link);
}

static void receive(Link *link, const LinkFrame *frame)
{
        const SignalsShared *shared = generator.shared;
        _Atomic(uint64_t) *count;
        Stamp stamp;

        (void)link;
        if (frame->body_size != sizeof(stamp)) /* NameAcquired and the like */
                return;
        memcpy(&stamp, frame->body, sizeof(stamp));
        stamp.emitter = le32toh(stamp.emitter);
        if (stamp.emitter >= shared->n_emitters)
                return;
        count = &generator.shared->received[generator.index].by_emitter[stamp.emitter];
        atomic_store_explicit(count, read_atomic(count) + 1, memory_order_release);
        generator.touched |= 1U << (stamp.emitter % shared->n_processes);
        if (generator.latencies) {
                /* Read once for what one read brings, and again for what was written since. */
                if (generator.now_ns < le64toh(stamp.sent_ns))
                        generator.now_ns = process_now_ns();
                histogram_add(generator.latencies, generator.now_ns - le64toh(stamp.sent_ns));
        }
}

/* Wakes the processes of emitters that may go on because of what was received here. */
static void wake_others(SignalsPhase phase)
{
        SignalsShared *shared = generator.shared;
        unsigned wake = 0;

        /* Of two processes that receive the last deliveries at once, one has to see both counts. */
        atomic_thread_fence(memory_order_seq_cst);
        for (unsigned i = 0; i < shared->n_emitters; i++) {
                unsigned home = i % shared->n_processes;

                if (home != generator.index && (generator.touched & (1U << home)) &&
                    !(wake & (1U << home)) && credit(shared, i, phase) > 0)
                        wake |= 1U << home;
        }
        generator.touched = 0;
        for (unsigned i = 0; i < shared->n_processes; i++)
                if (wake & (1U << i))
                        (void)wake_up(&shared->wakes[i]);
}

static void queue_one(Emitter *emitter, SignalsPhase phase, const Stamp *stamp)
{
        const SignalsShared *shared = generator.shared;
        const Marshal *message = &generator.signal;

        if (phase == SIGNALS_PHASE_UNICAST) {
                message = &generator.calls[emitter->next_receiver];
                emitter->next_receiver = (emitter->next_receiver + 1) % shared->n_receivers;
        }
        link_queue_message(&emitter->link, message, stamp, sizeof(*stamp));
        emitter->due += fan_out(shared, phase);
}

/* Sends what an emitter has credit for. Returns whether it sent anything. */
static bool emit(Emitter *emitter, SignalsPhase phase)
{
        SignalsShared *shared = generator.shared;
        uint64_t n = credit(shared, emitter->index, phase);
        Stamp stamp = {.emitter = htole32(emitter->index)};
        int r;

        if (n == 0 || link_unsent(&emitter->link) > 0 || emitter->link.fd < 0)
                return false;
        stamp.sent_ns = htole64(process_now_ns());
        for (uint64_t i = 0; i < n && i < BATCH; i++)
                queue_one(emitter, phase, &stamp);
        atomic_store_explicit(&shared->deliveries_due[emitter->index], emitter->due,
                              memory_order_release);
        r = link_flush(&emitter->link);
        if (r < 0)
                fail(&emitter->link, r);
        return true;
}

static bool emit_all(SignalsPhase phase)
{
        bool emitted = false;

        for (unsigned i = 0; i < generator.n_emitters; i++)
                emitted |= emit(&generator.emitters[i], phase);
        return emitted;
}

static bool connect_receivers(void)
{
        SignalsShared *shared = generator.shared;

        for (unsigned i = generator.index; i < shared->n_receivers; i += shared->n_processes) {
                Link *link = &generator.receivers[generator.n_receivers++];
                int r = link_open(link, shared->address, "type='signal',interface='t.Load'");

                if (r >= 0)
                        r = link_watch(link, generator.epoll_fd);
                if (r < 0) {
                        fprintf(stderr, "bench_signals: a receiver cannot connect: %s\n",
                                strerror(-r));
                        return false;
                }
                link->handler = receive;
                snprintf(shared->names[i], SIGNALS_NAME_MAX, "%s", link->unique_name);
        }
        return true;
}

static bool connect_emitters(void)
{
        SignalsShared *shared = generator.shared;

        for (unsigned i = generator.index; i < shared->n_emitters; i += shared->n_processes) {
                Emitter *emitter = &generator.emitters[generator.n_emitters++];
                int r = link_open(&emitter->link, shared->address, NULL);

                if (r >= 0)
                        r = link_watch(&emitter->link, generator.epoll_fd);
                if (r < 0) {
                        fprintf(stderr, "bench_signals: an emitter cannot connect: %s\n",
                                strerror(-r));
                        return false;
                }
                emitter->index = i;
                emitter->next_receiver = i * shared->n_receivers / shared->n_emitters;
        }
        return true;
}

static bool open_generator(const SignalsGenerator *which)
{
        /* Edge-triggered: each wake-up is reported once, and nobody has to read the eventfd. */
        struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.ptr = NULL};
        SignalsShared *shared = which->shared;

        generator = (Generator){.shared = shared, .index = which->index};
        generator.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
        generator.emitters = calloc(shared->n_emitters, sizeof(Emitter));
        generator.receivers = calloc(shared->n_receivers, sizeof(Link));
        generator.calls = calloc(shared->n_receivers, sizeof(Marshal));
        if (generator.epoll_fd < 0 || !generator.emitters || !generator.receivers ||
            !generator.calls)
                return false;
        return epoll_ctl(generator.epoll_fd, EPOLL_CTL_ADD, shared->wakes[which->index].fd,
                         &event) == 0 &&
               connect_receivers() && connect_emitters();
}

/* Once all names are known. */
static void build_messages(void)
{
        const RawHeader signal = {.type = RAWMESSAGE_SIGNAL, MEMBERS, .serial = 1};
        RawHeader call = {.type = RAWMESSAGE_CALL,
                          .flags = RAWMESSAGE_NO_REPLY_EXPECTED,
                          MEMBERS,
                          .serial = 1};

        marshal_init(&generator.signal, false);
        rawmessage_build_values(&signal, &generator.signal, UINT64_C(0), 0);
        for (unsigned i = 0; i < generator.shared->n_receivers; i++) {
                call.destination = generator.shared->names[i];
                marshal_init(&generator.calls[i], false);
                rawmessage_build_values(&call, &generator.calls[i], UINT64_C(0), 0);
        }
}

/* Sleeps, unless something came up, until something is received or another process wakes us. */
static void turn(SignalsPhase phase, bool idle)
{
        SignalsShared *shared = generator.shared;
        Wake *wake = &shared->wakes[generator.index];
        bool measuring = atomic_load(&shared->measuring);
        int timeout_ms = 0;

        if (idle) {
                wake_prepare(wake);
                if (atomic_load(&shared->phase) == phase && !emit_all(phase))
                        timeout_ms = FALLBACK_MS;
        }
        generator.now_ns = 0;
        generator.latencies = measuring ? &shared->latencies[generator.index][phase] : NULL;
        if (link_dispatch(generator.epoll_fd, timeout_ms, fail) < 0)
                generator.failed = true;
        if (idle)
                wake_finish(wake);
        if (generator.touched)
                wake_others(phase);
}

int signals_generator_run(void *which)
{
        SignalsShared *shared = ((SignalsGenerator *)which)->shared;
        bool built = false, idle = true;

        if (!open_generator(which)) {
                atomic_fetch_add(&shared->n_failed, 1);
                return 1;
        }
        atomic_fetch_add(&shared->n_connected, 1);
        for (;;) {
                SignalsPhase phase = (SignalsPhase)atomic_load(&shared->phase);

                if (phase == SIGNALS_PHASE_END)
                        return 0;
                if (phase != SIGNALS_PHASE_REST && !built) {
                        build_messages();
                        built = true;
                }
                idle = !emit_all(phase);
                turn(phase, idle);
                if (generator.failed) {
                        atomic_fetch_add(&shared->n_failed, 1);
                        return 1;
                }
        }
}
