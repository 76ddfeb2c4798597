/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_IO_IO_H
#define RINGBUS_IO_IO_H

/*
 * Io: one thread's door to the kernel for connected stream sockets: receives into lent buffers,
 * batched sends, one wait. Two backends, io_uring and epoll, with the same contract; every test
 * runs on both.
 *
 * Owner: one worker thread, which also calls io_new(). Only io_buffer_ref() and io_buffer_unref()
 * may be called from other threads.
 *
 * The loop:
 *
 *      io_wait(io, timeout, may_sleep);    submit, wait, reap: send completions are handed to
 *                                          on_sent() from inside
 *      while (io_next(io, &received))      receives, oldest first; stop early when a budget is
 * spent
 *              ...                         and come back after an io_wait(io, 0)
 *      io_send(...)                        queued; goes out with the next io_wait() or io_submit()
 */

#include <sys/socket.h>

#include "broker/base/text.h"
#include "broker/sync/annotate.h"
#include "broker/sync/refcount.h"
#include "broker/sync/stack.h"
#include "broker/sync/wake.h"

typedef struct Io Io;

typedef enum IoBackend { IO_BACKEND_URING, IO_BACKEND_EPOLL } IoBackend;

enum {
        IO_FDS_MAX = 253, /* SCM_MAX_FD: most fds that one recvmsg can return */
        /* Payload bytes of a receive buffer, at least. Large, so that bodies of 64 KiB mostly
         * arrive in one piece; sanitizers, which mark each byte that is lent, have smaller ones. */
        IO_BUFFER_SIZE = (RINGBUS_TSAN || RINGBUS_ASAN ? 16 : 128) * 1024,
        IO_IOVECS_MAX = 1024, /* IOV_MAX: per send */
};

/*
 * A receive buffer. Received bytes are valid while somebody holds a reference; the last unref, on
 * any thread, gives it back to its Io.
 */
typedef struct IoBuffer {
        StackNode node; /* on the owner's stack of remotely returned buffers */
        RefCount references;
        uint32_t index;
        uint8_t *data;
        Io *io; /* borrowed: outlives every buffer */
} IoBuffer;

/* A socket as its home Io knows it; embedded in a peer. Zero-initialised, then io_add(). */
typedef struct IoSocket {
        int fd;             /* borrowed from the peer, which closes it after io_remove() */
        bool with_fds;      /* NEGOTIATE_UNIX_FD was agreed: leave room for control data */
        uint32_t n_fds_max; /* with_fds: room for this many fds in one receive (<= IO_FDS_MAX) */
        bool added;
        bool receiving;      /* between io_receive*() and the completion with `ended` */
        bool stopping;       /* io_stop() was called and `ended` has not come yet */
        uint32_t slot;       /* backend: index in the Io's table */
        uint32_t generation; /* backend: of the slot, so that a late completion finds nobody */
        void *backend[4];    /* backend's own */
        uint64_t backend_words[4];
} IoSocket;

/* One receive completion. */
typedef struct IoReceived {
        IoSocket *socket;
        IoBuffer *buffer; /* one reference, now the caller's; NULL: nothing, or io_receive_into() */
        const uint8_t *data;
        size_t size;
        int fds[IO_FDS_MAX]; /* close-on-exec; now the caller's */
        unsigned n_fds;
        bool fds_lost; /* MSG_CTRUNC: the peer sent more than fitted; what came is in fds */
        bool into;     /* the data are in io_receive_into()'s memory */
        bool ended;    /* no further completion until the next io_receive*() */
        int error;     /* 0, or -errno; -EPIPE stands for an orderly end of the stream */
} IoReceived;

typedef enum IoSendMode {
        IO_SEND_TRY, /* MSG_DONTWAIT: completes at once, perhaps short or with -EAGAIN */
        IO_SEND_ALL, /* waits for room; completes when all is sent or the connection is dead */
} IoSendMode;

/* One send. Owned by the caller (the peer's output state); one in flight per socket. */
typedef struct IoSend {
        int fd;
        IoSendMode mode;
        struct msghdr message;
        bool queued; /* between io_send() and its on_sent() */
        /* backend's own */
        struct IoSend *next;
        uint32_t slot;
        size_t done;
} IoSend;

