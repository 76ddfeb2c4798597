/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/load/compare/runner.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
        WORDS_MAX = 64,
        SLACK_MS = 30000,
        SLACK_FACTOR = 3,
        TAIL_MAX = 400, /* of what a failed run said */
        STATUS_EXEC_FAILED = 127,
};

#define NS_PER_MS UINT64_C(1000000)

static volatile sig_atomic_t is_stopped;

void runner_stop(void)
{
        is_stopped = 1;
}

bool runner_is_stopped(void)
{
        return is_stopped;
}

/* The load's process, and files in memory for what it writes. */
typedef struct Child {
        pid_t pid;
        int out_fd, err_fd;
} Child;

/* The words of the child's command line. */
typedef struct Words {
        char text[SUITE_TEXT_MAX]; /* the cell's, cut at its spaces */
        char address[BROKER_PATH_MAX + 16], pid[32], duration[48], warmup[48];
        char *words[WORDS_MAX];
} Words;

static int make_words(Words *words, const Suite *suite, const SuiteCell *cell, const Broker *broker)
{
        static char program[] = "ringbus-load", json[] = "--json", quiet[] = "--quiet";
        size_t n = 0;
        char *state;

        snprintf(words->text, sizeof(words->text), "%s", cell->run);
        snprintf(words->address, sizeof(words->address), "--address=%s", broker->address);
        snprintf(words->pid, sizeof(words->pid), "--pid=%d", (int)broker->pid);
        snprintf(words->duration, sizeof(words->duration), "--duration=%llums",
                 (unsigned long long)(suite->duration_ns / NS_PER_MS));
        snprintf(words->warmup, sizeof(words->warmup), "--warmup=%llums",
                 (unsigned long long)(suite->warmup_ns / NS_PER_MS));
        words->words[n++] = program;
        words->words[n++] = strtok_r(words->text, " ", &state);
        words->words[n++] = words->address;
        words->words[n++] = words->pid;
        words->words[n++] = json;
        words->words[n++] = quiet;
        if (suite_has_knob(cell, "duration"))
                words->words[n++] = words->duration;
        if (suite_has_knob(cell, "warmup"))
                words->words[n++] = words->warmup;
        /* The cell's own come last, and win. */
        while (n < WORDS_MAX && (words->words[n] = strtok_r(NULL, " ", &state)))
                n++;
        return n < WORDS_MAX ? 0 : -1;
}

static void exec_child(const Child *child, char **words, pid_t parent)
{
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent)
                _exit(STATUS_EXEC_FAILED);
        setpgid(0, 0); /* Ctrl-C ends the comparison, which ends this */
        if (dup2(child->out_fd, STDOUT_FILENO) < 0 || dup2(child->err_fd, STDERR_FILENO) < 0)
                _exit(STATUS_EXEC_FAILED);
        execv("/proc/self/exe", words);
        dprintf(STDERR_FILENO, "cannot run /proc/self/exe: %s\n", strerror(errno));
        _exit(STATUS_EXEC_FAILED);
}

static int start_child(Child *child, char **words)
{
        pid_t parent = getpid();

        child->out_fd = memfd_create("result", MFD_CLOEXEC);
        child->err_fd = memfd_create("errors", MFD_CLOEXEC);
        fflush(NULL);
        child->pid = child->out_fd < 0 || child->err_fd < 0 ? -1 : fork();
        if (child->pid == 0)
                exec_child(child, words, parent);
        return child->pid < 0 ? -1 : 0;
}

static void end_child(Child *child)
{
        if (child->out_fd >= 0)
                close(child->out_fd);
        if (child->err_fd >= 0)
                close(child->err_fd);
}

