/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BASE_TRACE_H
#define RINGBUS_BASE_TRACE_H

/*
 * Trace points on a message's way. They are nothing at all but in the two builds of the daemon that
 * tests/guard makes with RINGBUS_TRACE: one writes the hops down and a test compares them with
 * docs/ARCHITECTURE.md, the other aborts when a worker takes a lock, asks the general heap, reads a
 * clock or logs inside the window of an ordinary unicast.
 *
 * The window of a message, on its worker's thread, has two parts:
 *  - from the parsing of the bytes that complete it until peer_handle() is done with it: whatever
 * is found there counts once the message turns out to be an ordinary unicast;
 *  - from the beginning of shard_flush() until the sends are handed to the kernel.
 * A message is no ordinary unicast if it is for the bus, a broadcast or refused, has fds, is larger
 * than the pools' largest class, is captured by eavesdroppers, or meets a change of its name under
 * way. A flush leaves the window for a peer that is closed, failing or passing fds.
 */

typedef enum TraceWindow {
        TRACE_CLOSED,   /* outside of any window */
        TRACE_PARSE,    /* bytes of a message are at hand: findings are kept back */
        TRACE_EXEMPT,   /* this message (in a flush: this peer) is no ordinary case */
        TRACE_ORDINARY, /* unless exempt before, this message is one */
        TRACE_FLUSH,    /* the flush begins, or comes to its next peer */
} TraceWindow;

#ifdef RINGBUS_TRACE
/* Whoever links such a build brings these. Any thread; the window is the thread's own. */
void trace_hop(const char *file, const char *function);
void trace_window(TraceWindow window);
/* The function that stands around it is entered. */
#define TRACE_HOP() trace_hop(__FILE__, __func__)
#define TRACE_WINDOW(window) trace_window(window)
#else
#define TRACE_HOP() ((void)0)
#define TRACE_WINDOW(window) ((void)sizeof(window))
#endif

#endif
