/* SPDX-License-Identifier: Apache-2.0 */
/* Setting up rings and rings of buffers; see uring.h. */
#include "broker/io/uring.h"

#include <errno.h>
#include <sys/mman.h>

int uring_ring_init(struct io_uring *ring)
{
        struct io_uring_params params = {
                /* One thread submits and runs the completions when it asks for them (no interrupts
                 * in between), and sees in the SQ's flags that there are some. */
                .flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
                         IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG |
                         IORING_SETUP_SUBMIT_ALL | IORING_SETUP_CQSIZE,
                .cq_entries = URING_CQ_ENTRIES,
        };
        unsigned workers[2] = {2, 2};
        int r;

        r = io_uring_queue_init_params(URING_SQ_ENTRIES, ring, &params);
        if (r < 0)
                return r;
        /* Both are only improvements: nothing here should ever need a kernel worker, and a
         * registered ring saves a look-up for each entry. */
        (void)io_uring_register_iowq_max_workers(ring, workers);
        (void)io_uring_register_ring_fd(ring);
        return 0;
}

int uring_ring_add_buffers(Uring *uring, unsigned n_entries)
{
        struct io_uring_buf_reg registration = {
                .ring_entries = n_entries,
                .bgid = URING_BUFFER_GROUP,
        };
        size_t size = n_entries * sizeof(struct io_uring_buf);
        void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        int r;

        if (memory == MAP_FAILED)
                return -errno;
        registration.ring_addr = (uintptr_t)memory;
        r = io_uring_register_buf_ring(&uring->ring, &registration, 0);
        if (r < 0) {
                munmap(memory, size);
                return r;
        }
        uring->buffer_ring = memory;
        uring->buffer_ring_size = size;
        uring->buffer_ring_entries = n_entries;
        io_uring_buf_ring_init(uring->buffer_ring);
        return 0;
}

void uring_ring_remove_buffers(Uring *uring)
{
        if (!uring->buffer_ring)
                return;
        (void)io_uring_unregister_buf_ring(&uring->ring, URING_BUFFER_GROUP);
        munmap(uring->buffer_ring, uring->buffer_ring_size);
        uring->buffer_ring = NULL;
}

struct io_uring_sqe *uring_get_sqe(Uring *uring, uint64_t user_data)
{
        struct io_uring_sqe *sqe = io_uring_get_sqe(&uring->ring);

        if (sqe) {
                /* Survives the prep functions of every liburing version: they leave it alone. */
                sqe->user_data = user_data;
                uring->n_pending++;
        }
        return sqe;
}
