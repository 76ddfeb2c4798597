/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The io_uring backend: submit, wait, reap; see uring.h.
 *
 * Deferred task work: completions of requests that had to wait are produced by this thread, inside
 * io_uring_enter(2), and only if it asks for events. IORING_SQ_TASKRUN in the ring's flags says
 * that there are some. From Linux 6.13 one entry produces at most about 20 of them, hence the
 * rounds.
 */
#include "broker/io/uring.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>

#include "broker/base/alloc.h"
#include "broker/base/assert.h"
#include "broker/base/clock.h"

enum {
        ROUNDS_MAX = 32, /* of deferred completions in one io_wait(): a flood must end sometime */
        SHUTDOWN_ROUNDS = 100,
        LONGEST_SLEEP_S = 365 * 24 * 3600,
        SEND_POLL_FIRST = 1, /* IoSend.slot: the socket was full, wait for room */
};

/* One kernel entry. Failures are those of the moment: what was not taken stays queued. */
static void enter(Io *io, bool get_events)
{
        Uring *uring = io->state;
        int r;

        io->counters.kernel_entries++;
        r = get_events ? io_uring_submit_and_get_events(&uring->ring)
                       : io_uring_submit(&uring->ring);
        /* Another thread than the one that called io_new(). */
        ASSERT(r != -EEXIST);
        if (r == -EAGAIN || r == -EBUSY || r == -ENOMEM)
                sched_yield();
}

static void sleep_in_kernel(Io *io, uint64_t timeout_ns)
{
        Uring *uring = io->state;
        struct io_uring_cqe *cqe;
        struct __kernel_timespec timeout = {.tv_sec = LONGEST_SLEEP_S};

        if (timeout_ns / CLOCK_NS_PER_S < LONGEST_SLEEP_S) {
                timeout.tv_sec = (int64_t)(timeout_ns / CLOCK_NS_PER_S);
                timeout.tv_nsec = (long long)(timeout_ns % CLOCK_NS_PER_S);
        }
        io->counters.kernel_entries++;
        io->counters.sleeps++;
        /* -ETIME and -EINTR are no news: the caller looks at the clock and the completions. */
        (void)io_uring_submit_and_wait_timeout(&uring->ring, &cqe, 1, &timeout, NULL);
}

/* Whether the kernel has completions that only an entry brings out. */
static bool has_deferred(const Uring *uring)
{
        return (IO_URING_READ_ONCE(*uring->ring.sq.kflags) &
                (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW)) != 0;
}

static bool fill_sends(Io *io)
{
        Uring *uring = io->state;
        IoSend *send;

        while (io->sends) {
                struct io_uring_sqe *sqe;
                unsigned flags;

                sqe = uring_get_sqe(uring, (uint64_t)(uintptr_t)io->sends | URING_TAG_SEND);
                if (!sqe)
                        return true;
                send = backend_take_send(io);
                flags = MSG_NOSIGNAL |
                        (unsigned)(send->mode == IO_SEND_TRY ? MSG_DONTWAIT : MSG_WAITALL);
                io_uring_prep_sendmsg(sqe, send->fd, &send->message, flags);
                if (send->slot == SEND_POLL_FIRST)
                        sqe->ioprio |= IORING_RECVSEND_POLL_FIRST;
                if (send->mode == IO_SEND_TRY)
                        uring->n_tries++;
        }
        return false;
}

/* Moves what waits into the SQ; whether something did not fit. */
static bool fill(Io *io)
{
        Uring *uring = io->state;

        if (!uring->wake_armed) {
                struct io_uring_sqe *sqe = uring_get_sqe(uring, URING_TAG_WAKE);

                if (!sqe)
                        return true;
                io_uring_prep_poll_multishot(sqe, io->wake->fd, POLLIN);
                uring->wake_armed = true;
        }
        return uring_receive_fill(io) || fill_sends(io);
}

static void complete_send(Io *io, const struct io_uring_cqe *cqe)
{
        Uring *uring = io->state;
        IoSend *send = (IoSend *)(uintptr_t)(cqe->user_data & ~URING_TAG_MASK);
        bool again = cqe->res == -EINTR;

        if (send->mode == IO_SEND_TRY) {
                uring->n_tries--;
        } else if (cqe->res == -EAGAIN) {
                /* Some kernels' polled retry gives up when it found no room after all. */
                send->slot = SEND_POLL_FIRST;
                again = true;
        }
        if (again)
                backend_queue_send(io, send);
        else
                backend_finish_send(io, send, cqe->res);
}

static void complete_wake(Io *io, const struct io_uring_cqe *cqe)
{
        Uring *uring = io->state;

        if (!(cqe->flags & IORING_CQE_F_MORE))
                uring->wake_armed = false;
        wake_drain(io->wake);
}

static void complete(Io *io, const struct io_uring_cqe *cqe)
{
        Uring *uring = io->state;

        if (!(cqe->flags & IORING_CQE_F_MORE))
                uring->n_pending--;
        switch ((UringTag)(cqe->user_data & URING_TAG_MASK)) {
        case URING_TAG_RECEIVE:
                uring_receive_complete(io, cqe);
                break;
        case URING_TAG_INTO:
                uring_receive_complete_into(io, cqe);
                break;
        case URING_TAG_SEND:
                complete_send(io, cqe);
                break;
        case URING_TAG_HANGUP:
                uring_receive_complete_hangup(io, cqe);
                break;
        case URING_TAG_SINGLE:
                uring_single_complete(io, cqe);
                break;
        case URING_TAG_READY:
                uring_single_complete_ready(io, cqe);
                break;
        case URING_TAG_WAKE:
                complete_wake(io, cqe);
                break;
        case URING_TAG_CANCEL:
                break;
        }
}

