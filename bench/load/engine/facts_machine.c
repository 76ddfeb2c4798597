/* SPDX-License-Identifier: Apache-2.0 */
/* What a report says about where it was measured, and with what. */

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "bench/load/engine/facts.h"
#include "broker/base/assert.h"
#include "broker/base/cleanup.h"

/* The first line of a file, without its end. */
static void read_line(const char *path, char *text, size_t size)
{
        CLEANUP_FILE FILE *file = fopen(path, "re");

        if (!file || !fgets(text, (int)size, file))
                text[0] = '\0';
        text[strcspn(text, "\n")] = '\0';
}

static void read_cpu_model(char text[static FACTS_TEXT_MAX])
{
        CLEANUP_FILE FILE *file = fopen("/proc/cpuinfo", "re");
        char line[512];

        while (file && fgets(line, sizeof(line), file)) {
                char *value = strstr(line, ": ");

                if (strncmp(line, "model name", 10) != 0 || !value)
                        continue;
                value[strcspn(value, "\n")] = '\0';
                snprintf(text, FACTS_TEXT_MAX, "%.*s", FACTS_TEXT_MAX - 1, value + 2);
                return;
        }
}

void facts_read_machine(FactsMachine *ret_machine)
{
        time_t now = time(NULL);
        struct utsname name;
        cpu_set_t cpus;
        struct tm utc;

        *ret_machine = (FactsMachine){.n_cpus = 1};
        if (uname(&name) == 0)
                snprintf(ret_machine->kernel, sizeof(ret_machine->kernel), "%.60s %.90s %.60s",
                         name.sysname, name.release, name.machine);
        read_cpu_model(ret_machine->cpu_model);
        read_line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", ret_machine->governor,
                  sizeof(ret_machine->governor));
        if (sched_getaffinity(0, sizeof(cpus), &cpus) == 0)
                ret_machine->n_cpus = (unsigned)CPU_COUNT(&cpus);
        if (getloadavg(&ret_machine->load, 1) != 1)
                ret_machine->load = 0;
        if (gmtime_r(&now, &utc))
                strftime(ret_machine->time, sizeof(ret_machine->time), "%Y-%m-%dT%H:%M:%SZ", &utc);
}

/* Only brokers that are known to answer --version and to do nothing else. */
static bool answers_version(const char *exe)
{
        static const char *const known[] = {"ringbus", "dbus-daemon", "dbus-broker"};
        const char *base = strrchr(exe, '/');

        for (size_t i = 0; base && i < ARRAY_SIZE(known); i++)
                if (strcmp(base + 1, known[i]) == 0)
                        return true;
        return false;
}

static void read_version(pid_t pid, char text[static FACTS_TEXT_MAX])
{
        char command[128];
        FILE *output;

        /* /proc/PID/exe: the very program that runs, also if its file was replaced since */
        snprintf(command, sizeof(command), "timeout 5 /proc/%d/exe --version 2>/dev/null", pid);
        output = popen(command, "re");
        if (!output)
                return;
        if (!fgets(text, FACTS_TEXT_MAX, output))
                text[0] = '\0';
        text[strcspn(text, "\n")] = '\0';
        pclose(output);
}

void facts_read_broker(pid_t pid, FactsBroker *ret_broker)
{
        char path[64];
        ssize_t size;

        *ret_broker = (FactsBroker){.pid = pid};
        if (pid <= 0)
                return;
        snprintf(path, sizeof(path), "/proc/%d/exe", pid);
        size = readlink(path, ret_broker->exe, sizeof(ret_broker->exe) - 1);
        if (size > 0 && answers_version(ret_broker->exe))
                read_version(pid, ret_broker->version);
        snprintf(path, sizeof(path), "/proc/%d/cmdline", pid);
        {
                CLEANUP_FILE FILE *file = fopen(path, "re");
                size_t n = file ? fread(ret_broker->command_line, 1,
                                        sizeof(ret_broker->command_line) - 1, file)
                                : 0;

                for (size_t i = 0; i + 1 < n; i++)
                        if (ret_broker->command_line[i] == '\0')
                                ret_broker->command_line[i] = ' ';
        }
}
