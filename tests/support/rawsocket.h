/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_TESTS_SUPPORT_RAWSOCKET_H
#define RINGBUS_TESTS_SUPPORT_RAWSOCKET_H

/* The system calls below RawClient: connecting by address, and complete blocking writes. */

#include <stddef.h>
#include <sys/socket.h>

#include "tests/support/marshal.h"

enum {
        RAWSOCKET_FDS_MAX = 253, /* SCM_MAX_FD of the kernel */
};

/* Connects to the (first) unix:path or unix:abstract address. The socket, or a negative errno. */
int rawsocket_connect(const char *address);

/* The same with flags for socket(2): with SOCK_NONBLOCK, -EAGAIN if the listener's queue is full.
 */
int rawsocket_connect_with(const char *address, int flags);

/* Binds the next socket, before it connects, to this address; borrowed until then. */
void rawsocket_bind_next(const struct sockaddr *address, socklen_t size);

/* Writes everything: 0, or a negative errno (-ECONNRESET if the other side is gone). */
int rawsocket_write(int fd, const void *data, size_t size);

/* As above, with fds attached to the first byte. */
int rawsocket_write_fds(int fd, const Marshal *bytes, const int *fds, size_t n_fds);

#endif
