/* SPDX-License-Identifier: Apache-2.0 */

/* See bus.h. */

#include "tests/support/bus.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
        BUS_START_TIMEOUT_MS = 60000, /* a daemon under a sanitizer on a busy machine is slow */
        BUS_STOP_TIMEOUT_MS = 60000,
        BUS_OPTION_MAX = 64,
};

static const char bus_config_head[] =
        "<!DOCTYPE busconfig PUBLIC \"-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN\"\n"
        " \"http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd\">\n"
        "<busconfig>\n"
        "  <auth>EXTERNAL</auth>\n"
        "  <policy context=\"default\">\n"
        "    <allow send_destination=\"*\" eavesdrop=\"true\"/>\n"
        "    <allow eavesdrop=\"true\"/>\n"
        "    <allow own=\"*\"/>\n"
        "  </policy>\n"
        "  <limit name=\"max_incoming_bytes\">1000000000</limit>\n"
        "  <limit name=\"max_outgoing_bytes\">1000000000</limit>\n"
        "  <limit name=\"max_message_size\">1000000000</limit>\n"
        "  <limit name=\"auth_timeout\">240000</limit>\n"
        "  <limit name=\"max_completed_connections\">100000</limit>\n"
        "  <limit name=\"max_incomplete_connections\">10000</limit>\n"
        "  <limit name=\"max_connections_per_user\">100000</limit>\n"
        "  <limit name=\"max_names_per_connection\">50000</limit>\n"
        "  <limit name=\"max_match_rules_per_connection\">50000</limit>\n"
        "  <limit name=\"max_replies_per_connection\">50000</limit>\n";
static const char bus_config_session[] = "  <type>session</type>\n";
static const char bus_config_everybody[] =
        "  <type>system</type>\n"
        "  <policy context=\"default\"><allow user=\"*\"/></policy>\n";

int bus_write_config(Bus *bus, const char *config)
{
        FILE *file = fopen(bus->config_path, "we");
        int written;

        if (!file)
                return -1;
        written = fprintf(file, "%s%s  <listen>unix:dir=%s</listen>\n%s\n", bus_config_head,
                          bus->for_everybody ? bus_config_everybody : bus_config_session,
                          bus->directory, config ? config : "");
        /* Only the reference asks for .service files of services that run already. */
        if (!bus->is_ringbus)
                fprintf(file, "  <servicedir>%s</servicedir>\n", bus->directory);
        fputs("</busconfig>\n", file);
        return fclose(file) == 0 && written > 0 ? 0 : -1;
}

static int bus_make_directory(Bus *bus)
{
        const char *parent = getenv("TMPDIR");

        snprintf(bus->directory, sizeof(bus->directory), "%s/bus-test-XXXXXX",
                 parent && strlen(parent) < 60 ? parent : "/tmp");
        if (!mkdtemp(bus->directory) || (bus->for_everybody && chmod(bus->directory, 0711) < 0))
                return -1;
        snprintf(bus->config_path, sizeof(bus->config_path), "%s/bus.conf", bus->directory);
        return 0;
}

/* Fills in `--NAME=VALUE` if the environment has a value. */
static bool bus_option(char *option, const char *name, const char *variable)
{
        const char *value = getenv(variable);

        if (!value || !*value)
                return false;
        snprintf(option, BUS_OPTION_MAX, "--%s=%s", name, value);
        return true;
}

/* As RINGBUS_TEST_FDS says; without the capability to raise it again. */
static void bus_limit_fds(void)
{
        const char *value = getenv("RINGBUS_TEST_FDS");
        struct rlimit limit;

        if (!value || !*value)
                return;
        limit.rlim_cur = limit.rlim_max = (rlim_t)strtoul(value, NULL, 10);
        prctl(PR_CAPBSET_DROP, CAP_SYS_RESOURCE);
        if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
                _exit(126);
}

static void bus_exec(const Bus *bus, const char *daemon, int address_fd, const char *const *further)
{
        char log[160], config[200], print[32], io[BUS_OPTION_MAX], workers[BUS_OPTION_MAX];
        const char *arguments[12] = {daemon, config, print, "--nofork", NULL};
        size_t n = 4;
        int log_fd;

        prctl(PR_SET_PDEATHSIG, SIGKILL);
        snprintf(log, sizeof(log), "%s/log", bus->directory);
        log_fd = open(log, O_WRONLY | O_CREAT | O_TRUNC, 0600);
        if (log_fd < 0 || dup2(log_fd, STDERR_FILENO) < 0)
                _exit(126);
        bus_limit_fds();
        snprintf(config, sizeof(config), "--config-file=%s", bus->config_path);
        snprintf(print, sizeof(print), "--print-address=%d", address_fd);
        if (bus->is_ringbus && bus_option(io, "io", "RINGBUS_TEST_IO"))
                arguments[n++] = io;
        if (bus->is_ringbus && bus_option(workers, "workers", "RINGBUS_TEST_WORKERS"))
                arguments[n++] = workers;
        for (int i = 0; bus->is_ringbus && further && further[i] && i < 4; i++)
                arguments[n++] = further[i];
        fcntl(address_fd, F_SETFD, 0);
        execv(daemon, (char *const *)(uintptr_t)arguments);
        dprintf(STDERR_FILENO, "cannot run %s: %s\n", daemon, strerror(errno));
        _exit(127);
}

