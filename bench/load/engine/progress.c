/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/load/engine/progress.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "broker/base/clock.h"

void progress_init(Progress *progress, bool quiet)
{
        *progress = (Progress){.is_live = !quiet && isatty(STDERR_FILENO)};
}

void progress_write(Progress *progress, uint64_t now_ns, const char *format, ...)
{
        int before = progress->width;
        va_list arguments;

        if (!progress->is_live || (before > 0 && now_ns - progress->written_ns < CLOCK_NS_PER_S))
                return;
        progress->written_ns = now_ns;
        va_start(arguments, format);
        fputc('\r', stderr);
        progress->width = vfprintf(stderr, format, arguments);
        va_end(arguments);
        if (progress->width < before)
                fprintf(stderr, "%*s", before - progress->width, "");
        fflush(stderr);
}

void progress_clear(Progress *progress)
{
        if (progress->width > 0)
                fprintf(stderr, "\r%*s\r", progress->width, "");
        progress->width = 0;
        fflush(stderr);
}
