/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BENCH_LOAD_BROKER_FLOOR_PRIVATE_H
#define RINGBUS_BENCH_LOAD_BROKER_FLOOR_PRIVATE_H

/*
 * What the files of the floor share. Owner of everything: its one thread.
 *
 * Messages of up to FLOOR_COPY_MAX bytes are copied, stamped, into the arena, where those for one
 * receiver mostly lie side by side and leave as one piece; a broadcast is copied once. Of longer
 * ones only the header is copied: the body is sent from where it was received. A chunk of memory
 * is used again from its beginning as soon as no piece refers to it, so that it stays in the cache.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "auth/sasl.h"
#include "broker/base/list.h"
#include "proto/frame.h"

enum {
        FLOOR_READ_MAX = 256 * 1024,    /* of one socket in one turn */
        FLOOR_CHUNK_SIZE = 1024 * 1024, /* room for a few of them */
        FLOOR_COPY_MAX = 8 * 1024,      /* longer ones are sent from where they were received */
        FLOOR_BACKLOG_MAX = 16 << 20,   /* bytes; then senders wait */
        FLOOR_SEND_BUFFER = 2 << 20,    /* of the kernel, as far as it allows */
        FLOOR_IOVECS_MAX = 1024,        /* UIO_MAXIOV */
        FLOOR_FDS_MAX = 253,            /* SCM_MAX_FD */
        FLOOR_NAME_MAX = 24,            /* ":1." and a number */
        FLOOR_SENDER_MAX = 8 + FLOOR_NAME_MAX + 8,
};

/* Memory with a count of its users. */
typedef struct FloorChunk {
        struct FloorChunk *next; /* in Floor.spare */
        unsigned n_refs;
        size_t used, capacity;
        uint8_t data[];
} FloorChunk;

/* The fds of one message, open; or one that was received and has no message yet. */
typedef struct FloorFds {
        unsigned n;
        int fds[];
} FloorFds;

typedef struct FloorPiece {
        FloorChunk *chunk; /* a reference */
        const uint8_t *data;
        size_t size;
        FloorFds *fds; /* leave with the first byte; owned */
} FloorPiece;

/* Until BEGIN. */
typedef struct FloorLogin {
        Sasl sasl;
        bool has_begun; /* the NUL byte came */
        size_t size;
        char line[512];
} FloorLogin;

typedef struct FloorConnection {
        int fd;
        uint32_t id; /* of ":1.ID"; 0 before Hello */
        char name[FLOOR_NAME_MAX];
        size_t name_size;
        FloorLogin *login;   /* NULL when logged in */
        FloorChunk *partial; /* a message of which `need` bytes are to come in all, or NULL */
        size_t need;         /* FRAME_FIXED_SIZE until the real size is known */
        FloorFds *received;  /* without a message yet, or NULL */
        FloorPiece *pieces;  /* to send: pieces[first] to pieces[n - 1] */
        size_t first, n_pieces, capacity, backlog;
        unsigned n_rules, n_names;
        bool is_dirty, is_dead, wants_output;
        struct FloorConnection *next_dirty, *next_dead;
        struct FloorConnection *blocked_by; /* whose backlog is full: not read from until then */
        struct FloorConnection *blocks, *next_blocked;
} FloorConnection;

typedef struct FloorName {
        struct FloorName *next;
        FloorConnection *owner;
        size_t size;
        char text[];
} FloorName;

typedef struct Floor {
        int epoll_fd, listen_fd;
        char guid[33];
        FloorChunk *input; /* read into */
        FloorChunk *arena; /* stamped into */
        FloorChunk *spare; /* of FLOOR_CHUNK_SIZE */
        FloorConnection *dirty, *dead;
        FloorConnection **by_id; /* [id], NULL: gone */
        uint32_t n_ids, ids_capacity;
        FloorConnection **listeners; /* those with a rule */
        size_t n_listeners, listeners_capacity;
        FloorName *names[1024];
        uint32_t serial; /* of its own answers */
} Floor;

/* floor_memory.c: what it needs it gets, or the process ends. */
void *floor_memory_resize(void *memory, size_t size);
FloorChunk *floor_memory_chunk(Floor *floor, size_t capacity); /* a reference */
void floor_memory_unref(Floor *floor, FloorChunk *chunk);
/* Room for `size` bytes in *chunk, which is replaced when it is full. */
uint8_t *floor_memory_room(Floor *floor, FloorChunk **chunk, size_t size);
void floor_memory_close_fds(FloorFds *fds);

/* floor_input.c */
void floor_input_read(Floor *floor, FloorConnection *connection);

/* floor_login.c: how many of the bytes it took; all, or those up to the end of BEGIN. */
size_t floor_login_feed(Floor *floor, FloorConnection *connection, const uint8_t *data,
                        size_t size);

/* floor_route.c: one whole message, which lies in `chunk`. */
void floor_route_message(Floor *floor, FloorConnection *sender, FloorChunk *chunk,
                         const uint8_t *data, const Frame *frame);
FloorConnection *floor_route_find(const Floor *floor, Text name);

/* floor_driver.c: a message to the bus itself. */
void floor_driver_call(Floor *floor, FloorConnection *sender, const uint8_t *data,
                       const Frame *frame);
void floor_driver_refuse(Floor *floor, FloorConnection *sender, const Frame *frame,
                         const char *error_name);

/* floor_names.c */
FloorConnection *floor_names_find(const Floor *floor, Text name);
void floor_names_set(Floor *floor, Text name, FloorConnection *owner); /* NULL: nobody */
void floor_names_leave(Floor *floor, FloorConnection *owner);

/* floor_output.c */
void floor_output_push(Floor *floor, FloorConnection *receiver, FloorPiece piece);
void floor_output_copy(Floor *floor, FloorConnection *receiver, const void *data, size_t size);
/* `sender` is not read from until the receiver has caught up. */
void floor_output_block(Floor *floor, FloorConnection *receiver, FloorConnection *sender);
void floor_output_unblock(Floor *floor, FloorConnection *receiver);
void floor_output_flush(Floor *floor, FloorConnection *connection);

/* floor.c: gone for everybody now, freed at the turn's end. Idempotent. */
void floor_close(Floor *floor, FloorConnection *connection);
void floor_watch(Floor *floor, FloorConnection *connection);

#endif
