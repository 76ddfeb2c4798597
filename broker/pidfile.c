/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/pidfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "broker/base/cleanup.h"
#include "broker/base/log.h"
#include "broker/base/path.h"

static int refuse_existing(const char *path)
{
        log_error("the pid file \"%s\" exists; if that bus is not running, remove the file", path);
        return -EEXIST;
}

int pidfile_init(const char *path, Pidfile *ret_pidfile)
{
        char *absolute;

        if (!path) {
                *ret_pidfile = (Pidfile){0};
                return 0;
        }
        absolute = path_absolute(path);
        if (!absolute) {
                log_error("out of memory");
                return -ENOMEM;
        }
        if (access(absolute, F_OK) == 0) {
                alloc_free(absolute);
                return refuse_existing(path);
        }
        *ret_pidfile = (Pidfile){.path = absolute};
        return 0;
}

int pidfile_write(Pidfile *pidfile, pid_t pid)
{
        CLEANUP_FD int fd = -1;
        struct stat status;
        int error;

        if (!pidfile->path)
                return 0;
        fd = open(pidfile->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
        if (fd < 0 && errno == EEXIST)
                return refuse_existing(pidfile->path);
        if (fd >= 0 && fstat(fd, &status) == 0) {
                pidfile->identity[0] = (uint64_t)status.st_dev;
                pidfile->identity[1] = (uint64_t)status.st_ino;
        }
        if (fd >= 0 && dprintf(fd, "%ld\n", (long)pid) > 0)
                return 0;
        error = errno;
        log_error("cannot write the pid file \"%s\": %s; make its folder writable, or give "
                  "--nopidfile",
                  pidfile->path, strerror(error));
        return -error;
}

void pidfile_deinit(Pidfile *pidfile)
{
        struct stat status;

        if (pidfile->path && lstat(pidfile->path, &status) == 0 &&
            pidfile->identity[0] == (uint64_t)status.st_dev &&
            pidfile->identity[1] == (uint64_t)status.st_ino)
                unlink(pidfile->path); /* another user than made it may not: it stays */
        pidfile->path = alloc_free(pidfile->path);
}