/* Its wait status; -1 if it took too long. */
static int wait_child(const Child *child, uint64_t timeout_ns)
{
        struct pollfd ended = {.fd = pidfd_open(child->pid, 0), .events = POLLIN};
        int timeout_ms = (int)(timeout_ns / NS_PER_MS);
        int status, n;

        do
                n = poll(&ended, 1, timeout_ms);
        while (n < 0 && errno == EINTR && !is_stopped);
        if (ended.fd >= 0)
                close(ended.fd);
        if (n <= 0)
                kill(child->pid, SIGKILL);
        while (waitpid(child->pid, &status, 0) < 0 && errno == EINTR)
                ;
        return n <= 0 ? -1 : status;
}

/* The end of what is in a file, without line breaks at the ends. */
static void read_tail(int fd, char text[static TAIL_MAX])
{
        off_t size = lseek(fd, 0, SEEK_END);
        off_t from = size < TAIL_MAX ? 0 : size - (TAIL_MAX - 1);
        ssize_t n = pread(fd, text, TAIL_MAX - 1, from);

        n = n < 0 ? 0 : n;
        while (n > 0 && text[n - 1] == '\n')
                n--;
        text[n] = '\0';
}

static int read_result(const Child *child, RunnerOutcome *outcome)
{
        json_error_t error;

        lseek(child->out_fd, 0, SEEK_SET);
        outcome->result = json_loadfd(child->out_fd, 0, &error);
        if (outcome->result)
                return 0;
        snprintf(outcome->error, sizeof(outcome->error), "wrote no JSON: %s", error.text);
        return -1;
}

static void explain(const Child *child, int status, const Broker *broker, RunnerOutcome *outcome)
{
        char tail[TAIL_MAX];

        read_tail(child->err_fd, tail);
        if (status < 0)
                snprintf(outcome->error, sizeof(outcome->error), "took too long. %s", tail);
        else if (WIFSIGNALED(status))
                snprintf(outcome->error, sizeof(outcome->error),
                         "the load was ended by signal %d. %s", WTERMSIG(status), tail);
        else
                snprintf(outcome->error, sizeof(outcome->error), "%s%s",
                         broker_is_alive(broker) ? "" : "the broker is gone. ", tail);
}

static int run_on(const Suite *suite, const SuiteCell *cell, const Broker *broker,
                  RunnerOutcome *outcome)
{
        uint64_t timeout_ns =
                SLACK_FACTOR * suite_run_ns(suite, cell) + (uint64_t)SLACK_MS * NS_PER_MS;
        Child child = {.out_fd = -1, .err_fd = -1};
        Words words;
        int status, r = -1;

        if (make_words(&words, suite, cell, broker) < 0) {
                snprintf(outcome->error, sizeof(outcome->error), "more than %d words", WORDS_MAX);
                return -1;
        }
        if (start_child(&child, words.words) < 0) {
                snprintf(outcome->error, sizeof(outcome->error), "cannot fork: %s",
                         strerror(errno));
        } else {
                status = wait_child(&child, timeout_ns);
                if (status == 0)
                        r = read_result(&child, outcome);
                else
                        explain(&child, status, broker, outcome);
        }
        end_child(&child);
        return r;
}

int runner_run(const Suite *suite, const SuiteCell *cell, const BrokerOptions *options,
               RunnerOutcome *ret_outcome)
{
        Broker broker;
        int r;

        *ret_outcome = (RunnerOutcome){0};
        snprintf(ret_outcome->command, sizeof(ret_outcome->command),
                 "ringbus-load %s --duration=%llums --warmup=%llums", cell->run,
                 (unsigned long long)(suite->duration_ns / NS_PER_MS),
                 (unsigned long long)(suite->warmup_ns / NS_PER_MS));
        if (broker_start(&broker, options) < 0) {
                snprintf(ret_outcome->error, sizeof(ret_outcome->error), "did not start");
                return -1;
        }
        r = run_on(suite, cell, &broker, ret_outcome);
        broker_stop(&broker);
        return r;
}

void runner_outcome_deinit(RunnerOutcome *outcome)
{
        json_decref(outcome->result);
        outcome->result = NULL;
}
