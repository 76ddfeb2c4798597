/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BASE_CLEANUP_H
#define RINGBUS_BASE_CLEANUP_H

/* Cleanup attributes: the resource of a local variable is released at the end of its scope. */

#include <stdio.h>
#include <unistd.h>

#include "broker/base/alloc.h"

static inline void cleanup_fd(int *fd)
{
        if (*fd >= 0)
                close(*fd);
}

static inline void cleanup_file(FILE **file)
{
        if (*file)
                fclose(*file);
}

static inline void cleanup_alloc(void *pointer)
{
        alloc_free(*(void **)pointer);
}

#define CLEANUP_FD __attribute__((cleanup(cleanup_fd)))
#define CLEANUP_FILE __attribute__((cleanup(cleanup_file)))
#define CLEANUP_ALLOC __attribute__((cleanup(cleanup_alloc)))

/* Closes *fd if it is open and returns -1, for `fd = cleanup_close(fd)`. */
static inline int cleanup_close(int fd)
{
        if (fd >= 0)
                close(fd);
        return -1;
}

#endif
