/* SPDX-License-Identifier: Apache-2.0 */
/* The daemon: what happens before there are threads, and after. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "broker/announce.h"
#include "broker/base/alloc.h"
#include "broker/base/hash.h"
#include "broker/base/log.h"
#include "broker/bus.h"
#include "broker/driver/driver.h"

#include <systemd/sd-daemon.h>

enum { FDS_WANTED = 65536 };

static int main_probe(ProbeWish wish)
{
        Probe probe;

        if (probe_run(wish, &probe) < 0) {
                fprintf(stderr, "ringbus: io_uring cannot serve: %s\n", probe.reason);
                return 1;
        }
        probe_print(&probe, stdout);
        return fflush(stdout) == 0 ? 0 : 1;
}

static int main_version(void)
{
        printf("ringbus " RINGBUS_VERSION " (D-Bus message bus; memory: %s)\n", alloc_name());
        return fflush(stdout) == 0 ? 0 : 1;
}

static int main_introspect(void)
{
        char *text = driver_introspect(TEXT("/org/freedesktop/DBus"));
        int written = text ? fputs(text, stdout) : EOF;

        alloc_free(text);
        return written >= 0 && fflush(stdout) == 0 ? 0 : 1;
}

/* As many fds as we may have: every connection takes one or two. */
static void main_raise_fd_limit(void)
{
        struct rlimit limit;

        if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
                return;
        if (limit.rlim_max < FDS_WANTED && geteuid() == 0)
                limit.rlim_max = FDS_WANTED;
        limit.rlim_cur = limit.rlim_max;
        if (setrlimit(RLIMIT_NOFILE, &limit) == 0)
                return;
        if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
                return;
        limit.rlim_cur = limit.rlim_max;
        if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
                log_warning("the limit of open files stays at %llu: raise RLIMIT_NOFILE to serve "
                            "more connections",
                            (unsigned long long)limit.rlim_cur);
}

static void main_set_log_prefix(const Config *config)
{
        char prefix[64];

        snprintf(prefix, sizeof(prefix), "[%.16s uid=%u pid=%u] ",
                 config->type ? config->type : "bus", (unsigned)getuid(), (unsigned)getpid());
        log_set_prefix(prefix);
}

static int main_choose_backend(ProbeWish wish, IoBackend *ret_backend)
{
        Probe probe;

        if (probe_run(wish, &probe) < 0) {
                log_error("--io=uring: io_uring cannot serve here: %s", probe.reason);
                return -1;
        }
        if (wish == PROBE_AUTO && probe.backend == IO_BACKEND_EPOLL)
                log_notice("using epoll: io_uring cannot serve here: %s", probe.reason);
        *ret_backend = probe.backend;
        return 0;
}

/* Whoever reads the address or the id waits for it, and nobody finds the bus without. */
static int main_announce(const Options *options, const Listeners *listeners)
{
        int r = announce(options->print_address_fd, listeners->address, options->print_pid_fd,
                         getpid());

        if (r < 0)
                log_error("cannot print the address or the process id: %s; give a descriptor that "
                          "takes them, or leave --print-address and --print-pid out",
                          strerror(-r));
        return r;
}

static int main_serve(const Options *options, const Config *config, const Listeners *listeners)
{
        IoBackend backend;
        Bus *bus = NULL;
        int status = 1;

        if (main_choose_backend(options->io_wish, &backend) < 0 ||
            bus_new(options, config, listeners, backend, &bus) < 0)
                return 1;
        /* Who may connect earlier waits in the listening socket's queue. */
        if (bus_start(bus) == 0 && main_announce(options, listeners) == 0) {
                sd_notify(0, "READY=1");
                status = bus_run(bus);
                sd_notify(0, "STOPPING=1");
        }
        bus_free(bus);
        return status;
}

static int main_run(const Options *options)
{
        Config *config = NULL;
        Listeners *listeners = NULL;
        ConfigError config_error;
        ListenError listen_error;
        const char *const *addresses;
        size_t n;
        int status = 1;

        if (config_load(options->config_file, &config, &config_error) < 0) {
                log_error("%s", config_error.text);
                return 1;
        }
        main_set_log_prefix(config);
        main_raise_fd_limit();
        addresses = options->address ? &options->address : (const char *const *)config->listen;
        n = options->address ? 1 : config->n_listen;
        if (hash_init() < 0)
                log_error("no random numbers from the kernel");
        else if (listen_open(addresses, n, &listeners, &listen_error) < 0)
                log_error("%s", listen_error.text);
        else
                status = main_serve(options, config, listeners);
        listen_close(listeners);
        config_free(config);
        return status;
}

/* Opens /dev/null in place of standard descriptors that whoever started us has closed: otherwise a
 * socket gets such a number, and what is meant for standard error goes into it. */
static int main_open_standard_fds(void)
{
        for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
                if (fcntl(fd, F_GETFD) >= 0 || errno != EBADF)
                        continue;
                if (open("/dev/null", O_RDWR) != fd) { /* the lowest that is free */
                        fprintf(stderr,
                                "ringbus: descriptor %d is closed and /dev/null cannot be "
                                "opened in its place: %s; start with descriptors 0 to 2 open\n",
                                fd, strerror(errno));
                        return -1;
                }
        }
        return 0;
}

int main(int argc, char **argv)
{
        Options options;

        if (main_open_standard_fds() < 0)
                return 1;
        signal(SIGPIPE, SIG_IGN);
        switch (options_parse(argc, argv, stderr, &options)) {
        case OPTIONS_RUN:
                return main_run(&options);
        case OPTIONS_PROBE:
                return main_probe(options.io_wish);
        case OPTIONS_VERSION:
                return main_version();
        case OPTIONS_INTROSPECT:
                return main_introspect();
        case OPTIONS_FAIL:
                break;
        }
        return 1;
}