/* Reads the line with the address that the daemon prints. */
static int bus_read_address(Bus *bus, int fd)
{
        struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
        size_t size = 0;

        while (size + 1 < sizeof(bus->address)) {
                ssize_t n;

                if (poll(&poll_fd, 1, BUS_START_TIMEOUT_MS) <= 0)
                        return -1;
                n = read(fd, bus->address + size, sizeof(bus->address) - 1 - size);
                if (n <= 0)
                        return -1;
                size += (size_t)n;
                bus->address[size] = '\0';
                if (bus->address[size - 1] == '\n') {
                        bus->address[size - 1] = '\0';
                        return 0;
                }
        }
        return -1;
}

static void bus_print_log(const Bus *bus)
{
        char path[160], line[1024];
        FILE *file;

        snprintf(path, sizeof(path), "%s/log", bus->directory);
        file = fopen(path, "re");
        if (!file)
                return;
        while (fgets(line, sizeof(line), file))
                fprintf(stderr, "daemon: %s", line);
        fclose(file);
}

bool bus_log_contains(const Bus *bus, const char *text)
{
        char path[160], line[1024];
        bool found = false;
        FILE *file;

        snprintf(path, sizeof(path), "%s/log", bus->directory);
        file = fopen(path, "re");
        while (file && fgets(line, sizeof(line), file))
                found |= strstr(line, text) != NULL;
        if (file)
                fclose(file);
        return found;
}

/* Removes the directory. Returns how many sockets the daemon had left in it. */
static int bus_remove_directory(const Bus *bus)
{
        DIR *directory = opendir(bus->directory);
        struct dirent *entry;
        int n_sockets = 0;

        if (!directory)
                return 0;
        while ((entry = readdir(directory))) {
                if (entry->d_type == DT_SOCK)
                        n_sockets++;
                unlinkat(dirfd(directory), entry->d_name, 0);
        }
        closedir(directory);
        rmdir(bus->directory);
        return n_sockets;
}

int bus_start(Bus *bus, const BusOptions *options)
{
        const char *daemon =
                options && options->daemon ? options->daemon : getenv("RINGBUS_DAEMON");
        const char *base;
        int pipe_fds[2], r;

        *bus = (Bus){.pid = -1, .for_everybody = options && options->for_everybody};
        if (!daemon) {
                fputs("bus: set RINGBUS_DAEMON to the path of a bus daemon\n", stderr);
                return -1;
        }
        base = strrchr(daemon, '/');
        bus->is_ringbus = !strcmp(base ? base + 1 : daemon, "ringbus");
        if (bus_make_directory(bus) < 0 ||
            bus_write_config(bus, options ? options->config : NULL) < 0 ||
            pipe2(pipe_fds, O_CLOEXEC) < 0) {
                perror("bus: cannot prepare a directory");
                return -1;
        }
        bus->pid = fork();
        if (bus->pid == 0)
                bus_exec(bus, daemon, pipe_fds[1], options ? options->arguments : NULL);
        close(pipe_fds[1]);
        r = bus->pid < 0 ? -1 : bus_read_address(bus, pipe_fds[0]);
        close(pipe_fds[0]);
        if (r < 0) {
                fprintf(stderr, "bus: %s did not start\n", daemon);
                (void)bus_stop(bus);
        }
        return r;
}

/* Waits for the daemon to end; kills it when that takes too long. Its wait status, or -1. */
static int bus_reap(const Bus *bus)
{
        const struct timespec pause = {.tv_nsec = 2000000};
        int status;

        for (int waited_ms = 0; waited_ms < BUS_STOP_TIMEOUT_MS; waited_ms += 2) {
                if (waitpid(bus->pid, &status, WNOHANG) == bus->pid)
                        return status;
                nanosleep(&pause, NULL);
        }
        fputs("bus: SIGTERM did not end the daemon\n", stderr);
        kill(bus->pid, SIGKILL);
        waitpid(bus->pid, &status, 0);
        return -1;
}

int bus_stop(Bus *bus)
{
        bool failed = true;
        int status, n_sockets;

        if (bus->pid > 0) {
                kill(bus->pid, SIGTERM);
                status = bus_reap(bus);
                failed = status != 0;
                if (status > 0)
                        fprintf(stderr, "bus: the daemon ended with wait status 0x%x\n",
                                (unsigned)status);
        }
        bus->pid = -1;
        if (failed)
                bus_print_log(bus);
        n_sockets = bus_remove_directory(bus);
        if (!failed && n_sockets > 0) {
                fputs("bus: the daemon left its socket behind\n", stderr);
                failed = true;
        }
        return failed ? -1 : 0;
}

long bus_resident_kib(const Bus *bus)
{
        char path[64], line[256];
        long resident = -1;
        FILE *file;

        snprintf(path, sizeof(path), "/proc/%d/status", bus->pid);
        file = fopen(path, "re");
        if (!file)
                return -1;
        while (fgets(line, sizeof(line), file)) {
                if (sscanf(line, "VmRSS: %ld", &resident) == 1)
                        break;
        }
        fclose(file);
        return resident;
}
