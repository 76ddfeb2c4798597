/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_TESTS_UNIT_IO_FIXTURE_H
#define RINGBUS_TESTS_UNIT_IO_FIXTURE_H

/*
 * What the tests of broker/io share: an Io of the backend under test with a handler that notes the
 * results of sends, and links: socket pairs with an IoSocket on the near end that collects what
 * came. Every group of tests runs on both backends; the teardown of each test checks that no fd and
 * no buffer is lost and that the kernel started no worker thread.
 */

/* cmocka.h wants these before it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "broker/io/io.h"

enum {
        FIXTURE_SENDS_MAX = 4096,
        FIXTURE_PATIENCE_S = 60,                     /* only a failing test waits so long */
        FIXTURE_TOO_LONG_S = 2 * FIXTURE_PATIENCE_S, /* of a sleep that something has to end */
};

typedef struct SendResult {
        IoSend *send;
        ssize_t result;
} SendResult;

typedef struct Fixture {
        Io *io;
        Wake wake;
        unsigned n_fds_before;
        unsigned n_threads_before;
        SendResult results[FIXTURE_SENDS_MAX];
        unsigned n_results;
        void (*on_sent)(struct Fixture *fixture, IoSend *send, ssize_t result); /* or NULL */
        void *context;                                                          /* for on_sent */
} Fixture;

/* One connection; the near end belongs to the Io. */
typedef struct Link {
        IoSocket socket;
        int far;
        uint8_t *data; /* all that came */
        size_t size;
        size_t capacity;
        int fds[1024]; /* all that came, still open */
        unsigned n_fds;
        bool fds_lost;
        bool keep; /* hold the buffers in `kept` */
        IoBuffer *kept[1024];
        unsigned n_kept;
        unsigned n_records;
        unsigned n_ended;
        unsigned n_hung_up;
        int error; /* of the last record */
} Link;

/* Runs the tests on both backends; the number of failures. */
int fixture_run(const char *name, const struct CMUnitTest *tests, size_t n);

/* A test; its state is a Fixture *. */
#define FIXTURE_TEST(function)                                                                     \
        cmocka_unit_test_setup_teardown(function, fixture_setup, fixture_teardown)
int fixture_setup(void **state);
int fixture_teardown(void **state);

/* Another Io of the backend under test, for threads of a test's own. */
int fixture_new_io(Wake *wake, unsigned n_buffers, IoHandlers handlers, Io **ret_io);

/* Replaces the fixture's Io by one with so many buffers. */
void fixture_resize(Fixture *fixture, unsigned n_buffers);

unsigned fixture_count_fds(void);
unsigned fixture_count_threads(void);

/* Whether the kernel has started a worker of io_uring's for this process. */
bool fixture_has_kernel_worker(void);

/* A link is heap-allocated, added and receiving unless stated otherwise. */
Link *link_new(Fixture *fixture, unsigned n_fds_max);
Link *link_free(Fixture *fixture, Link *link);

/* Adds a completion to the link that it is for. */
void link_collect(const IoReceived *received);

/* Releases what the link holds: buffers, received fds. */
void link_release(Link *link);

/* One io_wait(), and everything that it brought is collected. */
void fixture_turn(Fixture *fixture, uint64_t timeout_ms);

/* Turns until the condition holds; fails the test after a minute. */
#define FIXTURE_UNTIL(fixture, condition)                                                          \
        do {                                                                                       \
                uint64_t until_deadline = fixture_deadline();                                      \
                while (!(condition)) {                                                             \
                        assert_true(fixture_before(until_deadline));                               \
                        fixture_turn(fixture, 100);                                                \
                }                                                                                  \
        } while (0)
uint64_t fixture_deadline(void);
bool fixture_before(uint64_t deadline);

/* Turns for so long, to see that nothing (more) happens. */
void fixture_idle(Fixture *fixture, unsigned ms);

/* Bytes that differ everywhere, so that lost or swapped ones show. */
void fixture_pattern(uint8_t *data, size_t size, uint64_t offset);
uint8_t *fixture_new_pattern(size_t size); /* to be freed */
void assert_pattern(const uint8_t *data, size_t size, uint64_t offset);

/* Writes all of it from the far end, with n fds attached to the first byte. Blocking. */
void link_write(Link *link, const void *data, size_t size);
void link_write_fds(Link *link, const void *data, size_t size, unsigned n_fds);

/* Reads exactly `size` bytes at the far end. Blocking. */
void link_read(Link *link, void *data, size_t size);

/* Writes as much of the pattern as there is room for, up to `size`; returns the new position. */
size_t link_pour(Link *link, size_t position, size_t size);

/* Reads what is there at the far end, up to `size`; returns the new position. */
size_t link_drain(Link *link, uint8_t *data, size_t position, size_t size);

/* A send of one piece from the near end. */
typedef struct Outgoing {
        IoSend send;
        struct iovec vector;
        _Alignas(struct cmsghdr) uint8_t control[CMSG_SPACE(IO_FDS_MAX * sizeof(int))];
} Outgoing;
void outgoing_init(Outgoing *outgoing, int fd, IoSendMode mode, const void *data, size_t size);
void outgoing_attach(Outgoing *outgoing, const int *fds, unsigned n_fds);

#endif
