/* SPDX-License-Identifier: Apache-2.0 */
/* See gate_fixture.h. */

#include "tests/unit/gate_fixture.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "broker/base/clock.h"

unsigned fixture_count_fds(void)
{
        DIR *folder = opendir("/proc/self/fd");
        unsigned n = 0;

        assert_non_null(folder);
        while (readdir(folder))
                n++;
        closedir(folder);
        return n;
}

static void deliver(void *context, GateConnection *connection)
{
        Fixture *fixture = context;

        pthread_mutex_lock(&fixture->mutex);
        fixture->n_waiting++;
        pthread_cond_broadcast(&fixture->changed);
        while (fixture->held)
                pthread_cond_wait(&fixture->changed, &fixture->mutex);
        fixture->n_waiting--;
        if (!fixture->completes) {
                ASSERT(fixture->n_delivered - fixture->n_taken < FIXTURE_DELIVERED_MAX);
                fixture->delivered[fixture->n_delivered++ % FIXTURE_DELIVERED_MAX] = connection;
                connection = NULL;
        }
        pthread_cond_broadcast(&fixture->changed);
        pthread_mutex_unlock(&fixture->mutex);
        if (connection) {
                gate_complete(fixture->gate, connection->ticket);
                gate_connection_free(connection);
        }
}

/* An abstract address that the kernel chooses. */
static void open_listener(FixtureListener *listener)
{
        listener->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        assert_true(listener->fd >= 0);
        listener->address.sun_family = AF_UNIX;
        assert_int_equal(bind(listener->fd, (const struct sockaddr *)&listener->address,
                              sizeof(sa_family_t)),
                         0);
        assert_int_equal(listen(listener->fd, 512), 0);
        listener->address_size = sizeof(listener->address);
        assert_int_equal(getsockname(listener->fd, (struct sockaddr *)&listener->address,
                                     &listener->address_size),
                         0);
}

int fixture_setup(void **state)
{
        Fixture *fixture = calloc(1, sizeof(*fixture));

        assert_non_null(fixture);
        fixture->n_fds_before = fixture_count_fds();
        for (size_t i = 0; i < ARRAY_SIZE(fixture->listeners); i++)
                open_listener(&fixture->listeners[i]);
        pthread_mutex_init(&fixture->mutex, NULL);
        pthread_cond_init(&fixture->changed, NULL);
        fixture->options = (GateOptions){
                .bus_uid = geteuid(),
                .mechanisms = SASL_MECHANISM_EXTERNAL,
                .max_incomplete = 64,
                .auth_timeout_ms = 30000,
                .max_message_unix_fds = 16,
                .deliver = deliver,
                .context = fixture,
        };
        *state = fixture;
        return 0;
}

static GateConnection *take_oldest(Fixture *fixture)
{
        return fixture->delivered[fixture->n_taken++ % FIXTURE_DELIVERED_MAX];
}

int fixture_teardown(void **state)
{
        Fixture *fixture = *state;

        gate_stop(fixture->gate);
        /* Such as that of a client which said BEGIN and left: nobody waited for it. */
        while (fixture->n_taken < fixture->n_delivered)
                fixture_complete(fixture, take_oldest(fixture));
        fixture->gate = gate_free(fixture->gate);
        for (size_t i = 0; i < ARRAY_SIZE(fixture->listeners); i++)
                close(fixture->listeners[i].fd);
        assert_int_equal(fixture_count_fds(), fixture->n_fds_before);
        pthread_cond_destroy(&fixture->changed);
        pthread_mutex_destroy(&fixture->mutex);
        free(fixture);
        return 0;
}

void fixture_start(Fixture *fixture)
{
        GateListener listeners[] = {
                {.fd = fixture->listeners[0].fd, .guid = FIXTURE_GUID},
                {.fd = fixture->listeners[1].fd, .guid = FIXTURE_OTHER_GUID},
        };

        fixture->options.listeners = listeners;
        fixture->options.n_listeners = ARRAY_SIZE(listeners);
        assert_int_equal(gate_new(&fixture->options, &fixture->gate), 0);
        fixture->options.listeners = NULL;
}

