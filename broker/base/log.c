/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/base/log.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "broker/base/systemlog.h"

#define PROGRAM "ringbus: "

enum {
        LINE_MAX_SIZE = 1024,
        NOTICE_MAX_SIZE = 192,
};

/* A pipe that is ready takes so much at once, whole. */
_Static_assert(NOTICE_MAX_SIZE + LINE_MAX_SIZE <= PIPE_BUF, "a line must be written by one write");

static LogLevel log_level = LOG_LEVEL_NOTICE;
static LogTarget log_target = LOG_TARGET_STDERR;
static char log_prefix[64];

/* Between two threads' writes, so that what poll() told one is still true when it writes. */
static pthread_mutex_t log_mutex = PTHREAD_MUTEX_INITIALIZER;
static unsigned long long log_n_lost; /* under log_mutex: lines since the last one written */

void log_set_level(LogLevel level)
{
        log_level = level;
}

void log_set_prefix(const char *prefix)
{
        snprintf(log_prefix, sizeof(log_prefix), "%s", prefix);
}

void log_set_target(LogTarget target, const char *path)
{
        log_target = target;
        systemlog_set_path(path);
}

/* Whether all of it was written. Never waits: a launcher that does not read its pipe must not stop
 * the bus. */
static bool log_write(const char *data, size_t size)
{
        struct pollfd ready = {.fd = STDERR_FILENO, .events = POLLOUT};

        if (poll(&ready, 1, 0) != 1 || !(ready.revents & POLLOUT))
                return false;
        return write(STDERR_FILENO, data, size) == (ssize_t)size;
}

/* Writes a whole line, behind another one about those that were lost before it. */
static void log_to_stderr(const char *line, size_t size)
{
        char data[NOTICE_MAX_SIZE + LINE_MAX_SIZE];
        size_t n = 0;

        if (log_n_lost > 0)
                n = (size_t)snprintf(data, NOTICE_MAX_SIZE,
                                     PROGRAM "%swarning: log lines lost because standard "
                                             "error did not take them: %llu\n",
                                     log_prefix, log_n_lost);
        memcpy(data + n, line, size);
        if (log_write(data, n + size))
                log_n_lost = 0;
        else
                log_n_lost++;
}

/* The system's log gets the line without the program's name and the newline. */
static bool log_to_system(LogLevel level, const char *line, size_t size)
{
        static const int priorities[] = {LOG_ERR, LOG_WARNING, LOG_NOTICE, LOG_DEBUG};
        const size_t n_program = sizeof(PROGRAM) - 1;

        return systemlog_send(priorities[level], line + n_program, size - n_program - 1);
}

static void log_emit(LogLevel level, const char *line, size_t size)
{
        bool sent = false;

        pthread_mutex_lock(&log_mutex);
        if (log_target != LOG_TARGET_STDERR)
                sent = log_to_system(level, line, size);
        if (log_target != LOG_TARGET_SYSLOG || !sent)
                log_to_stderr(line, size);
        pthread_mutex_unlock(&log_mutex);
}

void log_line(LogLevel level, const char *format, ...)
{
        static const char *const names[] = {"error: ", "warning: ", "", "debug: "};
        char line[LINE_MAX_SIZE];
        int saved_errno = errno;
        size_t size;
        int n;
        va_list args;

        if (level > log_level)
                return;
        n = snprintf(line, sizeof(line), PROGRAM "%s%s", log_prefix, names[level]);
        size = n < 0 ? 0 : (size_t)n;
        va_start(args, format);
        n = vsnprintf(line + size, sizeof(line) - size, format, args);
        va_end(args);
        if (n > 0)
                size += (size_t)n;
        if (size > sizeof(line) - 1)
                size = sizeof(line) - 1;
        line[size++] = '\n';
        log_emit(level, line, size);
        errno = saved_errno;
}
