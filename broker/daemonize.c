/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/daemonize.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "broker/base/cleanup.h"
#include "broker/base/log.h"

/* Ends this process as the child tells: by a byte, or by how it ended. */
static _Noreturn void wait_and_exit(int fd, pid_t child)
{
        char byte;
        int status = 0;
        ssize_t n;

        do
                n = read(fd, &byte, 1);
        while (n < 0 && errno == EINTR);
        if (n == 1)
                _exit(0);
        while (waitpid(child, &status, 0) < 0 && errno == EINTR)
                continue;
        _exit(WIFEXITED(status) && WEXITSTATUS(status) != 0 ? WEXITSTATUS(status) : 1);
}

static int refuse(const char *what)
{
        int error = errno;

        log_error("cannot go into the background: %s: %s; start with --nofork", what,
                  strerror(error));
        return -error;
}

int daemonize_fork(bool keep_umask, int *ret_ready_fd)
{
        int ends[2];
        pid_t child;

        if (pipe2(ends, O_CLOEXEC) < 0)
                return refuse("pipe");
        child = fork();
        if (child < 0) {
                close(ends[0]);
                close(ends[1]);
                return refuse("fork");
        }
        if (child > 0) {
                close(ends[1]);
                wait_and_exit(ends[0], child);
        }
        close(ends[0]);
        setsid(); /* cannot fail: a new process leads no group */
        if (chdir("/") < 0)
                log_warning("cannot change to the folder \"/\": %s", strerror(errno));
        if (!keep_umask)
                umask(022);
        *ret_ready_fd = ends[1];
        return 0;
}

void daemonize_ready(int ready_fd)
{
        const char *debug = getenv("DBUS_DEBUG_OUTPUT");
        int last = debug && debug[0] != '\0' ? STDOUT_FILENO : STDERR_FILENO;
        int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

        for (int i = STDIN_FILENO; fd >= 0 && i <= last; i++)
                dup2(fd, i);
        cleanup_close(fd);
        while (write(ready_fd, "", 1) < 0 && errno == EINTR)
                continue;
        close(ready_fd);
}
