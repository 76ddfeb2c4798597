/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_IO_BUFFER_H
#define RINGBUS_IO_BUFFER_H

/*
 * BufferPool: an Io's receive buffers, in one mapping. A buffer is in one of four places: free (a
 * LIFO, so that the ones still in cache are used first), with the backend (taken: the kernel may
 * fill it), lent (somebody holds references) or returned (on a lock-free stack, by another thread).
 *
 * Owner: the Io's thread. Only buffer_pool_return() may be called by other threads.
 *
 * Invariant: n_total == n_free + taken by the backend + n_lent; the returned ones still count as
 * lent until the owner collects them.
 *
 * The bell is a node that normally lies at the bottom of the stack of returned buffers, so that no
 * push finds it empty. An owner that starves takes it away: the next push finds the stack empty and
 * rings, that is, wakes the owner. So a return costs a wake-up only if someone waits for it, and
 * the one atomic word of the stack decides; no second flag is needed.
 */

#include "broker/io/io.h"

/*
 * A buffer's memory: a BufferHead, the control data (as much room as the receive asked for), the
 * payload. This is the layout of io_uring's multishot recvmsg; the epoll backend writes the same.
 */
typedef struct BufferHead {
        uint32_t name_size; /* always 0 */
        uint32_t control_size;
        uint32_t payload_size;
        uint32_t flags; /* MSG_CTRUNC and others */
} BufferHead;

typedef struct BufferPool {
        IoBuffer *buffers;
        IoBuffer **free;
        uint8_t *memory;
        size_t memory_size;
        size_t stride; /* bytes of one buffer */
        unsigned n_total;
        unsigned n_free;
        unsigned n_lent;
        Stack returned;
        StackNode bell;
        bool bell_hung; /* the bell is on the stack */
        pthread_t owner;
        Wake *wake; /* borrowed */
} BufferPool;

/* 0 or -ENOMEM. */
int buffer_pool_init(BufferPool *pool, Io *io, unsigned n_buffers, Wake *wake);

/* All buffers are free, returned or with a backend that is gone. */
void buffer_pool_deinit(BufferPool *pool);

/* A free buffer, for the backend; NULL when there is none. */
IoBuffer *buffer_pool_take(BufferPool *pool);

/* Back from the backend, unused. */
void buffer_pool_put(BufferPool *pool, IoBuffer *buffer);

/* From the backend to a receiver: one reference, which is the caller's. */
void buffer_pool_lend(BufferPool *pool, IoBuffer *buffer);

/* The last reference is gone. Any thread. */
void buffer_pool_return(BufferPool *pool, IoBuffer *buffer);

/*
 * Collects what other threads returned. `starving`: the caller waits for buffers; if still none is
 * free the next return wakes it.
 */
void buffer_pool_collect(BufferPool *pool, bool starving);

/* Bytes before the payload for a receive with room for so many fds. */
size_t buffer_payload_offset(unsigned n_fds_max);

/* Bytes of control data for so many fds; 0 for none. */
size_t buffer_control_size(unsigned n_fds_max);

#endif
