/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/load/engine/process.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

void process_out_of_memory(void)
{
        fputs("ringbus-load: out of memory; take fewer clients, match rules or a smaller payload\n",
              stderr);
        exit(1);
}

void *process_share(size_t size)
{
        void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

        if (memory == MAP_FAILED) {
                perror("mmap");
                exit(2);
        }
        return memory;
}

void process_unshare(void *memory, size_t size)
{
        munmap(memory, size);
}

int process_start(Process *process, int (*run)(void *context), void *context)
{
        pid_t parent = getpid();

        fflush(NULL);
        process->pid = fork();
        if (process->pid < 0) {
                perror("fork");
                process->pid = 0;
                return -1;
        }
        if (process->pid > 0)
                return 0;
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent)
                _exit(1);
        signal(SIGPIPE, SIG_IGN);
        parent = run(context);
        fflush(NULL);
        _exit(parent);
}

int process_wait(Process *process, int timeout_ms)
{
        int status;

        if (process->pid <= 0)
                return 0;
        for (int waited_ms = 0; waited_ms <= timeout_ms; waited_ms += 2) {
                if (waitpid(process->pid, &status, WNOHANG) == process->pid) {
                        process->pid = 0;
                        return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
                }
                process_sleep_ms(2);
        }
        process_kill(process);
        return -1;
}

void process_kill(Process *process)
{
        if (process->pid <= 0)
                return;
        kill(process->pid, SIGKILL);
        waitpid(process->pid, NULL, 0);
        process->pid = 0;
}

bool process_is_alive(const Process *process)
{
        siginfo_t info = {0};

        return process->pid > 0 &&
               waitid(P_PID, (id_t)process->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
               info.si_pid == 0;
}

uint64_t process_cpu_ns(pid_t pid)
{
        char path[300];
        struct dirent *entry;
        uint64_t sum = 0;
        DIR *threads;

        snprintf(path, sizeof(path), "/proc/%d/task", pid);
        threads = opendir(path);
        while (threads && (entry = readdir(threads))) {
                unsigned long long on_cpu;
                FILE *file;

                if (entry->d_name[0] == '.')
                        continue;
                snprintf(path, sizeof(path), "/proc/%d/task/%s/schedstat", pid, entry->d_name);
                file = fopen(path, "re");
                if (!file)
                        continue;
                if (fscanf(file, "%llu", &on_cpu) == 1)
                        sum += on_cpu;
                fclose(file);
        }
        if (threads)
                closedir(threads);
        return sum;
}

long process_resident_kib(pid_t pid)
{
        char path[64];
        long resident = -1;
        FILE *file;

        snprintf(path, sizeof(path), "/proc/%d/statm", pid);
        file = fopen(path, "re");
        if (!file)
                return -1;
        if (fscanf(file, "%*d %ld", &resident) == 1)
                resident *= sysconf(_SC_PAGESIZE) / 1024;
        fclose(file);
        return resident;
}

long process_n_fds(pid_t pid)
{
        char path[64];
        struct dirent *entry;
        struct stat about;
        long n = 0;
        DIR *fds;

        snprintf(path, sizeof(path), "/proc/%d/fd", pid);
        /* Since Linux 6.2 the size is the number: to read thousands of names takes milliseconds. */
        if (stat(path, &about) == 0 && about.st_size > 0)
                return (long)about.st_size;
        fds = opendir(path);
        if (!fds)
                return -1;
        while ((entry = readdir(fds)))
                n += entry->d_name[0] != '.';
        closedir(fds);
        return n;
}

uint64_t process_now_ns(void)
{
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

void process_sleep_ms(unsigned ms)
{
        struct timespec left = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};

        while (nanosleep(&left, &left) < 0 && errno == EINTR)
                ;
}

size_t process_raise_fds(void)
{
        struct rlimit limit;

        if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
                return 0;
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
        return limit.rlim_cur;
}
