/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/load/broker/broker_home.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
        STOP_TIMEOUT_MS = 60000, /* under a sanitizer, on a busy machine */
        STOP_PAUSE_MS = 2,
        FDS_WANTED = 1 << 17,
        LOG_LINES = 10,
        LOG_LINE_MAX = 400,
};

int broker_home_make(Broker *broker)
{
        const char *parent = getenv("TMPDIR");

        /* A socket's path has 107 bytes. */
        snprintf(broker->directory, sizeof(broker->directory), "%s/bus-load-XXXXXX",
                 parent && strlen(parent) > 0 && strlen(parent) < 60 ? parent : "/tmp");
        if (mkdtemp(broker->directory))
                return 0;
        broker->directory[0] = '\0';
        return -1;
}

void broker_home_remove(Broker *broker)
{
        DIR *directory = opendir(broker->directory);
        struct dirent *entry;

        while (directory && (entry = readdir(directory)))
                unlinkat(dirfd(directory), entry->d_name, 0);
        if (directory)
                closedir(directory);
        rmdir(broker->directory);
        broker->directory[0] = '\0';
}

/* To the hard limit, which root may raise. */
static void raise_limit(__rlimit_resource_t resource, rlim_t wanted)
{
        struct rlimit limit;

        if (getrlimit(resource, &limit) < 0)
                return;
        if (limit.rlim_max < wanted) {
                struct rlimit higher = {.rlim_cur = wanted, .rlim_max = wanted};

                if (setrlimit(resource, &higher) == 0)
                        return;
        }
        limit.rlim_cur = limit.rlim_max;
        setrlimit(resource, &limit);
}

void broker_home_enter(const Broker *broker, pid_t parent)
{
        char log[160];
        int fd;

        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent)
                _exit(1);
        setpgid(0, 0); /* Ctrl-C is for the program that measures */
        raise_limit(RLIMIT_NOFILE, FDS_WANTED);
        raise_limit(RLIMIT_MEMLOCK, RLIM_INFINITY);
        snprintf(log, sizeof(log), "%s/log", broker->directory);
        fd = open(log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        if (fd < 0 || dup2(fd, STDERR_FILENO) < 0)
                _exit(126);
}

int broker_home_reap(Broker *broker)
{
        const struct timespec pause = {.tv_nsec = STOP_PAUSE_MS * 1000000};
        pid_t pid = broker->pid;
        int status;

        broker->pid = -1;
        for (int waited_ms = 0; waited_ms < STOP_TIMEOUT_MS; waited_ms += STOP_PAUSE_MS) {
                if (waitpid(pid, &status, WNOHANG) == pid)
                        return status;
                nanosleep(&pause, NULL);
        }
        kill(pid, SIGKILL);
        waitpid(pid, &status, 0);
        return -1;
}

void broker_home_print_log(const Broker *broker, FILE *stream)
{
        char path[160], lines[LOG_LINES][LOG_LINE_MAX];
        unsigned n = 0;
        FILE *log;

        snprintf(path, sizeof(path), "%s/log", broker->directory);
        log = fopen(path, "re");
        if (!log)
                return;
        while (fgets(lines[n % LOG_LINES], LOG_LINE_MAX, log))
                n++;
        fclose(log);
        for (unsigned i = n > LOG_LINES ? n - LOG_LINES : 0; i < n; i++) {
                const char *line = lines[i % LOG_LINES];

                fprintf(stream, "its log: %s%s", line, strchr(line, '\n') ? "" : "\n");
        }
}
