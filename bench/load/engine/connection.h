/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BENCH_LOAD_ENGINE_CONNECTION_H
#define RINGBUS_BENCH_LOAD_ENGINE_CONNECTION_H

/*
 * One client's connection: connects, authenticates (EXTERNAL; over TCP, where the bus cannot see
 * who connects, ANONYMOUS), calls Hello, then sends queued messages and cuts what arrives into
 * frames. It is made to cost little, so that the broker is what gets measured: what is received is
 * not parsed, sent messages are copied once, and there is one system call for each direction and
 * turn of the loop.
 *
 * Owner: one loop's thread. Never blocks (but for the name service of a TCP address).
 * The memory is the caller's; it must not be freed inside a handler.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bench/load/engine/loop.h"
#include "proto/header.h"

typedef struct Connection Connection;

typedef enum ConnectionHandshake {
        CONNECTION_PIPELINED, /* nul, AUTH, NEGOTIATE, BEGIN and Hello in one write, as sd-bus */
        CONNECTION_STEPWISE,  /* each line after the answer to the one before, as libdbus */
} ConnectionHandshake;

typedef enum ConnectionWrite {
        CONNECTION_WRITE_COALESCED, /* one write for each turn of the loop */
        CONNECTION_WRITE_SINGLE,    /* one write for each message */
} ConnectionWrite;

typedef enum ConnectionState {
        CONNECTION_STOPPED, /* also before connection_start() */
        CONNECTION_CONNECTING,
        CONNECTION_AUTHENTICATING,
        CONNECTION_GREETING, /* waits for the reply to Hello */
        CONNECTION_READY,
        CONNECTION_FAILED,
} ConnectionState;

/* A received message. Everything is borrowed, during the call of the handler only. */
typedef struct ConnectionFrame {
        const uint8_t *data;
        size_t size;
        uint8_t type; /* FrameType */
        uint8_t flags;
        bool big_endian;
        uint32_t serial;
        const uint8_t *body;
        size_t body_size;
        /*
         * Those of this message. The engine closes them after the handler: it sets an entry to -1
         * if it keeps that fd.
         */
        int *fds;
        unsigned n_fds;
} ConnectionFrame;

typedef struct ConnectionHandlers {
        void (*ready)(Connection *connection); /* Hello was answered; unique_name is set */
        void (*frame)(Connection *connection, const ConnectionFrame *frame); /* once ready */
        void (*turn)(Connection *connection); /* or NULL: after all frames of one read */
        /*
         * It is over; connection_stop() was called already. `error` is a negative errno,
         * -ECONNRESET if the bus closed it, -EPROTO if what came was not D-Bus, -EACCES if the bus
         * refused to authenticate; `what` says what failed ("connect", "read", ...; static or the
         * connection's).
         */
        void (*failed)(Connection *connection, int error, const char *what);
} ConnectionHandlers;

typedef struct ConnectionOptions {
        /* of a bus: unix:path, abstract, runtime; tcp; nonce-tcp. Several by ';' */
        const char *address;
        ConnectionHandshake handshake;
        ConnectionWrite write;
        bool negotiate_fds;
        bool without_hello;                 /* ready as soon as it is authenticated */
        const ConnectionHandlers *handlers; // borrowed
        void *owner;                        // borrowed
} ConnectionOptions;

/* Fds that go with a message in the output. */
typedef struct ConnectionFds {
        size_t offset; /* of the message in output */
        unsigned n;
        int fds[16];
} ConnectionFds;

enum { CONNECTION_FDS_MAX = 253 /* of the kernel, in one message */ };

struct Connection {
        Loop *loop;
        void *owner; // borrowed
        const ConnectionHandlers *handlers;
        char unique_name[32]; /* "" before ready */