int fixture_connect_to(const FixtureListener *listener)
{
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        assert_true(fd >= 0);
        assert_int_equal(
                connect(fd, (const struct sockaddr *)&listener->address, listener->address_size),
                0);
        return fd;
}

int fixture_connect(const Fixture *fixture)
{
        return fixture_connect_to(&fixture->listeners[0]);
}

void fixture_send(int fd, const void *data, size_t size)
{
        assert_int_equal(send(fd, data, size, MSG_NOSIGNAL), size);
}

int fixture_connect_half_open(const Fixture *fixture)
{
        int fd = fixture_connect(fixture);

        fixture_say(fd, "\0AUTH EXTERNAL\r\n");
        return fd;
}

void fixture_send_fds(int fd, const void *data, size_t size, const int *fds, unsigned n_fds)
{
        union {
                struct cmsghdr align;
                char room[CMSG_SPACE(64 * sizeof(int))];
        } control = {.room = {0}};
        char copy[512];
        struct iovec iovec = {.iov_base = copy, .iov_len = size};
        struct msghdr message = {
                .msg_iov = &iovec,
                .msg_iovlen = 1,
                .msg_control = &control,
                .msg_controllen = CMSG_SPACE(n_fds * sizeof(int)),
        };
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);

        assert_true(size <= sizeof(copy) && n_fds <= 64);
        memcpy(copy, data, size);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(n_fds * sizeof(int));
        memcpy(CMSG_DATA(header), fds, n_fds * sizeof(int));
        assert_int_equal(sendmsg(fd, &message, MSG_NOSIGNAL), size);
}

static void wait_readable(int fd)
{
        struct pollfd poller = {.fd = fd, .events = POLLIN};

        assert_int_equal(poll(&poller, 1, FIXTURE_WAIT_MS), 1);
}

void fixture_expect(int fd, const char *text)
{
        char buffer[1024] = "";
        size_t size = strlen(text);
        size_t n = 0;

        assert_true(size < sizeof(buffer));
        while (n < size) {
                ssize_t r;

                wait_readable(fd);
                r = recv(fd, buffer + n, size - n, 0);
                if (r <= 0)
                        fail_msg("ended behind \"%s\" instead of \"%s\"", buffer, text);
                n += (size_t)r;
        }
        assert_string_equal(buffer, text);
}

void fixture_expect_closed(int fd)
{
        char byte;
        ssize_t n;

        wait_readable(fd);
        n = recv(fd, &byte, 1, 0);
        /* ECONNRESET: the gate closed without having read everything. */
        assert_true(n == 0 || (n < 0 && errno == ECONNRESET));
}

void fixture_expect_silence(int fd, int ms)
{
        struct pollfd poller = {.fd = fd, .events = POLLIN};

        assert_int_equal(poll(&poller, 1, ms), 0);
}

static uint64_t process_cpu_ns(void)
{
        struct timespec used;

        assert_int_equal(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used), 0);
        return (uint64_t)used.tv_sec * CLOCK_NS_PER_S + (uint64_t)used.tv_nsec;
}

void fixture_expect_idle(unsigned ms)
{
        for (unsigned i = 0; i < FIXTURE_IDLE_TRIES; i++) {
                uint64_t before_ns = process_cpu_ns();

                usleep(ms * 1000);
                if (process_cpu_ns() - before_ns < ms * CLOCK_NS_PER_MS / 4)
                        return;
        }
        fail_msg("the process is never idle");
}

struct timespec fixture_end_of_wait(void)
{
        struct timespec end;

        clock_gettime(CLOCK_REALTIME, &end);
        end.tv_sec += FIXTURE_WAIT_MS / 1000;
        return end;
}

