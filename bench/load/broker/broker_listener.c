/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/load/broker/broker_listener.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "bench/load/broker/broker_home.h"
#include "bench/load/broker/floor.h"

enum {
        BACKLOG = 4096,
};

int broker_listener_open(Broker *broker)
{
        struct sockaddr_un at = {.sun_family = AF_UNIX};
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

        snprintf(at.sun_path, sizeof(at.sun_path), "%.90s/socket", broker->directory);
        snprintf(broker->address, sizeof(broker->address), "unix:path=%s", at.sun_path);
        if (fd >= 0 && bind(fd, (struct sockaddr *)&at, sizeof(at)) == 0 &&
            listen(fd, BACKLOG) == 0)
                return fd;
        perror("cannot listen");
        if (fd >= 0)
                close(fd);
        return -1;
}

void broker_listener_begin(int listen_fd)
{
        if (listen(listen_fd, BACKLOG) < 0)
                _exit(126);
}

static void run_floor(const Broker *broker, int listen_fd, pid_t parent, int begun_fd)
{
        broker_home_enter(broker, parent);
        broker_listener_begin(listen_fd);
        close(begun_fd);
        prctl(PR_SET_NAME, "floor");
        _exit(floor_run(listen_fd) < 0);
}

/* Its end of `begun` is closed when it listens. */
static int start_floor_on(Broker *broker, int listen_fd, const int begun[2])
{
        pid_t parent = getpid();
        char byte;

        fflush(NULL);
        broker->pid = fork();
        if (broker->pid == 0)
                run_floor(broker, listen_fd, parent, begun[1]);
        close(begun[1]);
        if (broker->pid < 0)
                perror("cannot fork");
        else
                while (read(begun[0], &byte, 1) < 0 && errno == EINTR)
                        ;
        close(begun[0]);
        return broker->pid < 0 ? -1 : 0;
}

int broker_listener_start_floor(Broker *broker)
{
        int listen_fd = broker_listener_open(broker);
        int begun[2], r = -1;

        if (listen_fd < 0)
                return -1;
        if (pipe2(begun, O_CLOEXEC) == 0)
                r = start_floor_on(broker, listen_fd, begun);
        close(listen_fd);
        return r;
}
