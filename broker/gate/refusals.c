/* SPDX-License-Identifier: Apache-2.0 */
/* See refusals.h. A client that merely left is counted, never logged. */

#include "broker/gate/refusals.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "broker/base/assert.h"
#include "broker/base/cleanup.h"
#include "broker/base/log.h"

enum { NAME_MAX_SIZE = 256 };

const char *refusals_text(GateRefusal kind)
{
        static const char *const texts[GATE_N_REFUSALS] = {
#define TEXT_ENTRY(name, word, text) [GATE_REFUSAL_##name] = text,
                GATE_REFUSALS(TEXT_ENTRY)
#undef TEXT_ENTRY
        };

        return texts[kind];
}

/* The name of an executable is its owner's choice: nothing in it may look like a line of ours. */
static void make_printable(char *text)
{
        for (; *text; text++)
                if (*text < ' ' || *text > '~')
                        *text = '?';
}

/* The executable behind a pid, or what the process calls itself; the clerk's thread. */
static void find_executable(pid_t pid, char *ret_name, size_t size)
{
        char path[64];
        ssize_t n;
        int fd;

        snprintf(path, sizeof(path), "/proc/%d/exe", (int)pid);
        n = readlink(path, ret_name, size - 1);
        if (n <= 0) { /* another user's: only its name is to be had */
                snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
                fd = open(path, O_RDONLY | O_CLOEXEC);
                n = fd < 0 ? -1 : read(fd, ret_name, size - 1);
                cleanup_close(fd);
        }
        if (n > 0 && ret_name[n - 1] == '\n')
                n--;
        if (n > 0)
                ret_name[n] = '\0';
        else
                snprintf(ret_name, size, "gone");
        make_printable(ret_name);
}

/* The clerk's thread, if there is one. */
static void write_line(Job *job)
{
        RefusalLine *line = CONTAINER_OF(job, RefusalLine, job);
        const RefusalPeer *peer = &line->peer;
        char name[NAME_MAX_SIZE];

        if (peer->uid == CREDENTIALS_NO_UID) {
                log_warning("Refused a connection from %s: %s",
                            peer->from[0] ? peer->from : "nobody knows where", line->reason);
        } else {
                find_executable(peer->pid, name, sizeof(name));
                log_warning("Refused a connection of uid %u, pid %d (%s): %s", (unsigned)peer->uid,
                            (int)peer->pid, name, line->reason);
        }
        switch_clear(&line->busy);
}

void refusals_init(Refusals *refusals, const GateOptions *options)
{
        *refusals = (Refusals){.options = options};
        for (unsigned i = 0; i < GATE_N_REFUSALS; i++)
                refusals->lines[i].job = (Job){.run = write_line, .at_end = true};
}

void refusals_note(Refusals *refusals, GateRefusal kind, const RefusalPeer *peer, uint64_t now_ns,
                   const char *format, ...)
{
        RefusalLine *line = &refusals->lines[kind];
        va_list arguments;
        size_t size;

        tally_add(&refusals->counts[kind], 1);
        if (kind == GATE_REFUSAL_LEFT)
                return;
        if (switch_is_on(&line->busy) || !throttle_passes(&refusals->throttles[kind], now_ns)) {
                refusals->silent[kind]++;
                return;
        }
        va_start(arguments, format);
        vsnprintf(line->reason, sizeof(line->reason), format, arguments);
        va_end(arguments);
        size = strlen(line->reason);
        if (refusals->silent[kind] > 0)
                snprintf(line->reason + size, sizeof(line->reason) - size,
                         " (and %llu more since the last such line)",
                         (unsigned long long)refusals->silent[kind]);
        refusals->silent[kind] = 0;
        line->peer = *peer;
        switch_set(&line->busy);
        if (refusals->options->post_job)
                refusals->options->post_job(refusals->options->context, &line->job);
        else
                write_line(&line->job);
}
