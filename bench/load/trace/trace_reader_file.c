/* SPDX-License-Identifier: Apache-2.0 */
/* Traces in files. */

#include "bench/load/trace/trace_reader.h"
#include "broker/base/alloc.h"
#include "broker/base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

enum { FIRST_CAPACITY = 1 << 16 };

/* Reads to the end; regular files in one piece, because their size is known. */
static int read_all(int fd, size_t capacity, uint8_t **ret_data, size_t *ret_size)
{
        uint8_t *data = NULL;
        size_t size = 0;

        for (;;) {
                ssize_t n;

                if (!data || size == capacity) {
                        uint8_t *grown;

                        capacity = data ? capacity * 2 : capacity;
                        grown = alloc_resize(data, capacity);
                        if (!grown) {
                                alloc_free(data);
                                return -ENOMEM;
                        }
                        data = grown;
                }
                n = read(fd, data + size, capacity - size);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0) {
                        n = -errno;
                        alloc_free(data);
                        return (int)n;
                }
                if (n == 0)
                        break;
                size += (size_t)n;
        }
        *ret_data = data;
        *ret_size = size;
        return 0;
}

int trace_reader_load(const char *path, uint8_t **ret_data, size_t *ret_size)
{
        CLEANUP_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
        size_t capacity = FIRST_CAPACITY;
        struct stat status;

        if (fd < 0 || fstat(fd, &status) < 0)
                return -errno;
        if (S_ISREG(status.st_mode) && status.st_size > 0)
                capacity = (size_t)status.st_size + 1;
        return read_all(fd, capacity, ret_data, ret_size);
}

int trace_reader_open(const char *path, Trace *ret_trace)
{
        TraceError error = {.reason = NULL};
        uint8_t *data;
        size_t size;
        int r = trace_reader_load(path, &data, &size);

        if (r < 0) {
                fprintf(stderr, "ringbus-load: %s: %s\n", path, strerror(-r));
                return -1;
        }
        r = trace_reader_parse(data, size, ret_trace, &error);
        if (r < 0) {
                alloc_free(data);
                if (error.reason)
                        fprintf(stderr, "ringbus-load: %s: offset %zu: %s\n", path, error.offset,
                                error.reason);
                else
                        fprintf(stderr, "ringbus-load: %s: %s\n", path, strerror(-r));
                return -1;
        }
        ret_trace->data = data;
        if (ret_trace->cut_offset > 0)
                fprintf(stderr,
                        "ringbus-load: %s: offset %zu: the file ends without an end record: its "
                        "recorder was killed, or it was cut; what comes before is used\n",
                        path, ret_trace->cut_offset);
        return 0;
}
