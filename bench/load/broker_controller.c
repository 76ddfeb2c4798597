/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/load/broker_controller.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <systemd/sd-bus.h>
#include <time.h>
#include <unistd.h>

enum {
        QUOTA_OBJECTS = 10000000, /* names, rules, replies: not what is measured */
        STOP_TRIES = 5000,        /* of 2 ms */
};

/* What dbus-broker 33 takes as a policy: batches for users, batches for groups, SELinux. */
#define BATCH "bta(btbs)a(btssssuutt)a(btssssuutt)"
#define POLICY "a(u(" BATCH "))a(buu(" BATCH "))a(ss)bs"

static void exec_broker(const char *daemon, int controller_fd, const char *log, uint64_t queue_max)
{
        char controller[16], bytes[24], objects[24];
        int log_fd = open(log, O_WRONLY | O_CREAT | O_TRUNC, 0600);

        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (log_fd < 0 || dup2(log_fd, STDERR_FILENO) < 0)
                _exit(126);
        fcntl(controller_fd, F_SETFD, 0);
        snprintf(controller, sizeof(controller), "%d", controller_fd);
        snprintf(bytes, sizeof(bytes), "%llu",
                 queue_max ? (unsigned long long)queue_max * BROKER_QUOTA_QUEUES : 1000000000ULL);
        snprintf(objects, sizeof(objects), "%d", QUOTA_OBJECTS);
        execl(daemon, daemon, "--controller", controller, "--machine-id",
              "0123456789abcdef0123456789abcdef", "--max-bytes", bytes, "--max-matches", objects,
              "--max-objects", objects, "--max-fds", queue_max ? "1024" : "100000", NULL);
        dprintf(STDERR_FILENO, "cannot run %s: %s\n", daemon, strerror(errno));
        _exit(127);
}

/* A listening socket in the bus's directory; fills in the address. */
static int listen_in(Bus *bus)
{
        struct sockaddr_un at = {.sun_family = AF_UNIX};
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

        snprintf(at.sun_path, sizeof(at.sun_path), "%.90s/socket", bus->directory);
        snprintf(bus->address, sizeof(bus->address), "unix:path=%s", at.sun_path);
        if (fd >= 0 && bind(fd, (struct sockaddr *)&at, sizeof(at)) == 0 && listen(fd, 4096) == 0)
                return fd;
        perror("cannot listen for dbus-broker");
        if (fd >= 0)
                close(fd);
        return -1;
}

/* One rule of each kind: connect, own, send and receive are allowed to everybody. */
static int append_policy(sd_bus_message *call)
{
        const uint64_t priority = 1;
        int r = sd_bus_message_open_container(call, 'v', "(" POLICY ")");

        if (r >= 0)
                r = sd_bus_message_append(call, "(" POLICY ")", 1, UINT32_MAX, 1, priority, 1, 1,
                                          priority, 1, "", 1, 1, priority, "", "", "", "", 0, 0,
                                          (uint64_t)0, UINT64_MAX, 1, 1, priority, "", "", "", "",
                                          0, 0, (uint64_t)0, UINT64_MAX, 0, 0, 0, "");
        return r < 0 ? r : sd_bus_message_close_container(call);
}

static int add_listener(sd_bus *controller, int listen_fd)
{
        sd_bus_error error = SD_BUS_ERROR_NULL;
        sd_bus_message *call = NULL;
        int r = sd_bus_message_new_method_call(controller, &call, NULL, "/org/bus1/DBus/Broker",
                                               "org.bus1.DBus.Broker", "AddListener");

        if (r >= 0)
                r = sd_bus_message_append(call, "oh", "/org/bus1/DBus/Listener/0", listen_fd);
        if (r >= 0)
                r = append_policy(call);
        if (r >= 0)
                r = sd_bus_call(controller, call, 0, &error, NULL);
        if (r < 0)
                fprintf(stderr, "dbus-broker takes no listener: %s\n",
                        error.message ? error.message : strerror(-r));
        sd_bus_error_free(&error);
        sd_bus_message_unref(call);
        return r;
}

static int take_control(Broker *broker, int fd)
{
        sd_bus *controller = NULL;
        int listen_fd = listen_in(&broker->bus);
        int r = listen_fd < 0 ? -1 : sd_bus_new(&controller);

        if (r >= 0)
                r = sd_bus_set_fd(controller, fd, fd);
        if (r >= 0)
                r = sd_bus_start(controller);
        if (r >= 0)
                r = add_listener(controller, listen_fd);
        if (listen_fd >= 0)
                close(listen_fd);
        broker->controller = controller;
        return r < 0 ? -1 : 0;
}

int broker_controller_start(Broker *broker, const char *daemon, uint64_t queue_max)
{
        Bus *bus = &broker->bus;
        char log[160];
        int pair[2];

        snprintf(bus->directory, sizeof(bus->directory), "/tmp/bus-load-XXXXXX");
        if (!mkdtemp(bus->directory) ||
            socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) < 0) {
                perror("cannot prepare dbus-broker");
                return -1;
        }
        snprintf(log, sizeof(log), "%s/log", bus->directory);
        bus->pid = fork();
        if (bus->pid == 0)
                exec_broker(daemon, pair[1], log, queue_max);
        close(pair[1]);
        if (bus->pid > 0 && take_control(broker, pair[0]) == 0)
                return 0;
        fprintf(stderr, "%s did not start (only dbus-broker 33's policy format is known)\n",
                daemon);
        broker_controller_stop(broker);
        return -1;
}

static int reap(pid_t pid)
{
        const struct timespec pause = {.tv_nsec = 2000000};
        int status;

        for (int i = 0; i < STOP_TRIES; i++) {
                if (waitpid(pid, &status, WNOHANG) == pid)
                        return status;
                nanosleep(&pause, NULL);
        }
        kill(pid, SIGKILL);
        waitpid(pid, &status, 0);
        return -1;
}

int broker_controller_stop(Broker *broker)
{
        static const char *const names[] = {"socket", "log"};
        Bus *bus = &broker->bus;
        char path[160];
        int status = 0;

        sd_bus_close_unref(broker->controller);
        broker->controller = NULL;
        if (bus->pid > 0)
                status = reap(bus->pid);
        bus->pid = -1;
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
                snprintf(path, sizeof(path), "%s/%s", bus->directory, names[i]);
                unlink(path);
        }
        rmdir(bus->directory);
        return status == 0 ? 0 : -1;
}
