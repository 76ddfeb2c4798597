/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/load/broker/broker_controller.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

#include "bench/load/broker/broker_home.h"
#include "bench/load/broker/broker_listener.h"

enum {
        QUOTA_OBJECTS = 10000000, /* names, rules, replies: not what is measured */
};

/* What dbus-broker 33 takes as a policy: batches for users, batches for groups, SELinux. */
#define BATCH "bta(btbs)a(btssssuutt)a(btssssuutt)"
#define POLICY "a(u(" BATCH "))a(buu(" BATCH "))a(ss)bs"

static void exec_broker(const char *daemon, int controller_fd, uint64_t queue_max)
{
        char controller[16], bytes[24], objects[24];

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

static int take_control(Broker *broker, int fd, int listen_fd)
{
        sd_bus *controller = NULL;
        int r = sd_bus_new(&controller);

        if (r >= 0)
                r = sd_bus_set_fd(controller, fd, fd);
        if (r >= 0)
                r = sd_bus_start(controller);
        if (r >= 0)
                r = add_listener(controller, listen_fd);
        broker->controller = controller;
        return r < 0 ? -1 : 0;
}

static int start_on(Broker *broker, const BrokerOptions *options, int listen_fd)
{
        pid_t parent = getpid();
        int pair[2];

        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) < 0) {
                perror("cannot prepare dbus-broker");
                return -1;
        }
        broker->pid = fork();
        if (broker->pid == 0) {
                broker_home_enter(broker, parent);
                broker_listener_begin(listen_fd);
                exec_broker(options->daemon, pair[1], options->queue_max);
        }
        close(pair[1]);
        if (broker->pid < 0) {
                perror("cannot fork");
                close(pair[0]);
                return -1;
        }
        if (take_control(broker, pair[0], listen_fd) == 0)
                return 0;
        fprintf(stderr, "only dbus-broker 33's policy format is known\n");
        broker_home_print_log(broker, stderr);
        return -1;
}

int broker_controller_start(Broker *broker, const BrokerOptions *options)
{
        int listen_fd = broker_listener_open(broker);
        int r;

        if (listen_fd < 0)
                return -1;
        r = start_on(broker, options, listen_fd);
        close(listen_fd);
        return r;
}

void broker_controller_let_go(Broker *broker)
{
        sd_bus_close_unref(broker->controller);
        broker->controller = NULL;
}
