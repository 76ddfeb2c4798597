/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/load/pair.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "bench/load/link.h"

enum {
        ANSWER_MS = 30000,
        MARK = 0x5ca1ab1e, /* stands in the reply's template where the serial goes */
        WAYS = 2,
};

struct PairShared {
        char address[256];
        char callee_name[32];
        char caller_name[32];
        _Atomic(unsigned) n_connected;
        _Atomic(unsigned) wanted; /* number of the measurement that runs; 0: none */
        _Atomic(unsigned) done;   /* the last one that has ended */
        /* The caller's; read when it is done. */
        Histogram latencies[WAYS];
        uint64_t elapsed_ns[WAYS];
};

/* One side, with its two connections. */
typedef struct Side {
        PairShared *shared; // borrowed
        int relay_fd;
        int epoll_fds[WAYS]; /* the caller waits for one way at a time, the callee for both */
        Link links[WAYS];
        Marshal message; /* the call, or the reply */
        size_t serial_at;
        bool answered;
        int error;
} Side;

/* EXCEPTION: a global: an epoll event leads to a link only, and a process is one side */
static Side side;

static void fail(Link *link, int error)
{
        fprintf(stderr, "pair: the bus has closed %s: %s\n", link->unique_name, strerror(-error));
        side.error = error;
}

static void answer(Link *link, const LinkFrame *frame)
{
        uint8_t *copy;
        int r;

        if (frame->type != RAWMESSAGE_CALL)
                return;
        link_queue_message(link, &side.message, NULL, 0);
        copy = link->output + link->output_size - side.message.size;
        link_write_u32(copy + side.serial_at, frame->serial);
        r = link_flush(link);
        if (r < 0)
                fail(link, r);
}

static void take_answer(Link *link, const LinkFrame *frame)
{
        (void)link;
        if (frame->type == RAWMESSAGE_RETURN)
                side.answered = true;
        else if (frame->type == RAWMESSAGE_ERROR)
                side.error = -1;
}

static int open_side(LinkHandler handler, char *ret_name, bool one_loop)
{
        int r = link_open(&side.links[PAIR_BUS], side.shared->address, NULL);

        if (r < 0) {
                fprintf(stderr, "pair: cannot connect: %s\n", strerror(-r));
                return -1;
        }
        link_adopt(&side.links[PAIR_RELAY], side.relay_fd);
        for (unsigned i = 0; i < WAYS; i++) {
                side.links[i].handler = handler;
                side.epoll_fds[i] =
                        i > 0 && one_loop ? side.epoll_fds[0] : epoll_create1(EPOLL_CLOEXEC);
                if (side.epoll_fds[i] < 0 || link_watch(&side.links[i], side.epoll_fds[i]) < 0)
                        return -1;
        }
        snprintf(ret_name, 32, "%s", side.links[PAIR_BUS].unique_name);
        atomic_fetch_add(&side.shared->n_connected, 1);
        while (atomic_load(&side.shared->n_connected) < 2)
                process_sleep_ms(1);
        return 0;
}

static void build_reply(void)
{
        RawHeader reply = {.type = RAWMESSAGE_RETURN,
                           .flags = RAWMESSAGE_NO_REPLY_EXPECTED,
                           .serial = 1,
                           .reply_serial = MARK,
                           .destination = side.shared->caller_name};
        uint8_t mark[4];
        const uint8_t *found;

        link_write_u32(mark, MARK);
        marshal_init(&side.message, false);
        rawmessage_build(&reply, NULL, &side.message);
        found = memmem(side.message.data, side.message.size, mark, sizeof(mark));
        side.serial_at = found ? (size_t)(found - side.message.data) : 0;
}

static int run_callee(void *context)
{
        side = *(Side *)context;
        if (open_side(answer, side.shared->callee_name, true) < 0)
                return 1;
        build_reply();
        while (!side.error)
                if (link_dispatch(side.epoll_fds[0], -1, fail) < 0)
                        return 1;
        return 1;
}

static void build_call(void)
{
        RawHeader call = {.type = RAWMESSAGE_CALL,
                          .serial = 1,
                          .path = "/t",
                          .interface = "t.Pair",
                          .member = "Ping",
                          .destination = side.shared->callee_name};

        marshal_init(&side.message, false);
        rawmessage_build(&call, NULL, &side.message);
}

