/* SPDX-License-Identifier: Apache-2.0 */

/* See random_log.h. */

#include "tests/order/random_log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/order/random_plan.h"

enum {
        LOG_BUFFER = 65536,
};

void random_log_path(char *path, size_t size, const char *directory, unsigned client)
{
        snprintf(path, size, "%s/client-%u", directory, client);
}

int random_log_open(RandomLog *log, const char *directory, unsigned client)
{
        char path[300];

        random_log_path(path, sizeof(path), directory, client);
        *log = (RandomLog){.fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)};
        if (log->fd < 0)
                return -errno;
        log->data = malloc(LOG_BUFFER);
        if (!log->data)
                abort();
        return 0;
}

static void flush(RandomLog *log)
{
        size_t done = 0;

        while (done < log->size) {
                ssize_t n = write(log->fd, log->data + done, log->size - done);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0) {
                        perror("random: cannot write a log");
                        abort(); /* without its log a client proves nothing */
                }
                done += (size_t)n;
        }
        log->size = 0;
}

static void append(RandomLog *log, const void *data, size_t size)
{
        if (log->size + size > LOG_BUFFER)
                flush(log);
        memcpy(log->data + log->size, data, size);
        log->size += size;
}

void random_log_write(RandomLog *log, const RandomRecord *record, const RandomKnown *known)
{
        append(log, record, sizeof(*record));
        if (record->n_known)
                append(log, known, record->n_known * sizeof(*known));
}

void random_log_close(RandomLog *log)
{
        if (log->fd >= 0) {
                flush(log);
                close(log->fd);
        }
        free(log->data);
        *log = (RandomLog){.fd = -1};
}

uint64_t random_log_hash_unique(uint32_t unique)
{
        return random_plan_mix(0x6e75ULL << 32 | unique);
}

uint64_t random_log_hash_name(unsigned name)
{
        return random_plan_mix(0x776bULL << 32 | name);
}

static const char *name_of_type(uint8_t type)
{
        static const char *const names[] = {"?", "call", "return", "error", "signal"};

        return type < 5 ? names[type] : "?";
}

static const char *name_of_method(uint8_t method)
{
        static const char *const names[] = {"",
                                            "Hello",
                                            "GetId",
                                            "AddMatch",
                                            "RemoveMatch",
                                            "RequestName",
                                            "ReleaseName",
                                            "GetNameOwner",
                                            "NameHasOwner",
                                            "ListNames",
                                            "NameOwnerChanged",
                                            "NameAcquired",
                                            "NameLost",
                                            "unknown signal"};

        return method < sizeof(names) / sizeof(names[0]) ? names[method] : "?";
}

const char *random_log_describe(const RandomRecord *record, char *text, size_t size)
{
        static const char *const kinds[] = {"joined",   "started",  "sent",
                                            "received", "snapshot", "ended"};
        char peer[24] = "driver", name[24] = "";

        if (record->what == RANDOM_RECEIVED ? record->peer != RANDOM_DRIVER
                                            : record->to != RANDOM_TO_DRIVER)
                snprintf(peer, sizeof(peer), ":1.%u", record->peer);
        if (record->what == RANDOM_SENT && record->to == RANDOM_TO_ALL)
                snprintf(peer, sizeof(peer), "all");
        if (record->name < RANDOM_NAME_UNIQUE)
                snprintf(name, sizeof(name), " N%u", record->name);
        snprintf(text, size,
                 "%s %s%s%s %s %s%s serial %u reply_serial %u old %u value %u error %u flags %u",
                 record->what < 6 ? kinds[record->what] : "?", name_of_type(record->type),
                 record->method ? " " : "", name_of_method(record->method),
                 record->what == RANDOM_RECEIVED ? "from" : "to", peer, name, record->serial,
                 record->reply_serial, record->old, record->value, record->error, record->flags);
        return text;
}