GateConnection *fixture_take(Fixture *fixture)
{
        struct timespec end = fixture_end_of_wait();
        GateConnection *connection = NULL;
        int error = 0;

        pthread_mutex_lock(&fixture->mutex);
        while (fixture->n_taken == fixture->n_delivered && !error)
                error = pthread_cond_timedwait(&fixture->changed, &fixture->mutex, &end);
        if (!error)
                connection = take_oldest(fixture);
        pthread_mutex_unlock(&fixture->mutex);
        assert_non_null(connection);
        return connection;
}

void fixture_expect_none_delivered(Fixture *fixture)
{
        pthread_mutex_lock(&fixture->mutex);
        assert_int_equal(fixture->n_delivered, fixture->n_taken);
        pthread_mutex_unlock(&fixture->mutex);
}

void fixture_complete(Fixture *fixture, GateConnection *connection)
{
        gate_complete(fixture->gate, connection->ticket);
        gate_connection_free(connection);
}

/* A client of its own is what the gate is delivering while it stands still. */
void fixture_hold(Fixture *fixture)
{
        struct timespec end = fixture_end_of_wait();
        int fd = fixture_connect(fixture);
        int error = 0;

        pthread_mutex_lock(&fixture->mutex);
        fixture->held = true;
        pthread_mutex_unlock(&fixture->mutex);
        fixture_say(fd, "\0AUTH EXTERNAL\r\nDATA\r\nBEGIN\r\n");
        pthread_mutex_lock(&fixture->mutex);
        while (fixture->n_waiting == 0 && !error)
                error = pthread_cond_timedwait(&fixture->changed, &fixture->mutex, &end);
        pthread_mutex_unlock(&fixture->mutex);
        assert_int_equal(error, 0);
        close(fd);
}

void fixture_release(Fixture *fixture)
{
        pthread_mutex_lock(&fixture->mutex);
        fixture->held = false;
        pthread_cond_broadcast(&fixture->changed);
        pthread_mutex_unlock(&fixture->mutex);
        fixture_complete(fixture, fixture_take(fixture));
}

GateCounters fixture_counters(const Fixture *fixture)
{
        GateCounters counters;

        gate_read_counters(fixture->gate, &counters);
        return counters;
}

static void wait_counter(const Fixture *fixture, size_t offset, uint64_t min, uint64_t max)
{
        uint64_t end_ns = clock_now_ns() + FIXTURE_WAIT_MS * CLOCK_NS_PER_MS;
        uint64_t value;

        for (;;) {
                GateCounters counters = fixture_counters(fixture);

                memcpy(&value, (const char *)&counters + offset, sizeof(value));
                if (value >= min && value <= max)
                        return;
                if (clock_now_ns() > end_ns)
                        break;
                usleep(1000);
        }
        fail_msg("the counter stays at %llu", (unsigned long long)value);
}

void fixture_wait_refused(Fixture *fixture, uint64_t n)
{
        wait_counter(fixture, offsetof(GateCounters, refused), n, UINT64_MAX);
}

void fixture_wait_accepted(Fixture *fixture, uint64_t n)
{
        wait_counter(fixture, offsetof(GateCounters, accepted), n, UINT64_MAX);
}

void fixture_wait_incomplete(Fixture *fixture, uint64_t n)
{
        wait_counter(fixture, offsetof(GateCounters, incomplete), n, n);
}

void fixture_run_as(uid_t uid, void (*body)(Fixture *fixture), Fixture *fixture)
{
        const gid_t groups[] = {uid + 2, uid + 1, uid + 2};
        int status;
        pid_t pid = fork();

        assert_true(pid >= 0);
        if (pid == 0) {
                setenv("CMOCKA_TEST_ABORT", "1", 1); /* a failed check must end this process */
                if (setgroups(3, groups) < 0 || setresgid(uid, uid, uid) < 0 ||
                    setresuid(uid, uid, uid) < 0)
                        _exit(100);
                body(fixture);
                _exit(0);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
}
