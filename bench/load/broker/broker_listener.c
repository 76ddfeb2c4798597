/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/load/broker/broker_listener.h"

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

int broker_listener_start_floor(Broker *broker)
{
        int listen_fd = broker_listener_open(broker);
        pid_t parent = getpid();

        if (listen_fd < 0)
                return -1;
        fflush(NULL);
        broker->pid = fork();
        if (broker->pid == 0) {
                broker_home_enter(broker, parent);
                prctl(PR_SET_NAME, "floor");
                _exit(floor_run(listen_fd) < 0);
        }
        close(listen_fd);
        if (broker->pid > 0)
                return 0;
        perror("cannot fork");
        return -1;
}
