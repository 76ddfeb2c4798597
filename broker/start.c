/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See start.h. Nothing that fails leaves anything behind: sockets and the pid file are removed by
 * the process that made them, and only by it.
 */

#include "broker/start.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "broker/announce.h"
#include "broker/base/cleanup.h"
#include "broker/base/hash.h"
#include "broker/base/log.h"
#include "broker/base/path.h"
#include "broker/bus.h"
#include "broker/daemonize.h"
#include "broker/lsm.h"
#include "broker/pidfile.h"
#include "broker/runas.h"

#include <systemd/sd-daemon.h>

enum { FDS_WANTED = 65536 };

typedef struct Start {
        Options options;
        char *config_file; /* absolute: also in `options` */
        Config *config;
        Listeners *listeners;
        Pidfile pidfile;
        RunAs user;
        int ready_fd; /* -1: in the foreground */
} Start;

/* Loads, and refuses what the bus could not serve at all. */
static int load_config(const char *path, Config **ret_config, ConfigReport *report)
{
        Config *config = NULL;
        int r = config_load(path, &config, report);

        if (r < 0)
                return r;
        lsm_check(config, path, report);
        if (report->n_errors > 0) {
                config_free(config);
                return -EINVAL;
        }
        *ret_config = config;
        return 0;
}

/* What a bus with this configuration finds out only when it starts. */
static int check_start(const Config *config, const char *path, ConfigReport *report)
{
        for (size_t i = 0; i < config->n_listen; i++) {
                ListenError error;

                if (listen_check(config->listen[i], &error) < 0)
                        config_report_add(report, CONFIG_ERROR, "%s: %s", path, error.text);
        }
        return report->n_errors > 0 ? -EINVAL : 0;
}

int start_check_config(const char *path)
{
        ConfigReport report = {0};
        Config *config = NULL;
        RunAs user;
        int r = load_config(path, &config, &report);

        if (r == 0)
                r = check_start(config, path, &report);
        config_report_print(&report, stderr);
        if (config && runas_find(config->user, &user) < 0)
                r = -EINVAL;
        if (r == 0)
                printf("%s: OK\n", path);
        config_free(config);
        config_report_deinit(&report);
        lsm_stop();
        return r == 0 && fflush(stdout) == 0 ? 0 : 1;
}

/* As many fds as we may have: every connection takes one. */
static void raise_fd_limit(void)
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

/* Of the system bus there is one. The id of a process in the background is its own. */
static void set_log_prefix(const Config *config)
{
        const char *type = config->type ? config->type : "bus";
        char prefix[64];

        if (strcmp(type, "system") == 0)
                snprintf(prefix, sizeof(prefix), "[system] ");
        else
                snprintf(prefix, sizeof(prefix), "[%.16s uid=%u pid=%u] ", type, (unsigned)getuid(),
                         (unsigned)getpid());
        log_set_prefix(prefix);
}

/* `config` is NULL while it is not known. */
static void set_log_target(const Options *options, const Config *config)
{
        if (options->syslog == OPTIONS_FORCED && options->syslog_only)
                log_set_target(LOG_TARGET_SYSLOG, NULL);
        else if (options->syslog == OPTIONS_FORCED ||
                 (options->syslog == OPTIONS_AS_CONFIGURED && config && config->syslog))
                log_set_target(LOG_TARGET_BOTH, NULL);
}

static int choose_backend(ProbeWish wish, IoBackend *ret_backend)
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
static int print_address(const Start *start)
{
        int r = announce(start->options.print_address_fd, start->listeners->address,
                         start->options.print_pid_fd, getpid());

        if (r < 0)
                log_error("cannot print the address or the process id: %s; give a descriptor that "
                          "takes them, or leave --print-address and --print-pid out",
                          strerror(-r));
        return r;
}

static int serve(const Start *start)
{
        IoBackend backend;
        Bus *bus = NULL;
        int status = 1;

        if (choose_backend(start->options.io_wish, &backend) < 0 ||
            bus_new(&start->options, start->config, start->listeners, backend, &bus) < 0)
                return 1;
        /* Who may connect earlier waits in the listening socket's queue. */
        if (bus_start(bus) == 0 && print_address(start) == 0) {
                sd_notify(0, "READY=1");
                if (start->ready_fd >= 0)
                        daemonize_ready(start->ready_fd);
                status = bus_run(bus);
                sd_notify(0, "STOPPING=1");
        }
        bus_free(bus);
        return status;
}

static int configure(Start *start)
{
        ConfigReport report = {0};
        int r = -ENOMEM;

        /* A bus that goes into the background goes to another folder, and may reload there. */
        start->config_file = path_absolute(start->options.config_file);
        start->options.config_file = start->config_file;
        if (start->config_file)
                r = load_config(start->config_file, &start->config, &report);
        else
                report.out_of_memory = true;
        config_report_log(&report);
        config_report_deinit(&report);
        return r;
}

/* The configuration may have come from there; nothing else does, and nobody is to wait for us to
 * read it. */
static void leave_standard_input(const Options *options)
{
        int fd;

        if (options->print_address_fd == STDIN_FILENO || options->print_pid_fd == STDIN_FILENO)
                return;
        fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
        if (fd < 0 || dup2(fd, STDIN_FILENO) < 0)
                log_warning("standard input stays open: %s", strerror(errno));
        cleanup_close(fd);
}

static int listen_on(Start *start)
{
        const char *const *addresses = (const char *const *)start->config->listen;
        size_t n = start->config->n_listen;
        ListenError error;
        int r;

        if (start->options.address) {
                addresses = &start->options.address;
                n = 1;
        }
        r = listen_open(addresses, n, &start->listeners, &error);
        if (r < 0)
                log_error("%s", error.text);
        return r;
}

static int become_user(Start *start)
{
        const RunAs *user = &start->user;
        ListenError error;
        int r = 0;

        if (user->is_other)
                r = listen_give(start->listeners, user->uid, user->gid, &error);
        if (r < 0) {
                log_error("%s", error.text);
                return r;
        }
        return runas_apply(user);
}

/* All that must be done while there is one thread. */
static int prepare(Start *start)
{
        const Options *options = &start->options;
        Config *config = start->config;
        bool forks = options->fork == OPTIONS_FORCED ||
                     (options->fork == OPTIONS_AS_CONFIGURED && config->fork);
        int r = pidfile_init(options->no_pidfile ? NULL : config->pidfile, &start->pidfile);

        if (r == 0)
                r = runas_find(config->user, &start->user);
        if (r == 0 && hash_init() < 0) {
                log_error("no random numbers from the kernel");
                r = -EIO;
        }
        if (r == 0)
                r = listen_on(start);
        if (r == 0 && forks) {
                r = daemonize_fork(config->keep_umask, &start->ready_fd);
                set_log_prefix(config);
        }
        if (r == 0)
                r = pidfile_write(&start->pidfile, getpid());
        if (r < 0)
                return r;
        raise_fd_limit();
        lsm_start();
        return become_user(start);
}

int start_run(const Options *options)
{
        Start start = {.options = *options, .ready_fd = -1};
        int status = 1;

        set_log_target(options, NULL);
        if (configure(&start) == 0) {
                set_log_target(options, start.config);
                set_log_prefix(start.config);
                leave_standard_input(options);
                if (prepare(&start) == 0)
                        status = serve(&start);
        }
        listen_close(start.listeners);
        pidfile_deinit(&start.pidfile);
        config_free(start.config);
        alloc_free(start.config_file);
        lsm_stop();
        return status;
}
