/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/load/broker/broker_serve.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench/load/broker/broker.h"

enum {
        STATUS_FAILED = 1,
        STATUS_USAGE = 2,
        STATUS_NOT_FOUND = 127, /* as shells have it */
        STATUS_SIGNAL = 128,    /* plus its number */
        LOOK_MS = 100,          /* how often it is seen whether the broker is alive */
};

static const char usage[] =
        "Usage: ringbus-load broker NAME [COMMAND [ARGUMENT...]]\n"
        "\n"
        "Starts a broker of your own: dbus-daemon, dbus-broker (without systemd), ringbus, floor,\n"
        "NAME=PATH or the path of a program. Its limits are high, and everything is allowed.\n"
        "With a command: runs it with DBUS_SESSION_BUS_ADDRESS set, and returns its exit status.\n"
        "Without: prints the address and serves until Ctrl-C.\n"
        "\n"
        "floor only forwards messages: what every broker has to spend at least.\n";

static int run_command(const Broker *broker, char **command)
{
        pid_t pid = fork();
        int status;

        if (pid == 0) {
                setenv("DBUS_SESSION_BUS_ADDRESS", broker->address, 1);
                execvp(command[0], command);
                fprintf(stderr, "ringbus-load: cannot run %s: %s\n", command[0], strerror(errno));
                _exit(STATUS_NOT_FOUND);
        }
        while (pid > 0 && waitpid(pid, &status, 0) < 0)
                if (errno != EINTR)
                        return STATUS_FAILED;
        if (pid < 0)
                return STATUS_FAILED;
        return WIFEXITED(status) ? WEXITSTATUS(status) : STATUS_SIGNAL + WTERMSIG(status);
}

/* SIGINT and SIGTERM are blocked. */
static int serve(const Broker *broker, const sigset_t *ends)
{
        const struct timespec look = {.tv_nsec = LOOK_MS * 1000000};

        printf("%s\n", broker->address);
        fflush(stdout);
        while (sigtimedwait(ends, NULL, &look) < 0)
                if (!broker_is_alive(broker)) {
                        broker_explain_end(broker, stderr);
                        return STATUS_FAILED;
                }
        return 0;
}

int broker_serve(int n_arguments, char **arguments)
{
        char daemon[BROKER_PATH_MAX];
        BrokerOptions options = {.daemon = daemon};
        Broker broker;
        sigset_t ends;
        int status;

        if (n_arguments < 2 || !strcmp(arguments[1], "--help")) {
                fputs(usage, n_arguments < 2 ? stderr : stdout);
                return n_arguments < 2 ? STATUS_USAGE : 0;
        }
        if (broker_find(arguments[1], daemon) < 0)
                return STATUS_USAGE;
        if (broker_start(&broker, &options) < 0)
                return STATUS_FAILED;
        if (n_arguments > 2) {
                status = run_command(&broker, arguments + 2);
        } else {
                sigemptyset(&ends);
                sigaddset(&ends, SIGINT);
                sigaddset(&ends, SIGTERM);
                sigprocmask(SIG_BLOCK, &ends, NULL);
                status = serve(&broker, &ends);
        }
        broker_stop(&broker);
        return status;
}