/* One call and its answer. */
static int call_once(unsigned way)
{
        uint64_t from_ns = process_now_ns(), now_ns = from_ns;
        int r;

        side.answered = false;
        link_queue_message(&side.links[way], &side.message, NULL, 0);
        r = link_flush(&side.links[way]);
        while (r >= 0 && !side.answered && !side.error) {
                if (now_ns - from_ns > (uint64_t)ANSWER_MS * 1000000) {
                        fputs("pair: no answer\n", stderr);
                        return -1;
                }
                r = link_dispatch(side.epoll_fds[way], 1000, fail);
                now_ns = process_now_ns();
        }
        if (r < 0 || side.error)
                return -1;
        histogram_add(&side.shared->latencies[way], now_ns - from_ns);
        return 0;
}

static int run_slice(unsigned way)
{
        uint64_t from_ns = process_now_ns(), now_ns = from_ns;

        while (now_ns - from_ns < (uint64_t)PAIR_SLICE_MS * 1000000) {
                if (call_once(way) < 0)
                        return -1;
                now_ns = process_now_ns();
        }
        side.shared->elapsed_ns[way] += now_ns - from_ns;
        return 0;
}

static int run_caller(void *context)
{
        side = *(Side *)context;
        if (open_side(take_answer, side.shared->caller_name, false) < 0)
                return 1;
        build_call();
        /* Even numbers are the rests in between. */
        for (unsigned number = 1;; number += 2) {
                while (atomic_load(&side.shared->wanted) < number)
                        process_sleep_ms(1);
                memset(side.shared->latencies, 0, sizeof(side.shared->latencies));
                memset(side.shared->elapsed_ns, 0, sizeof(side.shared->elapsed_ns));
                while (atomic_load(&side.shared->wanted) == number)
                        if (run_slice(PAIR_BUS) < 0 || run_slice(PAIR_RELAY) < 0)
                                return 1;
                atomic_store(&side.shared->done, number);
        }
}

int pair_start(Pair *pair, const char *address)
{
        Side start = {0};
        int r;

        *pair = (Pair){.shared = process_share(sizeof(PairShared))};
        snprintf(pair->shared->address, sizeof(pair->shared->address), "%s", address);
        start.shared = pair->shared;
        r = relay_start(&pair->relay);
        start.relay_fd = pair->relay.ends[0];
        if (r == 0)
                r = process_start(&pair->caller, run_caller, &start);
        start.relay_fd = pair->relay.ends[1];
        if (r == 0)
                r = process_start(&pair->callee, run_callee, &start);
        relay_close_ends(&pair->relay);
        while (r == 0 && atomic_load(&pair->shared->n_connected) < 2) {
                process_sleep_ms(2);
                if (!process_is_alive(&pair->caller) || !process_is_alive(&pair->callee))
                        r = -1;
        }
        if (r < 0)
                pair_stop(pair);
        return r;
}

static void fill_figures(const PairShared *shared, PairFigures *figures)
{
        for (unsigned i = 0; i < WAYS; i++) {
                const Histogram *latencies = &shared->latencies[i];

                figures[i] =
                        (PairFigures){.p50_us = (double)histogram_percentile(latencies, 50) / 1000,
                                      .p99_us = (double)histogram_percentile(latencies, 99) / 1000,
                                      .max_us = (double)latencies->max / 1000};
                if (shared->elapsed_ns[i] > 0)
                        figures[i].calls_per_s =
                                (double)latencies->n * 1e9 / (double)shared->elapsed_ns[i];
        }
}

int pair_measure(Pair *pair, unsigned ms, void (*meanwhile)(void *context), void *context,
                 PairFigures ret_figures[static 2])
{
        uint64_t end_ns = process_now_ns() + (uint64_t)ms * 1000000;
        unsigned number = atomic_fetch_add(&pair->shared->wanted, 1) + 1;

        while (process_now_ns() < end_ns) {
                process_sleep_ms(10);
                if (meanwhile)
                        meanwhile(context);
        }
        atomic_fetch_add(&pair->shared->wanted, 1);
        while (atomic_load(&pair->shared->done) != number) {
                if (!process_is_alive(&pair->caller) || !process_is_alive(&pair->callee))
                        return -1;
                process_sleep_ms(1);
        }
        fill_figures(pair->shared, ret_figures);
        return 0;
}

void pair_stop(Pair *pair)
{
        process_kill(&pair->caller);
        process_kill(&pair->callee);
        relay_stop(&pair->relay);
        if (pair->shared)
                process_unshare(pair->shared, sizeof(*pair->shared));
        pair->shared = NULL;
}
