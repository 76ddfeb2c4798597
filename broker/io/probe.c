/* SPDX-License-Identifier: Apache-2.0 */
/* The probe; see probe.h. Each step fails with its name, so that the reason can name it too. */
#include "broker/io/probe.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "broker/base/assert.h"
#include "broker/base/cleanup.h"
#include "broker/base/clock.h"
#include "broker/io/uring.h"

typedef struct Feature {
        const char *name;
        uint32_t bit;
        bool required;
} Feature;

typedef struct Operation {
        const char *name;
        int code;
        bool required;
} Operation;

static const Feature features[] = {
        {"nodrop", IORING_FEAT_NODROP, true},
        {"submit-stable", IORING_FEAT_SUBMIT_STABLE, true},
        {"fast-poll", IORING_FEAT_FAST_POLL, true},
        {"ext-arg", IORING_FEAT_EXT_ARG, true},
        {"cqe-skip", IORING_FEAT_CQE_SKIP, false},
        {"linked-file", IORING_FEAT_LINKED_FILE, false},
        {"registered-ring", IORING_FEAT_REG_REG_RING, false},
        {"bundle", IORING_FEAT_RECVSEND_BUNDLE, false},
        {"min-timeout", IORING_FEAT_MIN_TIMEOUT, false},
        {"no-iowait", IORING_FEAT_NO_IOWAIT, false},
};

static const Operation operations[] = {
        {"sendmsg", IORING_OP_SENDMSG, true},        {"recvmsg", IORING_OP_RECVMSG, true},
        {"poll-add", IORING_OP_POLL_ADD, true},      {"async-cancel", IORING_OP_ASYNC_CANCEL, true},
        {"msg-ring", IORING_OP_MSG_RING, false},     {"send-zc", IORING_OP_SEND_ZC, false},
        {"sendmsg-zc", IORING_OP_SENDMSG_ZC, false},
};

bool probe_parse_wish(const char *text, ProbeWish *ret_wish)
{
        static const char *const names[] = {
                [PROBE_AUTO] = "auto",
                [PROBE_URING] = "uring",
                [PROBE_EPOLL] = "epoll",
        };

        for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
                if (strcmp(text, names[i]) == 0) {
                        *ret_wish = (ProbeWish)i;
                        return true;
                }
        }
        return false;
}

/* The integer that a file below /proc holds behind `key`; -1 if there is none. */
static long read_number(const char *path, const char *key)
{
        FILE *file CLEANUP_FILE = fopen(path, "re");
        size_t key_size = strlen(key);
        char line[256];

        while (file && fgets(line, sizeof(line), file)) {
                if (strncmp(line, key, key_size) == 0)
                        return strtol(line + key_size, NULL, 10);
        }
        return -1;
}

const char *probe_remedy(int error)
{
        bool filtered = read_number("/proc/self/status", "Seccomp:") == 2;
        long disabled = read_number("/proc/sys/kernel/io_uring_disabled", "");

        switch (error) {
        case -EPERM:
        case -EACCES:
                if (disabled == 1)
                        return "sysctl kernel.io_uring_disabled is 1: set it to 0, or "
                               "kernel.io_uring_group to a group of the broker's";
                if (disabled == 2)
                        return "sysctl kernel.io_uring_disabled is 2: set it to 0";
                if (!filtered)
                        return "a security module or the container refuses it";
                return "a seccomp filter refuses it; allow io_uring_setup, io_uring_enter and "
                       "io_uring_register";
        case -ENOSYS:
                if (!filtered)
                        return "this kernel was built without io_uring (CONFIG_IO_URING)";
                return "a seccomp filter hides it; allow io_uring_setup, io_uring_enter and "
                       "io_uring_register";
        case -ENOMEM:
                return "rings count against RLIMIT_MEMLOCK; raise it (systemd: LimitMEMLOCK=)";
        case -EINVAL:
        case -EOPNOTSUPP:
                return "this kernel is too old; Linux 6.1 or newer is needed";
        case -EMFILE:
        case -ENFILE:
                return "out of file descriptors; raise RLIMIT_NOFILE (systemd: LimitNOFILE=)";
        default:
                return "unexpected here; --io=epoll does without io_uring";
        }
}

