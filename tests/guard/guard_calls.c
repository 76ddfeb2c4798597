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

GUARD(void *, malloc, (size_t size), (size))
GUARD(void *, calloc, (size_t n, size_t size), (n, size))
GUARD(void *, realloc, (void *pointer, size_t size), (pointer, size))
GUARD(int, posix_memalign, (void **ret_pointer, size_t alignment, size_t size),
      (ret_pointer, alignment, size))
GUARD(void *, aligned_alloc, (size_t alignment, size_t size), (alignment, size))
GUARD(void, free, (void *pointer), (pointer))

GUARD(void *, alloc_bytes, (size_t size), (size))
GUARD(void *, alloc_zeroed, (size_t n, size_t size), (n, size))
GUARD(void *, alloc_resize, (void *pointer, size_t size), (pointer, size))
GUARD(void *, alloc_aligned, (size_t alignment, size_t size), (alignment, size))
GUARD(char *, alloc_string, (const char *data, size_t size), (data, size))
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
        };

        for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
                if (strcmp(calls[i].function, function) == 0) {
                        calls[i].call();
                        return;
                }
        }
        abort();
}
