/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/death.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* Runs it in a child that says nothing and dumps no core; returns the child's wait status. */
static int run_in_child(void (*act)(void))
{
        int status = 0;
        pid_t pid = fork();

        if (pid < 0)
                abort();
        if (pid == 0) {
                const struct rlimit none = {0};
                int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

                setrlimit(RLIMIT_CORE, &none);
                dup2(null, STDERR_FILENO);
                signal(SIGABRT, SIG_DFL); /* cmocka's handler would longjmp */
                signal(SIGSEGV, SIG_DFL);
                act();
                _exit(0);
        }
        if (waitpid(pid, &status, 0) != pid)
                abort();
        return status;
}

bool death_by_assertion(void (*act)(void))
{
        int status = run_in_child(act);

        return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

bool death_by_sanitizer(void (*act)(void))
{
        int status = run_in_child(act);

        return (WIFEXITED(status) && WEXITSTATUS(status) != 0) ||
               (WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}
