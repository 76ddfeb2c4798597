/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/load/broker/broker_daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "bench/load/broker/broker_home.h"

enum {
        START_TIMEOUT_MS = 60000, /* under a sanitizer, on a busy machine */
        QUEUE_DEFAULT = 1000000000,
        AUTH_TIMEOUT_DEFAULT_MS = 240000,
        INCOMPLETE_DEFAULT = 10000,
};

static const char config[] =
        "<!DOCTYPE busconfig PUBLIC \"-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN\"\n"
        " \"http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd\">\n"
        "<busconfig>\n"
        "  <type>session</type>\n"
        "  <auth>EXTERNAL</auth>\n"
        "  <listen>unix:dir=%s</listen>\n"
        "%s"
        "  <policy context=\"default\">\n"
        "    <allow send_destination=\"*\" eavesdrop=\"true\"/>\n"
        "    <allow eavesdrop=\"true\"/>\n"
        "    <allow own=\"*\"/>\n"
        "  </policy>\n"
        "  <limit name=\"max_incoming_bytes\">%llu</limit>\n"
        "  <limit name=\"max_outgoing_bytes\">%llu</limit>\n"
        "  <limit name=\"max_message_size\">1000000000</limit>\n"
        "  <limit name=\"auth_timeout\">%u</limit>\n"
        "  <limit name=\"max_completed_connections\">100000</limit>\n"
        "  <limit name=\"max_incomplete_connections\">%u</limit>\n"
        "  <limit name=\"max_connections_per_user\">100000</limit>\n"
        "  <limit name=\"max_names_per_connection\">50000</limit>\n"
        "  <limit name=\"max_match_rules_per_connection\">50000</limit>\n"
        "  <limit name=\"max_replies_per_connection\">50000</limit>\n"
        "</busconfig>\n";

static int write_config(const Broker *broker, const char *path, const BrokerOptions *options)
{
        unsigned long long queue = options->queue_max ? options->queue_max : QUEUE_DEFAULT;
        unsigned timeout_ms =
                options->auth_timeout_ms ? options->auth_timeout_ms : AUTH_TIMEOUT_DEFAULT_MS;
        unsigned incomplete =
                options->max_incomplete ? options->max_incomplete : INCOMPLETE_DEFAULT;
        char services[200] = "";
        FILE *file = fopen(path, "we");
        int written;

        if (!file)
                return -1;
        /* Only the reference asks for .service files of services that run already. */
        if (broker->kind == BROKER_DBUS_DAEMON)
                snprintf(services, sizeof(services), "  <servicedir>%s</servicedir>\n",
                         broker->directory);
        written = fprintf(file, config, broker->directory, services, queue, queue, timeout_ms,
                          incomplete);
        return fclose(file) == 0 && written > 0 ? 0 : -1;
}

static void exec_daemon(const Broker *broker, const BrokerOptions *options, const char *path,
                        int address_fd)
{
        char file[200], print[32], io[32], workers[32];
        char daemon[BROKER_PATH_MAX], nofork[] = "--nofork";
        char *arguments[8] = {daemon, file, print, nofork, NULL};
        size_t n = 4;

        snprintf(daemon, sizeof(daemon), "%s", options->daemon);
        snprintf(file, sizeof(file), "--config-file=%s", path);
        snprintf(print, sizeof(print), "--print-address=%d", address_fd);
        snprintf(io, sizeof(io), "--io=%s", options->io ? options->io : "");
        snprintf(workers, sizeof(workers), "--workers=%u", options->workers);
        if (broker->kind == BROKER_RINGBUS && options->io)
                arguments[n++] = io;
        if (broker->kind == BROKER_RINGBUS && options->workers)
                arguments[n++] = workers;
        fcntl(address_fd, F_SETFD, 0);
        execv(daemon, arguments);
        dprintf(STDERR_FILENO, "cannot run %s: %s\n", daemon, strerror(errno));
        _exit(127);
}

/* Reads the line with the address that the daemon prints. */
static int read_address(Broker *broker, int fd)
{
        struct pollfd ready = {.fd = fd, .events = POLLIN};
        size_t size = 0;

        while (size + 1 < sizeof(broker->address)) {
                ssize_t n;

                if (poll(&ready, 1, START_TIMEOUT_MS) <= 0)
                        return -1;
                n = read(fd, broker->address + size, sizeof(broker->address) - 1 - size);
                if (n <= 0)
                        return -1;
                size += (size_t)n;
                if (broker->address[size - 1] == '\n') {
                        broker->address[size - 1] = '\0';
                        return 0;
                }
        }
        return -1;
}

int broker_daemon_start(Broker *broker, const BrokerOptions *options)
{
        pid_t parent = getpid();
        int pipe_fds[2], r;
        char path[160];

        snprintf(path, sizeof(path), "%s/bus.conf", broker->directory);
        if (write_config(broker, path, options) < 0 || pipe2(pipe_fds, O_CLOEXEC) < 0) {
                perror("cannot prepare a configuration");
                return -1;
        }
        broker->pid = fork();
        if (broker->pid == 0) {
                broker_home_enter(broker, parent);
                exec_daemon(broker, options, path, pipe_fds[1]);
        }
        close(pipe_fds[1]);
        r = broker->pid < 0 ? -1 : read_address(broker, pipe_fds[0]);
        close(pipe_fds[0]);
        if (r < 0)
                broker_home_print_log(broker, stderr);
        return r;
}
