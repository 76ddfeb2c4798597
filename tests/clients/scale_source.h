/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_TESTS_CLIENTS_SCALE_SOURCE_H
#define RINGBUS_TESTS_CLIENTS_SCALE_SOURCE_H

/*
 * A connection in the event loop of the scale test. Its owner embeds it as its first member, so
 * that the loop can hand it back.
 */

#include "tests/support/rawclient.h"

typedef struct ScaleSource ScaleSource;

struct ScaleSource {
        /* Reads what is there. 0, or -1 after saying on stderr what was wrong. May free itself. */
        int (*ready)(ScaleSource *source);
        RawClient *client;
};

/* Has `epoll_fd` report when there is something to read. 0 or -1. */
int scale_source_watch(ScaleSource *source, int epoll_fd);

/* Reports events to their sources for at most `timeout_ms`. 0, or -1 if one of them failed. */
int scale_source_dispatch(int epoll_fd, int timeout_ms);

#endif
