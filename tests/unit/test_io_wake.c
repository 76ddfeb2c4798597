/* SPDX-License-Identifier: Apache-2.0 */
/* Sleeping and being woken, and two Ios in two threads; on both backends. */
#include "tests/unit/io_fixture.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/time.h>
#include <unistd.h>

#include "broker/base/assert.h"
#include "broker/base/clock.h"

/* The kernel's deferred clean-up of earlier rings of this thread may interrupt a sleep. */
enum { PIECES_MAX = 16 };

/* Sleeps for so long, in few pieces. */
static void sleep_through(Fixture *fixture, unsigned ms)
{
        uint64_t start = clock_now_ns();
        unsigned n = 0;

        do {
                fixture_turn(fixture, ms);
                n++;
        } while (clock_now_ns() - start < ms * CLOCK_NS_PER_MS);
        assert_true(n <= PIECES_MAX);
        assert_true(clock_now_ns() - start < FIXTURE_PATIENCE_S * CLOCK_NS_PER_S);
}

static void test_io_wait_with_nothing_to_do_lasts_its_timeout(void **state)
{
        Fixture *fixture = *state;
        uint64_t sleeps;

        sleep_through(fixture, 30);
        sleeps = io_counters(fixture->io)->sleeps;
        assert_true(sleeps >= 1 && sleeps <= PIECES_MAX);
        assert_false(io_wait(fixture->io, 0, true));
        assert_false(io_wait(fixture->io, UINT64_MAX, false));
        assert_int_equal(io_counters(fixture->io)->sleeps, sleeps);
}

static void test_io_wait_with_undelivered_records_does_not_sleep(void **state)
{
        Fixture *fixture = *state;
        Link *link = link_new(fixture, 0);

        link_write(link, "x", 1);
        while (!io_wait(fixture->io, 0, false))
                ;
        assert_true(io_wait(fixture->io, UINT64_MAX, true));
        fixture_turn(fixture, 0);
        assert_int_equal(link->size, 1);
        link_free(fixture, link);
}

static void test_io_wait_ends_when_data_come(void **state)
{
        Fixture *fixture = *state;
        Link *link = link_new(fixture, 0);

        link_write(link, "x", 1);
        assert_true(io_wait(fixture->io, UINT64_MAX, true));
        fixture_turn(fixture, 0);
        link_free(fixture, link);
}

typedef struct Waker {
        Wake *wake;
        atomic_bool stop;
        atomic_uint n_writes;
} Waker;

static void count_write(Waker *waker)
{
        if (wake_up(waker->wake))
                atomic_fetch_add_explicit(&waker->n_writes, 1, memory_order_relaxed);
}

static unsigned n_writes(Waker *waker)
{
        return atomic_load_explicit(&waker->n_writes, memory_order_relaxed);
}

static void *wake_once(void *argument)
{
        Waker *waker = argument;

        usleep(30 * 1000);
        count_write(waker);
        return NULL;
}

static void test_io_wait_ends_when_another_thread_wakes(void **state)
{
        Fixture *fixture = *state;

        for (int i = 0; i < 3; i++) {
                Waker waker = {.wake = &fixture->wake};
                uint64_t start = clock_now_ns();
                pthread_t thread;

                wake_prepare(&fixture->wake); /* first: a wake-up before it would be none */
                assert_int_equal(pthread_create(&thread, NULL, wake_once, &waker), 0);
                while (atomic_load_explicit(&fixture->wake.sleeping, memory_order_relaxed) == 1)
                        assert_false(
                                io_wait(fixture->io, FIXTURE_TOO_LONG_S * CLOCK_NS_PER_S, true));
                wake_finish(&fixture->wake);
                assert_true(clock_now_ns() - start < FIXTURE_PATIENCE_S * CLOCK_NS_PER_S);
                pthread_join(thread, NULL);
                assert_int_equal(n_writes(&waker), 1);
                /* Awake: nobody writes; and the eventfd was emptied, so the next sleep is one. */
                assert_false(wake_up(&fixture->wake));
                sleep_through(fixture, 20);
        }
}

static void *wake_always(void *argument)
{
        Waker *waker = argument;

        while (!atomic_load_explicit(&waker->stop, memory_order_acquire))
                count_write(waker);
        return NULL;
}

static void test_io_wake_ups_are_at_most_one_for_each_sleep(void **state)
{
        enum { N = 300 };
        Fixture *fixture = *state;
        Waker waker = {.wake = &fixture->wake};
        pthread_t thread;

        assert_int_equal(pthread_create(&thread, NULL, wake_always, &waker), 0);
        for (int i = 0; i < N; i++)
                fixture_turn(fixture, 1000);
        atomic_store_explicit(&waker.stop, true, memory_order_release);
        pthread_join(thread, NULL);
        assert_true(n_writes(&waker) <= N);
        assert_true(n_writes(&waker) > 0);
}

