/* SPDX-License-Identifier: Apache-2.0 */
/* Receive buffers: exhaustion, returns from other threads, no heap on the way; on both backends. */
#include "tests/unit/io_fixture.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "broker/base/alloc.h"
#include "broker/base/assert.h"
#include "broker/base/clock.h"

/* The linker routes every call of broker/base/alloc.h through these (--wrap). */
static unsigned n_allocations;

void *__real_alloc_bytes(size_t size);
void *__wrap_alloc_bytes(size_t size);
void *__real_alloc_zeroed(size_t n, size_t size);
void *__wrap_alloc_zeroed(size_t n, size_t size);
void *__real_alloc_resize(void *pointer, size_t size);
void *__wrap_alloc_resize(void *pointer, size_t size);

void *__wrap_alloc_bytes(size_t size)
{
        n_allocations++;
        return __real_alloc_bytes(size);
}

void *__wrap_alloc_zeroed(size_t n, size_t size)
{
        n_allocations++;
        return __real_alloc_zeroed(n, size);
}

void *__wrap_alloc_resize(void *pointer, size_t size)
{
        n_allocations++;
        return __real_alloc_resize(pointer, size);
}

/* Leaves the Io without a free buffer: `link` holds all of them. */
static void exhaust(Fixture *fixture, Link *link)
{
        link->keep = true;
        while (io_buffers_free(fixture->io) > 0) {
                size_t size = link->size;

                link_write(link, "hold", 4);
                FIXTURE_UNTIL(fixture, link->size == size + 4);
        }
        assert_int_equal(link->n_kept, io_buffers_total(fixture->io));
        link->keep = false;
}

static void test_io_buffers_all_held_stalls_others_until_they_come_back(void **state)
{
        enum { N = 5, SIZE = 40 * 1000 };
        Fixture *fixture = *state;
        Link *holder;
        Link *others[N];
        uint8_t *data = malloc(SIZE);
        uint64_t entries;

        assert_non_null(data);
        fixture_pattern(data, SIZE, 0);
        fixture_resize(fixture, 8);
        holder = link_new(fixture, 0);
        for (unsigned i = 0; i < N; i++)
                others[i] = link_new(fixture, i % 2 ? 16 : 0);
        fixture_turn(fixture, 0);
        exhaust(fixture, holder);
        for (unsigned i = 0; i < N; i++)
                link_write_fds(others[i], data, SIZE, i % 2 ? 2 : 0);
        link_write(holder, "too", 3);
        fixture_idle(fixture, 10);
        entries = io_counters(fixture->io)->kernel_entries;
        fixture_idle(fixture, 50);
        entries = io_counters(fixture->io)->kernel_entries - entries;
        /* At most one look for each of the 50 waits: a stalled socket does not make it spin. */
        assert_true(entries <= 120);
        assert_true(io_counters(fixture->io)->buffer_stalls > 0);
        assert_int_equal(io_buffers_free(fixture->io), 0);
        for (unsigned i = 0; i < N; i++)
                assert_int_equal(others[i]->n_records, 0);
        link_release(holder);
        for (unsigned i = 0; i < N; i++) {
                FIXTURE_UNTIL(fixture, others[i]->size == SIZE);
                assert_memory_equal(others[i]->data, data, SIZE);
                assert_int_equal(others[i]->n_fds, i % 2 ? 2 : 0);
        }
        FIXTURE_UNTIL(fixture, holder->size == 8 * 4 + 3);
        for (unsigned i = 0; i < N; i++)
                link_free(fixture, others[i]);
        link_free(fixture, holder);
        free(data);
}