typedef struct IoHandlers {
        /* `result`: bytes sent, or -errno. Called inside io_wait() and io_submit(), in no
         * particular order; it may call io_send() for the same or another IoSend. */
        void (*on_sent)(void *context, IoSend *send, ssize_t result);
        /*
         * The socket's peer has closed it or will not write any more, noticed also while nothing is
         * received from it; at most once, and not for certain if a receive comes to the end of the
         * stream first. What was written before is still there to be received. Called as on_sent()
         * is. NULL: not wanted.
         */
        void (*on_hung_up)(void *context, IoSocket *socket);
        void *context;
} IoHandlers;

typedef struct IoOptions {
        IoBackend backend;
        unsigned n_buffers; /* receive buffers; 0: the default, 256 */
        Wake *wake;         /* borrowed: its eventfd wakes io_wait(), which drains it */
        IoHandlers handlers;
} IoOptions;

typedef struct IoCounters {      /* written by the owner only */
        uint64_t kernel_entries; /* io_uring_enter(2), or every system call of the epoll backend */
        uint64_t sends;          /* sendmsg requests */
        uint64_t receives;       /* receive completions with data */
        uint64_t buffer_stalls;  /* ENOBUFS: the pool ran dry */
        uint64_t sleeps;
} IoCounters;

/* By the thread that will use it. 0 and a new Io, or -errno. */
int io_new(const IoOptions *options, Io **ret_io);

/* Returns NULL. All sockets are removed, all sends have completed, all buffers were returned. */
Io *io_free(Io *io);

IoBackend io_backend(const Io *io);
const IoCounters *io_counters(const Io *io);

/* Makes a socket known; nothing is received yet. 0 or -errno (ENOMEM, ENOSPC). */
int io_add(Io *io, IoSocket *socket);

/*
 * Forgets a socket. Completions of its generation that come later find nobody (their buffers and
 * fds are given back). Allowed while io_receive() runs: what it brought and nobody took is lost;
 * not while io_receive_into() runs. The kernel holds on to the open file until the next io_submit()
 * or io_wait(): who wants the peer to see the end at once calls shutdown(2) before close(2).
 */
void io_remove(Io *io, IoSocket *socket);

/* Starts to receive whatever comes, until stopped, ended or failed. ENOBUFS is dealt with inside.
 */
void io_receive(Io *io, IoSocket *socket);

/* Receives once, at most `size` bytes, into `data`, which stays valid until the completion. */
void io_receive_into(Io *io, IoSocket *socket, uint8_t *data, size_t size);

/*
 * Asks a receiving socket to stop: completions go on until one with `ended`, which always comes
 * (perhaps without data, error 0, or -ECANCELED reported as 0).
 */
void io_stop(Io *io, IoSocket *socket);

/*
 * Queues a send; `send->fd`, `mode` and `message` are set by the caller (control data included).
 * The fd need not be added: any Io may send on any socket, one at a time. The msghdr, iovecs and
 * control data stay valid until on_sent() for IO_SEND_ALL, and until the next io_submit() or
 * io_wait() returns for IO_SEND_TRY; the bytes always until on_sent().
 */
void io_send(Io *io, IoSend *send);

/* Hands queued sends to the kernel and reaps: every IO_SEND_TRY completes before it returns. */
void io_submit(Io *io);

/*
 * Submits, waits and reaps. Sleeps at most `timeout_ns` (UINT64_MAX: for ever) and only if
 * may_sleep and nothing is ready. Completes every queued IO_SEND_TRY; never sleeps before they
 * completed. The caller does the wake.h protocol around a sleeping call. Returns whether io_next()
 * has something.
 */
bool io_wait(Io *io, uint64_t timeout_ns, bool may_sleep);

/* Whether something is ready, as cheaply as the backend can tell; for spinning. May submit. */
bool io_poll(Io *io);

/* The oldest undelivered receive; false when there is none. */
bool io_next(Io *io, IoReceived *ret_received);

/* Buffers that are free now, and all. Owner only. */
unsigned io_buffers_free(const Io *io);
unsigned io_buffers_total(const Io *io);

/* Any thread. */
void io_buffer_ref(IoBuffer *buffer);
void io_buffer_unref(IoBuffer *buffer);

#endif
