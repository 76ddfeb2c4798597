/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The recorder: every hop becomes a line "FILE FUNCTION" of the file that RINGBUS_TRACE_FILE names,
 * written at once, so that the lines of all threads are in the order in which things happened. The
 * line "marked" follows the parsing of a message whose member is TraceMe.
 *
 * Owner: record_fd is set before main() and immutable.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "broker/base/trace.h"

static int record_fd = -1;

__attribute__((constructor)) static void prepare(void)
{
        const char *path = getenv("RINGBUS_TRACE_FILE");

        if (!path)
                return;
        record_fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        if (record_fd < 0) {
                perror(path);
                exit(1);
        }
}

void trace_hop(const char *file, const char *function)
{
        char line[256];
        int n;

        if (record_fd < 0)
                return;
        n = snprintf(line, sizeof(line), "%s %s\n", file, function);
        if (n < 0 || (size_t)n >= sizeof(line) || write(record_fd, line, (size_t)n) != n)
                abort();
}

void trace_window(TraceWindow window)
{
        (void)window;
}