        /* The rest is the engine's; others may read. */
        ConnectionOptions options;
        ConnectionState state;
        unsigned life; /* how often it was started */
        int fd;
        LoopSource source;
        LoopFlush flush;
        Timer retry; /* connect(2) again: the listener's queue was full */
        char failure[160];
        uint32_t last_serial, hello_serial;
        unsigned step; /* of the handshake */
        bool has_agreed_fds;
        bool is_tcp;
        uint8_t nonce[16]; /* of nonce-tcp */
        uint8_t nonce_size;
        bool watches_output;
        bool is_paused;
        uint64_t started_ns;    /* connection_start() */
        uint64_t last_input_ns; /* bytes came last */
        uint64_t n_frames_in, n_frames_out;
        uint64_t n_writes;   /* system calls that sent something */
        uint64_t n_refusals; /* ETOOMANYREFS: too many fds under way */

        uint8_t *output;
        size_t output_sent, output_size, output_capacity;
        ConnectionFds *fd_marks; /* a queue, by offset */
        size_t n_fd_marks, fd_marks_sent, fd_marks_capacity;

        uint8_t *
                input; /* the incomplete message, if any; else what comes is in the loop's buffer */
        size_t input_size, input_capacity, input_wanted;
        int *fds_in; /* received, not yet handed out; room for CONNECTION_FDS_MAX */
        unsigned n_fds_in;
};

/*
 * Begins to connect. 0; or a negative errno, then connection->failure says why and no handler will
 * be called (malformed address, nobody listens, no memory, no fds). Whatever fails later is given
 * to handlers->failed.
 */
int connection_start(Connection *connection, Loop *loop, const ConnectionOptions *options);

/* Closes and frees what it holds; the struct may be started again. No handler is called.
 * Idempotent, also on zeroed memory; may be called inside handlers. */
void connection_stop(Connection *connection);

/*
 * Queues one whole message, with a serial from connection_serial() or of the caller's own. It is
 * sent at the end of the loop's turn, or, with CONNECTION_WRITE_SINGLE, at once. Fds stay the
 * caller's and must remain open until connection_unsent() is 0. At most 16.
 */
void connection_queue(Connection *connection, const void *bytes, size_t size, const int *fds,
                      unsigned n_fds);

/*
 * The same without a copy of the caller's: room for `size` bytes of one message, to be filled at
 * once, then connection_commit(). Valid until the next call on this connection.
 */
uint8_t *connection_reserve(Connection *connection, size_t size);
void connection_commit(Connection *connection, size_t size);

/* The next serial: 1 to 2^31 - 1. Those above are for Window (engine/window.h). */
uint32_t connection_serial(Connection *connection);

/* While paused, nothing is read: the bus has to keep what it sends. If the bus closes the
 * connection meanwhile, what had arrived is handed out first. Once ready. */
void connection_pause(Connection *connection, bool is_paused);

/* Bytes queued that the kernel has not taken. */
size_t connection_unsent(const Connection *connection);

static inline bool connection_is_ready(const Connection *connection)
{
        return connection->state == CONNECTION_READY;
}

const char *connection_state_name(ConnectionState state);

/* pid of the listener by SO_PEERCRED, or 0. */
int connection_peer_pid(const Connection *connection);

/* A frame's REPLY_SERIAL by a scan of the header's fields, without validation: 0 if there is none.
 */
uint32_t connection_frame_reply_serial(const ConnectionFrame *frame);

/* Where the value of a header field lies in the message, and its type's first character, by the
 * same scan; 0 if there is none. A text begins with its size. */
size_t connection_frame_find(const ConnectionFrame *frame, HeaderField field, char *ret_type);

/* The text of a header field of type s, o or g, by the same scan; TEXT_NONE if there is none. */
Text connection_frame_field(const ConnectionFrame *frame, HeaderField field);

/* All of the header, with validation. 0 or -EPROTO. */
int connection_frame_header(const ConnectionFrame *frame, Header *ret_header);

/* Native-order access to bodies: the little helpers that handlers need. */
static inline uint64_t connection_frame_stamp(const ConnectionFrame *frame)
{
        uint64_t stamp = 0;

        /* "ay": four bytes of size, then the bytes */
        if (frame->body_size >= 4 + sizeof(stamp))
                memcpy(&stamp, frame->body + 4, sizeof(stamp));
        return stamp;
}

#endif
