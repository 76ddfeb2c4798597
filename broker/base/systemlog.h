/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BASE_SYSTEMLOG_H
#define RINGBUS_BASE_SYSTEMLOG_H

/*
 * The system's log: datagrams to /dev/log as syslog(3) sends them, but never waiting. That function
 * blocks while the logger's queue is full, and with it every thread that has something to log.
 *
 * Owner: whoever serializes the calls (log.c).
 */

#include <stdbool.h>
#include <stddef.h>

/* The socket: "/dev/log" for NULL. Borrowed. */
void systemlog_set_path(const char *path);

/*
 * Sends one line without a newline as "dbus-daemon", the facility being daemon; `priority` is
 * LOG_ERR and so on. Whether it was taken.
 */
bool systemlog_send(int priority, const char *line, size_t size);

#endif
