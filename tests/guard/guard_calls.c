/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The linker (--wrap) leads every call of a guarded function in our own objects here first. Calls
 * inside shared libraries are not seen.
 *
 * EXCEPTION: __wrap_ and __real_ are the linker's names.
 */
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>

#include "broker/base/alloc.h"
#include "broker/base/clock.h"
#include "broker/base/log.h"
#include "broker/sync/lock.h"
#include "broker/sync/wake.h"
#include "tests/guard/trace_guard.h"

/* A wrong signature is an error at the definition. */
#define GUARD(type, name, parameters, arguments)                                                   \
        __typeof__(name) __real_##name, __wrap_##name;                                             \
        type __wrap_##name parameters                                                              \
        {                                                                                          \
                trace_guard_call(#name);                                                           \
                return __real_##name arguments;                                                    \
        }

GUARD(int, pthread_mutex_lock, (pthread_mutex_t * mutex), (mutex))
GUARD(int, pthread_mutex_trylock, (pthread_mutex_t * mutex), (mutex))
GUARD(int, pthread_mutex_timedlock, (pthread_mutex_t * mutex, const struct timespec *until),
      (mutex, until))
GUARD(int, pthread_rwlock_rdlock, (pthread_rwlock_t * lock), (lock))
GUARD(int, pthread_rwlock_wrlock, (pthread_rwlock_t * lock), (lock))

/* The same, for what rule R4 forbids under the two locks as well. */
#define GUARD_LOCKED(type, name, parameters, arguments)                                            \
        __typeof__(name) __real_##name, __wrap_##name;                                             \
        type __wrap_##name parameters                                                              \
        {                                                                                          \
                trace_guard_locked(#name);                                                         \
                trace_guard_call(#name);                                                           \
                return __real_##name arguments;                                                    \
        }

__typeof__(lock_acquire) __real_lock_acquire, __wrap_lock_acquire;
void __wrap_lock_acquire(Lock *lock) LOCK_UNCHECKED
{
        __real_lock_acquire(lock);
        trace_guard_count_lock(1);
}

__typeof__(lock_release) __real_lock_release, __wrap_lock_release;
void __wrap_lock_release(Lock *lock) LOCK_UNCHECKED
{
        trace_guard_count_lock(-1);
        __real_lock_release(lock);
}

__typeof__(wake_up) __real_wake_up, __wrap_wake_up;
bool __wrap_wake_up(Wake *wake)
{
        trace_guard_locked("wake_up");
        return __real_wake_up(wake);
}

GUARD_LOCKED(void *, malloc, (size_t size), (size))
GUARD_LOCKED(void *, calloc, (size_t n, size_t size), (n, size))
GUARD_LOCKED(void *, realloc, (void *pointer, size_t size), (pointer, size))
GUARD_LOCKED(int, posix_memalign, (void **ret_pointer, size_t alignment, size_t size),
             (ret_pointer, alignment, size))
GUARD_LOCKED(void *, aligned_alloc, (size_t alignment, size_t size), (alignment, size))
GUARD(void, free, (void *pointer), (pointer))

GUARD_LOCKED(void *, alloc_bytes, (size_t size), (size))
GUARD_LOCKED(void *, alloc_zeroed, (size_t n, size_t size), (n, size))
GUARD_LOCKED(void *, alloc_resize, (void *pointer, size_t size), (pointer, size))
GUARD_LOCKED(void *, alloc_aligned, (size_t alignment, size_t size), (alignment, size))
GUARD_LOCKED(char *, alloc_string, (const char *data, size_t size), (data, size))
GUARD(void *, alloc_free, (void *pointer), (pointer))

GUARD(int, clock_gettime, (clockid_t clock, struct timespec *ret_now), (clock, ret_now))
GUARD(uint64_t, clock_now_ns, (void), ())
GUARD(int, gettimeofday, (struct timeval * ret_now, void *zone), (ret_now, zone))
GUARD(time_t, time, (time_t * ret_now), (ret_now))

/* Variadic, so done again instead of passed on. */
__typeof__(alloc_format) __wrap_alloc_format __attribute__((format(printf, 1, 2)));
char *__wrap_alloc_format(const char *format, ...)
{
        va_list args;
        char *string;

        trace_guard_call("alloc_format");
        va_start(args, format);
        if (vasprintf(&string, format, args) < 0)
                string = NULL;
        va_end(args);
        return string;
}

__typeof__(log_line) __real_log_line;
__typeof__(log_line) __wrap_log_line __attribute__((format(printf, 2, 3)));
void __wrap_log_line(LogLevel level, const char *format, ...)
{
        char line[1024];
        va_list args;

        trace_guard_call("log_line");
        va_start(args, format);
        vsnprintf(line, sizeof(line), format, args);
        va_end(args);
        __real_log_line(level, "%s", line);
}

static void provoke_lock(void)
{
        static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

        pthread_mutex_lock(&mutex);
        pthread_mutex_unlock(&mutex);
}

static void provoke_malloc(void)
{
        char *volatile pointer = malloc(64);

        if (pointer)
                pointer[0] = 1;
}

static void provoke_free(void)
{
        static void *volatile nothing; /* volatile: or the compiler leaves the call out */

        free(nothing);
}

static void provoke_pool(void)
{
        char *volatile pointer = alloc_aligned(64, 64);

        if (pointer)
                pointer[0] = 1;
}

static void provoke_clock(void)
{
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
}

static void provoke_now(void)
{
        (void)clock_now_ns();
}

static void provoke_log(void)
{
        log_notice("said where nothing is to be said");
}

/* Under a lock of the routing code, on whatever thread. */
static void provoke_locked_heap(void)
{
        Lock lock;

        lock_init(&lock);
        lock_acquire(&lock);
        provoke_pool();
        lock_release(&lock);
}

void guard_calls_provoke(const char *function)
{
        static const struct {
                const char *function;
                void (*call)(void);
        } calls[] = {
                {"pthread_mutex_lock", provoke_lock},
                {"malloc", provoke_malloc},
                {"free", provoke_free},
                {"alloc_aligned", provoke_pool},
                {"clock_gettime", provoke_clock},
                {"clock_now_ns", provoke_now},
                {"log_line", provoke_log},
                {"locked alloc_aligned", provoke_locked_heap},
        };

        for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
                if (strcmp(calls[i].function, function) == 0) {
                        calls[i].call();
                        return;
                }
        }
        abort();
}