static void ignore_signal(int number)
{
        (void)number;
}

static void test_io_wait_interrupted_by_a_signal_returns_and_goes_on(void **state)
{
        Fixture *fixture = *state;
        Link *link = link_new(fixture, 0);
        struct sigaction action = {.sa_handler = ignore_signal};
        struct sigaction before;
        struct itimerval timer = {.it_value.tv_usec = 20 * 1000};

        fixture_turn(fixture, 0);
        assert_int_equal(sigaction(SIGALRM, &action, &before), 0);
        assert_int_equal(setitimer(ITIMER_REAL, &timer, NULL), 0);
        fixture_turn(fixture, 5000);
        assert_int_equal(link->n_records, 0);
        assert_int_equal(sigaction(SIGALRM, &before, NULL), 0);
        link_write(link, "on", 2);
        FIXTURE_UNTIL(fixture, link->size == 2);
        link_free(fixture, link);
}

/* A thread with an Io of its own that echoes what it receives until the stream ends. */
typedef struct Echo {
        int fd;
        int result; /* 0: all went well */
        uint64_t kernel_entries;
        uint64_t n_messages;
        Outgoing outgoing;
        bool sent;
} Echo;

static void echo_sent(void *context, IoSend *send, ssize_t result)
{
        Echo *echo = context;

        if (result != (ssize_t)send->message.msg_iov[0].iov_len)
                echo->result = 1;
        echo->sent = true;
}

static void echo_message(Echo *echo, Io *io, const IoReceived *received)
{
        outgoing_init(&echo->outgoing, echo->fd, IO_SEND_ALL, received->data, received->size);
        echo->sent = false;
        io_send(io, &echo->outgoing.send);
        while (!echo->sent)
                io_wait(io, CLOCK_NS_PER_S, false);
        echo->n_messages++;
        io_buffer_unref(received->buffer);
}

static void *run_echo(void *argument)
{
        Echo *echo = argument;
        IoHandlers handlers = {.on_sent = echo_sent, .context = echo};
        IoSocket socket = {.fd = echo->fd};
        IoReceived received;
        Wake wake;
        Io *io = NULL;
        bool over = false;

        if (wake_init(&wake) < 0 || fixture_new_io(&wake, 32, handlers, &io) < 0 ||
            io_add(io, &socket) < 0) {
                echo->result = 2;
                return NULL;
        }
        io_receive(io, &socket);
        while (!over) {
                wake_prepare(&wake);
                io_wait(io, 5 * CLOCK_NS_PER_S, true);
                wake_finish(&wake);
                while (io_next(io, &received)) {
                        if (received.size > 0)
                                echo_message(echo, io, &received);
                        over |= received.ended;
                }
        }
        io_remove(io, &socket);
        echo->kernel_entries = io_counters(io)->kernel_entries;
        io_free(io);
        wake_deinit(&wake);
        return NULL;
}

static void test_io_two_threads_play_ping_pong(void **state)
{
        enum { N = 500, SIZE = 200 };
        Fixture *fixture = *state;
        Link *link = link_new(fixture, 0);
        Echo echo = {.fd = link->far};
        uint8_t data[SIZE];
        Outgoing outgoing;
        pthread_t thread;

        assert_int_equal(pthread_create(&thread, NULL, run_echo, &echo), 0);
        for (unsigned i = 0; i < N; i++) {
                fixture_pattern(data, SIZE, i);
                fixture->n_results = 0;
                link->size = 0;
                outgoing_init(&outgoing, link->socket.fd, IO_SEND_TRY, data, SIZE);
                io_send(fixture->io, &outgoing.send);
                FIXTURE_UNTIL(fixture, link->size == SIZE);
                assert_memory_equal(link->data, data, SIZE);
        }
        shutdown(link->socket.fd, SHUT_WR);
        pthread_join(thread, NULL);
        assert_int_equal(echo.result, 0);
        assert_int_equal(echo.n_messages, N);
        print_message("          %d round trips: %u + %u kernel entries\n", N,
                      (unsigned)io_counters(fixture->io)->kernel_entries,
                      (unsigned)echo.kernel_entries);
        link_free(fixture, link);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                FIXTURE_TEST(test_io_wait_with_nothing_to_do_lasts_its_timeout),
                FIXTURE_TEST(test_io_wait_with_undelivered_records_does_not_sleep),
                FIXTURE_TEST(test_io_wait_ends_when_data_come),
                FIXTURE_TEST(test_io_wait_ends_when_another_thread_wakes),
                FIXTURE_TEST(test_io_wake_ups_are_at_most_one_for_each_sleep),
                FIXTURE_TEST(test_io_wait_interrupted_by_a_signal_returns_and_goes_on),
                FIXTURE_TEST(test_io_two_threads_play_ping_pong),
        };

        return fixture_run("io_wake", tests, ARRAY_SIZE(tests));
}
