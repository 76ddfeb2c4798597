/* SPDX-License-Identifier: Apache-2.0 */
/* See io_fixture.h. */
#include "tests/unit/io_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "broker/base/assert.h"
#include "broker/base/clock.h"

static IoBackend backend_under_test;

static void *do_nothing(void *argument)
{
        return argument;
}

int fixture_run(const char *name, const struct CMUnitTest *tests, size_t n)
{
        static const char *const names[] = {
                [IO_BACKEND_URING] = "uring", [IO_BACKEND_EPOLL] = "epoll"};
        int n_failed = 0;
        pthread_t thread;

        /* The first thread brings a sanitizer's own thread along: before threads are counted. */
        if (pthread_create(&thread, NULL, do_nothing, NULL) == 0)
                pthread_join(thread, NULL);
        for (unsigned i = 0; i < 2; i++) {
                char title[64];

                backend_under_test = (IoBackend)i;
                snprintf(title, sizeof(title), "%s on %s", name, names[i]);
                n_failed += _cmocka_run_group_tests(title, tests, n, NULL, NULL);
        }
        return n_failed;
}

static void note_hung_up(void *context, IoSocket *socket)
{
        (void)context;
        CONTAINER_OF(socket, Link, socket)->n_hung_up++;
}

static void note_sent(void *context, IoSend *send, ssize_t result)
{
        Fixture *fixture = context;

        assert_true(fixture->n_results < FIXTURE_SENDS_MAX);
        fixture->results[fixture->n_results++] = (SendResult){send, result};
        if (fixture->on_sent)
                fixture->on_sent(fixture, send, result);
}

int fixture_new_io(Wake *wake, unsigned n_buffers, IoHandlers handlers, Io **ret_io)
{
        IoOptions options = {
                .backend = backend_under_test,
                .n_buffers = n_buffers,
                .wake = wake,
                .handlers = handlers,
        };

        return io_new(&options, ret_io);
}

static void new_io(Fixture *fixture, unsigned n_buffers)
{
        IoHandlers handlers = {
                .on_sent = note_sent, .on_hung_up = note_hung_up, .context = fixture};

        assert_int_equal(fixture_new_io(&fixture->wake, n_buffers, handlers, &fixture->io), 0);
        assert_int_equal(io_backend(fixture->io), backend_under_test);
}

int fixture_setup(void **state)
{
        Fixture *fixture = calloc(1, sizeof(*fixture));

        assert_non_null(fixture);
        fixture->n_fds_before = fixture_count_fds();
        fixture->n_threads_before = fixture_count_threads();
        assert_int_equal(wake_init(&fixture->wake), 0);
        new_io(fixture, 0);
        *state = fixture;
        return 0;
}

void fixture_resize(Fixture *fixture, unsigned n_buffers)
{
        fixture->io = io_free(fixture->io);
        new_io(fixture, n_buffers);
}

int fixture_teardown(void **state)
{
        Fixture *fixture = *state;

        uint64_t deadline = fixture_deadline();

        /* Not later: a kernel worker that nobody needs goes after some seconds. */
        assert_false(fixture_has_kernel_worker());
        /* A joined thread may be listed for a while longer. */
        while (fixture_count_threads() > fixture->n_threads_before && fixture_before(deadline))
                usleep(1000);
        assert_int_equal(fixture_count_threads(), fixture->n_threads_before);
        fixture_turn(fixture, 0);
        assert_int_equal(io_buffers_free(fixture->io), io_buffers_total(fixture->io));
        fixture->io = io_free(fixture->io);
        wake_deinit(&fixture->wake);
        assert_int_equal(fixture_count_fds(), fixture->n_fds_before);
        free(fixture);
        return 0;
}

Link *link_new(Fixture *fixture, unsigned n_fds_max)
{
        Link *link = calloc(1, sizeof(*link));
        int fds[2];

        assert_non_null(link);
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
        link->socket.fd = fds[0];
        link->socket.with_fds = n_fds_max > 0;
        link->socket.n_fds_max = n_fds_max;
        link->far = fds[1];
        assert_int_equal(io_add(fixture->io, &link->socket), 0);
        io_receive(fixture->io, &link->socket);
        return link;
}

void link_release(Link *link)
{
        while (link->n_kept > 0)
                io_buffer_unref(link->kept[--link->n_kept]);
        while (link->n_fds > 0)
                close(link->fds[--link->n_fds]);
}

Link *link_free(Fixture *fixture, Link *link)
{
        link_release(link);
        if (link->socket.added) {
                if (link->socket.receiving) {
                        io_stop(fixture->io, &link->socket);
                        FIXTURE_UNTIL(fixture, !link->socket.receiving);
                        link_release(link);
                }
                io_remove(fixture->io, &link->socket);
        }
        close(link->socket.fd);
        if (link->far >= 0)
                close(link->far);
        free(link->data);
        free(link);
        return NULL;
}

static void collect_data(Link *link, const IoReceived *received)
{
        if (link->size + received->size > link->capacity) {
                link->capacity = 2 * (link->size + received->size);
                link->data = realloc(link->data, link->capacity);
                assert_non_null(link->data);
        }
        memcpy(link->data + link->size, received->data, received->size);
        link->size += received->size;
}