static int fail(Probe *probe, const char *step, int error)
{
        probe->uring_error = error;
        (void)snprintf(probe->reason, sizeof(probe->reason), "%s: %s: %s", step, strerror(-error),
                       probe_remedy(error));
        return error;
}

static void add_detail(Probe *probe, const char *name, bool found)
{
        size_t used = strlen(probe->details);

        (void)snprintf(probe->details + used, sizeof(probe->details) - used, "%s: %s\n", name,
                       found ? "yes" : "no");
}

static int check_features(Probe *probe)
{
        const char *missing = NULL;

        for (unsigned i = 0; i < ARRAY_SIZE(features); i++) {
                bool found = (probe->features & features[i].bit) != 0;

                add_detail(probe, features[i].name, found);
                if (features[i].required && !found)
                        missing = features[i].name;
        }
        return missing ? fail(probe, missing, -EOPNOTSUPP) : 0;
}

static int check_operations(Probe *probe, struct io_uring *ring)
{
        struct io_uring_probe *known = io_uring_get_probe_ring(ring);
        const char *missing = NULL;

        if (!known)
                return fail(probe, "io_uring_register(PROBE)", errno == 0 ? -EINVAL : -errno);
        for (unsigned i = 0; i < ARRAY_SIZE(operations); i++) {
                bool found = io_uring_opcode_supported(known, operations[i].code) != 0;

                add_detail(probe, operations[i].name, found);
                if (operations[i].required && !found)
                        missing = operations[i].name;
        }
        io_uring_free_probe(known);
        return missing ? fail(probe, missing, -EOPNOTSUPP) : 0;
}

/* A filter may let rings be set up and refuse to use them. */
static int check_entry(Probe *probe, struct io_uring *ring)
{
        struct io_uring_sqe *sqe = io_uring_get_sqe(ring);
        int r = -ENOSYS;

        if (sqe) {
                io_uring_prep_nop(sqe);
                r = io_uring_submit_and_wait(ring, 1);
        }
        return r < 0 ? fail(probe, "io_uring_enter", r) : 0;
}

static int check_ring(Probe *probe)
{
        struct io_uring ring;
        int r = uring_ring_init(&ring);

        if (r < 0)
                return fail(probe, "io_uring_setup", r);
        probe->features = ring.features;
        r = check_features(probe);
        if (r == 0)
                r = check_entry(probe, &ring);
        errno = 0;
        if (r == 0)
                r = check_operations(probe, &ring);
        io_uring_queue_exit(&ring);
        return r;
}

/* One message with one fd through a socket pair, as a worker would do it. */
typedef struct SelfTest {
        Io *io;
        Wake wake;
        int fds[2];
        ssize_t sent;
        unsigned n_fds; /* that are sent */
        IoReceived received;
} SelfTest;

static const char greeting[] = "ringbus";

/* Each waits for a tenth of a second. A time alone would not do: a process that gets no processor
 * meanwhile would find that nothing works. */
enum { SELF_TEST_LOOKS = 100 };

static void self_test_sent(void *context, IoSend *send, ssize_t result)
{
        SelfTest *test = context;

        (void)send;
        test->sent = result;
}

/* The send failed, and what is waited for never comes. Too many fds of the user's are in flight, in
 * whatever programs: that says nothing about io_uring, so it is tried without one. */
static bool self_test_send_again(SelfTest *test, IoSend *send)
{
        if (test->sent != -ETOOMANYREFS || !send->message.msg_control)
                return false;
        send->message.msg_control = NULL;
        send->message.msg_controllen = 0;
        test->n_fds = 0;
        test->sent = 0;
        io_send(test->io, send);
        return true;
}

/* Stores in test->received what came first; false if nothing came within a second at least, and at
 * no look, or was not sent. */
