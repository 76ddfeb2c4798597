/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static LogLevel log_level = LOG_LEVEL_NOTICE;
static char log_prefix[64];

void log_set_level(LogLevel level)
{
        log_level = level;
}

void log_set_prefix(const char *prefix)
{
        snprintf(log_prefix, sizeof(log_prefix), "%s", prefix);
}

void log_line(LogLevel level, const char *format, ...)
{
        static const char *const names[] = {"error: ", "warning: ", "", "debug: "};
        char line[1024];
        int saved_errno = errno;
        size_t size;
        int n;
        va_list args;

        if (level > log_level)
                return;
        n = snprintf(line, sizeof(line), "ringbus: %s%s", log_prefix, names[level]);
        size = n < 0 ? 0 : (size_t)n;
        va_start(args, format);
        n = vsnprintf(line + size, sizeof(line) - size, format, args);
        va_end(args);
        if (n > 0)
                size += (size_t)n;
        if (size > sizeof(line) - 1)
                size = sizeof(line) - 1;
        line[size++] = '\n';
        if (write(STDERR_FILENO, line, size) < 0)
                errno = saved_errno; /* there is nobody left to tell */
        errno = saved_errno;
}
