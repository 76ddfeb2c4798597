/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Preloaded into a program: counts its calls of send(2) and sendmsg(2), and writes their number
 * into the file $COUNT_WRITES_FILE at its end. A bus cannot count them: it receives a stream.
 *
 * EXCEPTION: names beginning with send_ would not replace those of the C library.
 */

#include <dlfcn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static atomic_ulong n_writes;

static void *find_next(const char *name)
{
        void *next = dlsym(RTLD_NEXT, name);

        if (!next)
                abort();
        return next;
}

/* Known to the linker by the names of the C library. */
#define AS(name) __asm__(name) __attribute__((visibility("default")))
ssize_t count_writes_send(int fd, const void *data, size_t size, int flags) AS("send");
ssize_t count_writes_sendmsg(int fd, const struct msghdr *message, int flags) AS("sendmsg");

ssize_t count_writes_send(int fd, const void *data, size_t size, int flags)
{
        ssize_t (*next)(int, const void *, size_t, int);
        void *found = find_next("send");

        atomic_fetch_add_explicit(&n_writes, 1, memory_order_relaxed);
        memcpy(&next, &found, sizeof(next));
        return next(fd, data, size, flags);
}

ssize_t count_writes_sendmsg(int fd, const struct msghdr *message, int flags)
{
        ssize_t (*next)(int, const struct msghdr *, int);
        void *found = find_next("sendmsg");

        atomic_fetch_add_explicit(&n_writes, 1, memory_order_relaxed);
        memcpy(&next, &found, sizeof(next));
        return next(fd, message, flags);
}

__attribute__((destructor)) static void write_count(void)
{
        const char *path = getenv("COUNT_WRITES_FILE");
        FILE *file = path ? fopen(path, "we") : NULL;

        if (!file)
                return;
        fprintf(file, "%lu\n", atomic_load_explicit(&n_writes, memory_order_relaxed));
        fclose(file);
}