static bool self_test_exchange(SelfTest *test)
{
        char text[sizeof(greeting)];
        _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {0};
        struct iovec vector = {.iov_base = text, .iov_len = sizeof(text)};
        IoSend send = {.fd = test->fds[1], .mode = IO_SEND_TRY};
        IoSocket socket = {.fd = test->fds[0], .with_fds = true, .n_fds_max = IO_FDS_MAX};
        uint64_t deadline = clock_now_ns() + CLOCK_NS_PER_S;
        struct cmsghdr *header;
        bool got = false;

        memcpy(text, greeting, sizeof(text));
        send.message.msg_iov = &vector;
        send.message.msg_iovlen = 1;
        send.message.msg_control = control;
        send.message.msg_controllen = sizeof(control);
        header = CMSG_FIRSTHDR(&send.message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(header), &test->wake.fd, sizeof(int));
        if (io_add(test->io, &socket) < 0)
                return false;
        test->n_fds = 1;
        io_receive(test->io, &socket);
        io_send(test->io, &send);
        for (unsigned n = 0; !got && (n < SELF_TEST_LOOKS || clock_now_ns() < deadline); n++) {
                io_wait(test->io, CLOCK_NS_PER_S / 10, true);
                got = io_next(test->io, &test->received);
                if (!got && test->sent < 0 && !self_test_send_again(test, &send))
                        break;
        }
        io_remove(test->io, &socket);
        return got;
}

static int self_test_judge(SelfTest *test)
{
        const IoReceived *received = &test->received;
        int r = -EIO;

        if (received->error)
                r = received->error;
        else if (test->sent < 0)
                r = (int)test->sent;
        else if (received->size == sizeof(greeting) && received->n_fds == test->n_fds &&
                 memcmp(received->data, greeting, sizeof(greeting)) == 0)
                r = 0;
        for (unsigned i = 0; i < received->n_fds; i++)
                close(received->fds[i]);
        if (received->buffer)
                io_buffer_unref(received->buffer);
        return r;
}

static int check_transfer(Probe *probe)
{
        SelfTest test = {.fds = {-1, -1}, .wake = {.fd = -1}};
        IoOptions options = {
                .backend = IO_BACKEND_URING,
                .wake = &test.wake,
                .handlers = {.on_sent = self_test_sent, .context = &test},
        };
        const char *step = "eventfd";
        int r;

        r = wake_init(&test.wake);
        if (r == 0) {
                step = "socketpair";
                r = socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, test.fds) < 0 ? -errno : 0;
        }
        if (r == 0) {
                step = "io_uring_register(PBUF_RING)";
                r = io_new(&options, &test.io);
        }
        if (r == 0) {
                step = "self-test: recvmsg";
                r = self_test_exchange(&test) || test.sent < 0 ? self_test_judge(&test)
                                                               : -ETIMEDOUT;
        }
        io_free(test.io);
        cleanup_fd(&test.fds[0]);
        cleanup_fd(&test.fds[1]);
        wake_deinit(&test.wake);
        return r < 0 ? fail(probe, step, r) : 0;
}

int probe_run(ProbeWish wish, Probe *ret_probe)
{
        int r;

        *ret_probe = (Probe){.backend = IO_BACKEND_EPOLL};
        r = check_ring(ret_probe);
        if (r == 0)
                r = check_transfer(ret_probe);
        if (r == 0 && wish != PROBE_EPOLL)
                ret_probe->backend = IO_BACKEND_URING;
        return wish == PROBE_URING ? r : 0;
}

void probe_print(const Probe *probe, FILE *file)
{
        struct utsname system;

        (void)fprintf(file, "backend: %s\n",
                      probe->backend == IO_BACKEND_URING ? "uring" : "epoll");
        if (uname(&system) == 0)
                (void)fprintf(file, "kernel: %s %s\n", system.release, system.machine);
        if (probe->uring_error)
                (void)fprintf(file, "io_uring: no (%s)\n", probe->reason);
        else
                (void)fprintf(file, "io_uring: yes\n");
        (void)fprintf(file, "io_uring features: 0x%x\n%s", probe->features, probe->details);
}