void link_collect(const IoReceived *received)
{
        Link *link = CONTAINER_OF(received->socket, Link, socket);

        link->n_records++;
        link->n_ended += received->ended;
        link->error = received->error;
        link->fds_lost |= received->fds_lost;
        assert_int_equal(received->socket->receiving, !received->ended);
        if (received->size > 0)
                collect_data(link, received);
        for (unsigned i = 0; i < received->n_fds; i++) {
                assert_true(link->n_fds < ARRAY_SIZE(link->fds));
                assert_int_equal(fcntl(received->fds[i], F_GETFD), FD_CLOEXEC);
                link->fds[link->n_fds++] = received->fds[i];
        }
        if (!received->buffer)
                return;
        if (link->keep) {
                assert_true(link->n_kept < ARRAY_SIZE(link->kept));
                link->kept[link->n_kept++] = received->buffer;
        } else {
                io_buffer_unref(received->buffer);
        }
}

void fixture_turn(Fixture *fixture, uint64_t timeout_ms)
{
        IoReceived received;
        bool ready;

        wake_prepare(&fixture->wake);
        ready = io_wait(fixture->io, timeout_ms * CLOCK_NS_PER_MS, timeout_ms > 0);
        wake_finish(&fixture->wake);
        assert_int_equal(ready, io_next(fixture->io, &received));
        if (!ready)
                return;
        do {
                link_collect(&received);
        } while (io_next(fixture->io, &received));
}

uint64_t fixture_deadline(void)
{
        return clock_now_ns() + FIXTURE_PATIENCE_S * CLOCK_NS_PER_S;
}

bool fixture_before(uint64_t deadline)
{
        return clock_now_ns() < deadline;
}

void fixture_idle(Fixture *fixture, unsigned ms)
{
        uint64_t deadline = clock_now_ns() + ms * CLOCK_NS_PER_MS;

        while (clock_now_ns() < deadline)
                fixture_turn(fixture, 1);
}

static uint8_t pattern_at(uint64_t position)
{
        return (uint8_t)((position * UINT64_C(0x9e3779b97f4a7c15)) >> 56);
}

void fixture_pattern(uint8_t *data, size_t size, uint64_t offset)
{
        for (size_t i = 0; i < size; i++)
                data[i] = pattern_at(offset + i);
}

uint8_t *fixture_new_pattern(size_t size)
{
        uint8_t *data = malloc(size);

        assert_non_null(data);
        fixture_pattern(data, size, 0);
        return data;
}

void assert_pattern(const uint8_t *data, size_t size, uint64_t offset)
{
        for (size_t i = 0; i < size; i++) {
                if (data[i] != pattern_at(offset + i))
                        fail_msg("byte %zu of %zu differs", i, size);
        }
}

void link_write_fds(Link *link, const void *data, size_t size, unsigned n_fds)
{
        /* Not an end of the link itself: the received copy would keep it open. */
        const int fd = STDERR_FILENO;
        const uint8_t *rest = data;
        _Alignas(struct cmsghdr) uint8_t control[CMSG_SPACE(IO_FDS_MAX * sizeof(int))] = {0};

        while (size > 0) {
                struct iovec vector = {.iov_base = (void *)(uintptr_t)rest, .iov_len = size};
                struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1};
                ssize_t n;

                if (n_fds > 0) {
                        struct cmsghdr *header;

                        message.msg_control = control;
                        message.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
                        header = CMSG_FIRSTHDR(&message);
                        *header = (struct cmsghdr){.cmsg_len = CMSG_LEN(n_fds * sizeof(int)),
                                                   .cmsg_level = SOL_SOCKET,
                                                   .cmsg_type = SCM_RIGHTS};
                        for (unsigned i = 0; i < n_fds; i++)
                                memcpy(CMSG_DATA(header) + i * sizeof(int), &fd, sizeof(int));
                }
                n = sendmsg(link->far, &message, MSG_NOSIGNAL);
                assert_true(n > 0);
                rest += n;
                size -= (size_t)n;
                n_fds = 0;
        }
}

void link_write(Link *link, const void *data, size_t size)
{
        link_write_fds(link, data, size, 0);
}

void link_read(Link *link, void *data, size_t size)
{
        uint8_t *place = data;

        while (size > 0) {
                ssize_t n = read(link->far, place, size);

                assert_true(n > 0);
                place += n;
                size -= (size_t)n;
        }
}

void outgoing_init(Outgoing *outgoing, int fd, IoSendMode mode, const void *data, size_t size)
{
        *outgoing = (Outgoing){
                .send = {.fd = fd, .mode = mode},
                .vector = {.iov_base = (void *)(uintptr_t)data, .iov_len = size},
        };
        outgoing->send.message.msg_iov = &outgoing->vector;
        outgoing->send.message.msg_iovlen = 1;
}

void outgoing_attach(Outgoing *outgoing, const int *fds, unsigned n_fds)
{
        struct cmsghdr *header;

        outgoing->send.message.msg_control = outgoing->control;
        outgoing->send.message.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
        header = CMSG_FIRSTHDR(&outgoing->send.message);
        *header = (struct cmsghdr){.cmsg_len = CMSG_LEN(n_fds * sizeof(int)),
                                   .cmsg_level = SOL_SOCKET,
                                   .cmsg_type = SCM_RIGHTS};
        memcpy(CMSG_DATA(header), fds, n_fds * sizeof(int));
}

size_t link_pour(Link *link, size_t position, size_t size)
{
        uint8_t chunk[50000];

        while (position < size) {
                size_t n = size - position < sizeof(chunk) ? size - position : sizeof(chunk);
                ssize_t sent;

                fixture_pattern(chunk, n, position);
                sent = send(link->far, chunk, n, MSG_DONTWAIT | MSG_NOSIGNAL);
                if (sent < 0)
                        break;
                position += (size_t)sent;
        }
        return position;
}

size_t link_drain(Link *link, uint8_t *data, size_t position, size_t size)
{
        ssize_t n;

        while (position < size &&
               (n = recv(link->far, data + position, size - position, MSG_DONTWAIT)) > 0)
                position += (size_t)n;
        return position;
}
