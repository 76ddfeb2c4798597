/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BASE_LOG_H
#define RINGBUS_BASE_LOG_H

/*
 * The log: one line per event, to standard error, the system's log or both. Never called per
 * message. Every function may be
 * called from any thread; a line is written by one write(2), so lines do not interleave. A standard
 * error that takes nothing (a full pipe that nobody reads) never stops the caller: lines are
 * dropped, and the next one that gets through says how many were.
 */

typedef enum LogLevel {
        LOG_LEVEL_ERROR,
        LOG_LEVEL_WARNING,
        LOG_LEVEL_NOTICE,
        LOG_LEVEL_DEBUG
} LogLevel;

/* Lines above `level` are dropped. Default: LOG_LEVEL_NOTICE. Call before threads exist. */
void log_set_level(LogLevel level);

/* A prefix such as "[session uid=1000 pid=4242] "; copied, at most 63 bytes. Before threads. */
void log_set_prefix(const char *prefix);

typedef enum LogTarget {
        LOG_TARGET_STDERR,
        LOG_TARGET_BOTH,
        LOG_TARGET_SYSLOG, /* what the system's log does not take goes to standard error */
} LogTarget;

/*
 * Default: LOG_TARGET_STDERR. `path` is the socket of the system's log, /dev/log for NULL;
 * borrowed. Before threads.
 */
void log_set_target(LogTarget target, const char *path);

void log_line(LogLevel level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...) log_line(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_line(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_notice(...) log_line(LOG_LEVEL_NOTICE, __VA_ARGS__)
#define log_debug(...) log_line(LOG_LEVEL_DEBUG, __VA_ARGS__)

#endif