static void test_io_buffers_stalled_socket_can_be_stopped_and_removed(void **state)
{
        Fixture *fixture = *state;
        Link *holder;
        Link *stopped;
        Link *removed;

        fixture_resize(fixture, 4);
        holder = link_new(fixture, 0);
        stopped = link_new(fixture, 0);
        removed = link_new(fixture, 0);
        exhaust(fixture, holder);
        link_write(stopped, "s", 1);
        link_write(removed, "r", 1);
        fixture_idle(fixture, 10);
        io_stop(fixture->io, &stopped->socket);
        io_remove(fixture->io, &removed->socket);
        FIXTURE_UNTIL(fixture, stopped->n_ended == 1);
        link_release(holder);
        fixture_idle(fixture, 10);
        assert_int_equal(removed->n_records, 0);
        io_receive(fixture->io, &stopped->socket);
        FIXTURE_UNTIL(fixture, stopped->size == 1);
        link_free(fixture, removed);
        link_free(fixture, stopped);
        link_free(fixture, holder);
}

static void test_io_buffers_more_references_keep_the_bytes(void **state)
{
        Fixture *fixture = *state;
        Link *link = link_new(fixture, 0);
        IoReceived received;
        unsigned free_before = io_buffers_free(fixture->io);

        link_write(link, "precious", 8);
        while (!io_wait(fixture->io, 0, false))
                ;
        assert_true(io_next(fixture->io, &received));
        assert_int_equal(io_buffers_free(fixture->io), free_before - 1);
        io_buffer_ref(received.buffer);
        io_buffer_unref(received.buffer);
        assert_memory_equal(received.data, "precious", 8);
        assert_int_equal(io_buffers_free(fixture->io), free_before - 1);
        io_buffer_unref(received.buffer);
        assert_int_equal(io_buffers_free(fixture->io), free_before);
        link_free(fixture, link);
}

typedef struct Returner {
        IoBuffer **buffers;
        unsigned n;
} Returner;

static void *return_later(void *argument)
{
        Returner *returner = argument;

        usleep(30 * 1000);
        for (unsigned i = 0; i < returner->n; i++)
                io_buffer_unref(returner->buffers[i]);
        return NULL;
}

static void test_io_buffers_returned_by_another_thread_wake_a_starving_sleeper(void **state)
{
        Fixture *fixture = *state;

        /* The socket stalls when data come, or is armed when there is no buffer at all. */
        for (int late = 0; late < 2; late++) {
                Link *holder;
                Link *link;
                Returner returner;
                pthread_t thread;
                uint64_t start;

                fixture_resize(fixture, 4);
                holder = link_new(fixture, 0);
                link = late ? NULL : link_new(fixture, 0);
                exhaust(fixture, holder);
                if (!link)
                        link = link_new(fixture, 0);
                link_write(link, "x", 1);
                returner = (Returner){holder->kept, holder->n_kept};
                start = clock_now_ns();
                assert_int_equal(pthread_create(&thread, NULL, return_later, &returner), 0);
                while (link->size == 0)
                        fixture_turn(fixture, FIXTURE_TOO_LONG_S * 1000);
                assert_true(clock_now_ns() - start < FIXTURE_PATIENCE_S * CLOCK_NS_PER_S);
                pthread_join(thread, NULL);
                holder->n_kept = 0;
                link_free(fixture, link);
                link_free(fixture, holder);
        }
}

/* The only buffer that comes back goes to the socket with data, though others waited longer. */
static void test_io_buffers_idle_sockets_first_in_line_do_not_hold_up_data(void **state)
{
        enum { N = 4 };
        Fixture *fixture = *state;
        Link *holder;
        Link *links[N];
        uint64_t start;

        fixture_resize(fixture, 4);
        holder = link_new(fixture, 0);
        exhaust(fixture, holder);
        for (unsigned i = 0; i < N; i++)
                links[i] = link_new(fixture, 0);
        link_write(links[N - 1], "x", 1);
        fixture_turn(fixture, 0);
        io_buffer_unref(holder->kept[--holder->n_kept]);
        start = clock_now_ns();
        while (links[N - 1]->size == 0)
                fixture_turn(fixture, FIXTURE_TOO_LONG_S * 1000);
        assert_true(clock_now_ns() - start < FIXTURE_PATIENCE_S * CLOCK_NS_PER_S);
        for (unsigned i = 0; i < N; i++)
                link_free(fixture, links[i]);
        link_free(fixture, holder);
}

