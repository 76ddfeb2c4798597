/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BENCH_LOAD_ENGINE_PROCESS_H
#define RINGBUS_BENCH_LOAD_ENGINE_PROCESS_H

/*
 * Processes that generate load, memory that they share with the program that started them, and
 * what the kernel says about any process.
 *
 * Owner of a Process: the thread that started it; it dies with that thread.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

typedef struct Process {
        pid_t pid; /* 0: none */
} Process;

/* Says that memory is out and ends the program with status 1, any broker that it started with it.
 */
_Noreturn void process_out_of_memory(void);

/* Zeroed memory that processes started later share. Never NULL: running out ends the program. */
void *process_share(size_t size);
void process_unshare(void *memory, size_t size);

/* Runs `run` in a process of its own; what it returns is the exit status. 0 or -1. */
int process_start(Process *process, int (*run)(void *context), void *context);

/* Waits for its end: its exit status, -1 after `timeout_ms` or if a signal ended it; in the first
 * case it is killed. Idempotent: 0 for none. */
int process_wait(Process *process, int timeout_ms);

/* Ends it by SIGKILL. Idempotent. */
void process_kill(Process *process);

bool process_is_alive(const Process *process);

/* CPU time of all living threads of a process, in ns (schedstat). */
uint64_t process_cpu_ns(pid_t pid);

/* Resident memory in KiB, and open fds; -1 if unknown. */
long process_resident_kib(pid_t pid);
long process_n_fds(pid_t pid);

/* CLOCK_MONOTONIC, the same for all processes. */
uint64_t process_now_ns(void);
void process_sleep_ms(unsigned ms);

/* Raises the soft limit on fds to the hard one. Returns it. */
size_t process_raise_fds(void);

#endif
