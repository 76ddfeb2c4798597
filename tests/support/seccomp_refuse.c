/* SPDX-License-Identifier: Apache-2.0 */
/*
 * seccomp_refuse EPERM|ENOSYS -- COMMAND...: runs COMMAND where io_uring's system calls fail with
 * that error, as they do in many containers.
 */
#include <errno.h>
#include <seccomp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int refuse(int error)
{
        const int calls[] = {
                SCMP_SYS(io_uring_setup),
                SCMP_SYS(io_uring_enter),
                SCMP_SYS(io_uring_register),
        };
        scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
        int r = filter ? 0 : -ENOMEM;

        for (unsigned i = 0; r == 0 && i < sizeof(calls) / sizeof(calls[0]); i++)
                r = seccomp_rule_add(filter, SCMP_ACT_ERRNO((uint32_t)error), calls[i], 0);
        if (r == 0)
                r = seccomp_load(filter);
        if (filter)
                seccomp_release(filter);
        return r;
}

int main(int argc, char **argv)
{
        int error = 0;
        int r;

        if (argc > 1 && strcmp(argv[1], "EPERM") == 0)
                error = EPERM;
        else if (argc > 1 && strcmp(argv[1], "ENOSYS") == 0)
                error = ENOSYS;
        if (error == 0 || argc < 4 || strcmp(argv[2], "--") != 0) {
                fprintf(stderr, "usage: seccomp_refuse EPERM|ENOSYS -- COMMAND...\n");
                return 2;
        }
        r = refuse(error);
        if (r < 0) {
                fprintf(stderr, "seccomp_refuse: no filter: %s\n", strerror(-r));
                return 2;
        }
        execvp(argv[3], argv + 3);
        fprintf(stderr, "seccomp_refuse: %s: %s\n", argv[3], strerror(errno));
        return 127;
}