static void test_io_buffers_returned_by_another_thread_wake_nobody_who_has_some(void **state)
{
        Fixture *fixture = *state;
        Link *link = link_new(fixture, 0);
        Returner returner;
        pthread_t thread;
        uint64_t start;

        link->keep = true;
        link_write(link, "x", 1);
        FIXTURE_UNTIL(fixture, link->size == 1);
        fixture_turn(fixture, 0);
        returner = (Returner){link->kept, link->n_kept};
        wake_prepare(&fixture->wake);
        assert_int_equal(pthread_create(&thread, NULL, return_later, &returner), 0);
        start = clock_now_ns();
        while (clock_now_ns() - start < 60 * CLOCK_NS_PER_MS)
                io_wait(fixture->io, 60 * CLOCK_NS_PER_MS, true);
        pthread_join(thread, NULL);
        /* The flag still stands: nobody has woken this thread. */
        assert_true(wake_up(&fixture->wake));
        wake_finish(&fixture->wake);
        link->n_kept = 0;
        fixture_turn(fixture, 0);
        link_free(fixture, link);
}

static void test_io_buffers_plain_traffic_allocates_nothing(void **state)
{
        enum { N_LINKS = 40, N_ROUNDS = 100 };
        Fixture *fixture = *state;
        Link *links[N_LINKS];
        Outgoing outgoing[N_LINKS];
        uint64_t entries;
        unsigned n_before;

        for (unsigned i = 0; i < N_LINKS; i++) {
                links[i] = link_new(fixture, 16);
                outgoing_init(&outgoing[i], links[i]->socket.fd, IO_SEND_TRY, "pong", 4);
        }
        fixture_turn(fixture, 0);
        n_before = n_allocations;
        entries = io_counters(fixture->io)->kernel_entries;
        for (unsigned round = 1; round <= N_ROUNDS; round++) {
                char text[4];

                for (unsigned i = 0; i < N_LINKS; i++) {
                        link_write(links[i], "ping", 4);
                        links[i]->size = 0;
                }
                for (unsigned i = 0; i < N_LINKS; i++)
                        FIXTURE_UNTIL(fixture, links[i]->size == 4);
                fixture->n_results = 0;
                for (unsigned i = 0; i < N_LINKS; i++)
                        io_send(fixture->io, &outgoing[i].send);
                io_submit(fixture->io);
                assert_int_equal(fixture->n_results, N_LINKS);
                for (unsigned i = 0; i < N_LINKS; i++)
                        link_read(links[i], text, 4);
        }
        entries = io_counters(fixture->io)->kernel_entries - entries;
        print_message("          %d messages received and answered: %u kernel entries\n",
                      N_LINKS * N_ROUNDS, (unsigned)entries);
        if (io_backend(fixture->io) == IO_BACKEND_URING)
                assert_true(entries <= N_LINKS * N_ROUNDS / 8);
        assert_int_equal(n_allocations, n_before);
        for (unsigned i = 0; i < N_LINKS; i++)
                link_free(fixture, links[i]);
}

/* Buffers go from the Io's thread to others, which check and return them. */
typedef struct Belt {
        pthread_mutex_t lock;
        pthread_cond_t filled;
        struct {
                IoBuffer *buffer;
                const uint8_t *data;
                size_t size;
                uint64_t offset;
        } parcels[64];
        unsigned n;
        bool over;
        atomic_uint n_wrong;
} Belt;