/* Handles every completion in the CQ, also those that handlers cause meanwhile. */
static void reap(Io *io)
{
        Uring *uring = io->state;
        struct io_uring *ring = &uring->ring;

        while (io_uring_cq_ready(ring) > 0) {
                struct io_uring_cqe cqe = {.user_data = 0};

                /* A copy, and its place is free again: the handler may submit. */
                cqe.user_data = ring->cq.cqes[*ring->cq.khead & ring->cq.ring_mask].user_data;
                cqe.res = ring->cq.cqes[*ring->cq.khead & ring->cq.ring_mask].res;
                cqe.flags = ring->cq.cqes[*ring->cq.khead & ring->cq.ring_mask].flags;
                io_uring_cq_advance(ring, 1);
                complete(io, &cqe);
        }
}

/* Submits and reaps until no send is queued and no IO_SEND_TRY without its result. */
static void finish_tries(Io *io)
{
        Uring *uring = io->state;

        reap(io);
        while (io->sends || uring->n_tries > 0) {
                fill(io);
                enter(io, false);
                reap(io);
        }
}

static void uring_submit(Io *io)
{
        Uring *uring = io->state;

        finish_tries(io);
        while (fill(io) || io_uring_sq_ready(&uring->ring) > 0) {
                enter(io, false);
                finish_tries(io);
        }
}

/*
 * Whether stalled sockets have to be looked after before this thread sleeps. While something is on
 * the stack (the bell too: some buffers are offered) no return wakes it. The sockets resumed for
 * the offered buffers may be idle and never take them: then it is the turn of those behind them.
 */
static bool has_resumable(Io *io)
{
        return !list_is_empty(&io->stalled) && !stack_is_empty(&io->buffers.returned);
}

static void uring_wait(Io *io, uint64_t timeout_ns, bool may_sleep)
{
        Uring *uring = io->state;
        uint64_t n_sent = io->n_sent;

        reap(io);
        uring_receive_replenish(io);
        for (int i = 0; i < ROUNDS_MAX && fill(io); i++) {
                enter(io, true);
                reap(io);
        }
        /* Not after on_sent(): its caller may have found new work. */
        if (may_sleep && uring->n_tries == 0 && io->n_sent == n_sent &&
            record_queue_is_empty(&io->records) && !has_resumable(io))
                sleep_in_kernel(io, timeout_ns);
        else if (io_uring_sq_ready(&uring->ring) > 0 || has_deferred(uring))
                enter(io, true);
        finish_tries(io);
        for (int i = 0; i < ROUNDS_MAX && has_deferred(uring); i++) {
                uring_receive_replenish(io);
                fill(io);
                enter(io, true);
                finish_tries(io);
        }
}

static bool uring_poll(Io *io)
{
        const Uring *uring = io->state;

        if (io_uring_cq_ready(&uring->ring) == 0 && has_deferred(uring))
                enter(io, true);
        return io_uring_cq_ready(&uring->ring) > 0 || io_uring_sq_ready(&uring->ring) > 0 ||
               has_resumable(io);
}

static unsigned power_of_two(unsigned n)
{
        unsigned power = 1;

        while (power < n)
                power *= 2;
        return power;
}

static int uring_init(Io *io)
{
        Uring *uring = alloc_zeroed(1, sizeof(*uring));
        int r;

        if (!uring)
                return -ENOMEM;
        io->state = uring;
        r = uring_ring_init(&uring->ring);
        if (r < 0)
                return r;
        uring->ring_made = true;
        uring->singles = alloc_zeroed(io->buffers.n_total, sizeof(*uring->singles));
        if (!uring->singles)
                return -ENOMEM;
        uring->n_offered_goal =
                io->buffers.n_total < URING_OFFERED_MIN ? io->buffers.n_total : URING_OFFERED_MIN;
        return uring_ring_add_buffers(uring, power_of_two(io->buffers.n_total));
}

/* Cancels what is left and waits for it: a late receive may bring fds that have to be closed. */
static void end_pending(Io *io)
{
        Uring *uring = io->state;
        struct io_uring_sqe *sqe;

        reap(io);
        if (io_uring_sq_ready(&uring->ring) > 0)
                enter(io, true);
        sqe = uring_get_sqe(uring, URING_TAG_CANCEL);
        if (sqe)
                io_uring_prep_cancel64(sqe, 0, IORING_ASYNC_CANCEL_ANY | IORING_ASYNC_CANCEL_ALL);
        for (int i = 0; i < SHUTDOWN_ROUNDS && uring->n_pending > 0; i++) {
                sleep_in_kernel(io, 10 * CLOCK_NS_PER_MS);
                reap(io);
        }
}

static void uring_deinit(Io *io)
{
        Uring *uring = io->state;

        if (!uring)
                return;
        if (uring->ring_made) {
                end_pending(io);
                uring_ring_remove_buffers(uring);
                io_uring_queue_exit(&uring->ring);
        }
        alloc_free(uring->singles);
        io->state = alloc_free(uring);
}

const IoMethods uring_methods = {
        .init = uring_init,
        .deinit = uring_deinit,
        .stop = uring_receive_stop,
        .forget = uring_receive_forget,
        .submit = uring_submit,
        .wait = uring_wait,
        .poll = uring_poll,
};
