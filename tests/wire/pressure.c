/* SPDX-License-Identifier: Apache-2.0 */

/* See pressure.h. */

#include "tests/wire/pressure.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define PRESSURE_SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define PRESSURE_SANITIZED 1
#endif

#ifdef PRESSURE_SANITIZED
enum { PRESSURE_SLOWNESS = 5 };
#else
enum { PRESSURE_SLOWNESS = 1 };
#endif

bool pressure_sees_memory(void)
{
        return PRESSURE_SLOWNESS == 1;
}

int pressure_start_one_worker(void **state, const BusOptions *options)
{
        const char *workers = getenv("RINGBUS_TEST_WORKERS");
        char *before = workers ? strdup(workers) : NULL;
        int r;

        setenv("RINGBUS_TEST_WORKERS", "1", 1);
        r = scene_start_bus(state, options);
        unsetenv("RINGBUS_TEST_WORKERS");
        if (before)
                setenv("RINGBUS_TEST_WORKERS", before, 1);
        free(before);
        return r;
}

static int64_t pressure_read_ms(clockid_t clock)
{
        struct timespec now;

        if (clock_gettime(clock, &now) < 0)
                return -1;
        return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t pressure_now_ms(void)
{
        return pressure_read_ms(CLOCK_MONOTONIC);
}

int64_t pressure_spent_ms(const Bus *bus)
{
        clockid_t clock;

        return clock_getcpuclockid(bus->pid, &clock) == 0 ? pressure_read_ms(clock) : -1;
}

int64_t pressure_limit_ms(int64_t limit_ms)
{
        return limit_ms * PRESSURE_SLOWNESS;
}

size_t pressure_push(RawClient *client, const Marshal *bytes, int patience_ms)
{
        struct pollfd room = {.fd = client->fd, .events = POLLOUT};
        size_t n_written = 0;

        while (n_written < bytes->size) {
                ssize_t n = send(client->fd, bytes->data + n_written, bytes->size - n_written,
                                 MSG_DONTWAIT | MSG_NOSIGNAL);

                if (n >= 0)
                        n_written += (size_t)n;
                else if (errno != EINTR && errno != EAGAIN)
                        break;
                else if (poll(&room, 1, patience_ms) == 0)
                        break;
        }
        return n_written;
}

void pressure_build(Marshal *bytes, const RawHeader *header, const Marshal *body, uint32_t first,
                    uint32_t n)
{
        RawHeader full = *header;

        for (uint32_t i = 0; i < n; i++) {
                Marshal one;

                full.serial = first + i;
                marshal_init(&one, bytes->big_endian);
                rawmessage_build(&full, body, &one);
                marshal_bytes(bytes, one.data, one.size);
                marshal_deinit(&one);
        }
}

void pressure_body(Marshal *body, size_t size)
{
        char *text = malloc(size + 1);

        if (!text)
                abort();
        memset(text, 'x', size);
        text[size] = '\0';
        marshal_init(body, false);
        marshal_string(body, text);
        free(text);
}

int pressure_count_fds(const Bus *bus)
{
        char path[64];
        DIR *directory;
        int n = 0;

        snprintf(path, sizeof(path), "/proc/%d/fd", bus->pid);
        directory = opendir(path);
        if (!directory)
                return -1;
        while (readdir(directory))
                n++;
        closedir(directory);
        return n;
}
