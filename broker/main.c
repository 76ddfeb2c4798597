/* SPDX-License-Identifier: Apache-2.0 */
/* The program: what it was asked for. */
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "broker/access.h"
#include "broker/base/alloc.h"
#include "broker/driver/driver.h"
#include "broker/start.h"

static int main_probe(ProbeWish wish)
{
        Probe probe;

        if (probe_run(wish, &probe) < 0) {
                fprintf(stderr, "ringbus: io_uring cannot serve: %s\n", probe.reason);
                return 1;
        }
        probe_print(&probe, stdout);
        return fflush(stdout) == 0 ? 0 : 1;
}

static int main_version(void)
{
        printf("ringbus " RINGBUS_VERSION " (D-Bus message bus; memory: %s)\n", alloc_name());
        return fflush(stdout) == 0 ? 0 : 1;
}

static int main_introspect(void)
{
        char *text = driver_introspect(TEXT("/org/freedesktop/DBus"));
        int written = text ? fputs(text, stdout) : EOF;

        alloc_free(text);
        return written >= 0 && fflush(stdout) == 0 ? 0 : 1;
}

/* Opens /dev/null in place of standard descriptors that whoever started us has closed: otherwise a
 * socket gets such a number, and what is meant for standard error goes into it. */
static int main_open_standard_fds(void)
{
        for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
                if (fcntl(fd, F_GETFD) >= 0 || errno != EBADF)
                        continue;
                if (open("/dev/null", O_RDWR) != fd) { /* the lowest that is free */
                        fprintf(stderr,
                                "ringbus: descriptor %d is closed and /dev/null cannot be "
                                "opened in its place: %s; start with descriptors 0 to 2 open\n",
                                fd, strerror(errno));
                        return -1;
                }
        }
        return 0;
}

/* What we inherited is not for the services that we start. Kernels before 5.11 cannot do it. */
static void main_mark_fds(void)
{
        (void)close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC);
}

int main(int argc, char **argv)
{
        Options options;

        if (main_open_standard_fds() < 0)
                return 1;
        main_mark_fds();
        signal(SIGPIPE, SIG_IGN);
        switch (options_parse(argc, argv, stderr, &options)) {
        case OPTIONS_RUN:
                return start_run(&options);
        case OPTIONS_CHECK_CONFIG:
                return start_check_config(options.config_file);
        case OPTIONS_PROBE:
                return main_probe(options.io_wish);
        case OPTIONS_CHECK_ACCESS:
                return access_check(options.check_access, stdout);
        case OPTIONS_VERSION:
                return main_version();
        case OPTIONS_INTROSPECT:
                return main_introspect();
        case OPTIONS_FAIL:
                break;
        }
        return 1;
}