static void *check_parcels(void *argument)
{
        Belt *belt = argument;
        static _Thread_local uint8_t expected[2 * IO_BUFFER_SIZE];

        for (;;) {
                unsigned last;

                pthread_mutex_lock(&belt->lock);
                while (belt->n == 0 && !belt->over)
                        pthread_cond_wait(&belt->filled, &belt->lock);
                if (belt->n == 0) {
                        pthread_mutex_unlock(&belt->lock);
                        return NULL;
                }
                last = --belt->n;
                IoBuffer *buffer = belt->parcels[last].buffer;
                const uint8_t *data = belt->parcels[last].data;
                size_t size = belt->parcels[last].size;
                uint64_t offset = belt->parcels[last].offset;
                pthread_mutex_unlock(&belt->lock);
                fixture_pattern(expected, size, offset);
                if (memcmp(expected, data, size) != 0)
                        atomic_fetch_add_explicit(&belt->n_wrong, 1, memory_order_relaxed);
                io_buffer_unref(buffer);
        }
}

static void test_io_buffers_used_up_by_other_threads_carry_a_stream_unharmed(void **state)
{
        enum { SIZE = 6 * 1000 * 1000, N_THREADS = 2 };
        Fixture *fixture = *state;
        Link *link;
        Belt *belt = calloc(1, sizeof(*belt));
        uint8_t *data = malloc(SIZE);
        pthread_t threads[N_THREADS];
        size_t written = 0;
        size_t got = 0;

        assert_true(belt && data);
        fixture_pattern(data, SIZE, 0);
        fixture_resize(fixture, 8);
        link = link_new(fixture, 16);
        pthread_mutex_init(&belt->lock, NULL);
        pthread_cond_init(&belt->filled, NULL);
        for (unsigned i = 0; i < N_THREADS; i++)
                assert_int_equal(pthread_create(&threads[i], NULL, check_parcels, belt), 0);
        while (got < SIZE) {
                IoReceived received;
                ssize_t n = send(link->far, data + written, SIZE - written, MSG_DONTWAIT);

                written += n > 0 ? (size_t)n : 0;
                wake_prepare(&fixture->wake);
                io_wait(fixture->io, 5 * CLOCK_NS_PER_S, true);
                wake_finish(&fixture->wake);
                while (io_next(fixture->io, &received)) {
                        pthread_mutex_lock(&belt->lock);
                        belt->parcels[belt->n].buffer = received.buffer;
                        belt->parcels[belt->n].data = received.data;
                        belt->parcels[belt->n].size = received.size;
                        belt->parcels[belt->n++].offset = got;
                        pthread_cond_signal(&belt->filled);
                        pthread_mutex_unlock(&belt->lock);
                        got += received.size;
                }
        }
        pthread_mutex_lock(&belt->lock);
        belt->over = true;
        pthread_cond_broadcast(&belt->filled);
        pthread_mutex_unlock(&belt->lock);
        for (unsigned i = 0; i < N_THREADS; i++)
                pthread_join(threads[i], NULL);
        assert_int_equal(atomic_load_explicit(&belt->n_wrong, memory_order_relaxed), 0);
        pthread_mutex_destroy(&belt->lock);
        pthread_cond_destroy(&belt->filled);
        free(belt);
        free(data);
        link_free(fixture, link);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                FIXTURE_TEST(test_io_buffers_all_held_stalls_others_until_they_come_back),
                FIXTURE_TEST(test_io_buffers_stalled_socket_can_be_stopped_and_removed),
                FIXTURE_TEST(test_io_buffers_more_references_keep_the_bytes),
                FIXTURE_TEST(test_io_buffers_returned_by_another_thread_wake_a_starving_sleeper),
                FIXTURE_TEST(test_io_buffers_returned_by_another_thread_wake_nobody_who_has_some),
                FIXTURE_TEST(test_io_buffers_idle_sockets_first_in_line_do_not_hold_up_data),
                FIXTURE_TEST(test_io_buffers_plain_traffic_allocates_nothing),
                FIXTURE_TEST(test_io_buffers_used_up_by_other_threads_carry_a_stream_unharmed),
        };

        return fixture_run("io_buffers", tests, ARRAY_SIZE(tests));
}
