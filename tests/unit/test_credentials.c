/* SPDX-License-Identifier: Apache-2.0 */
/* What is read of a peer, compared with what the peer says of itself. */

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "auth/credentials.h"
#include "broker/base/assert.h"

enum {
        CHILD_UID = 54321,
        CHILD_GID = 54322,
        MANY_GROUPS = 300, /* more than fit into the first attempt */
};

/* The pid in the pidfd's fdinfo; -1 when the peer is gone. */
static int read_pidfd_pid(int pidfd)
{
        char path[64];
        char line[128];
        int pid = 0;
        FILE *file;

        snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", pidfd);
        file = fopen(path, "r");
        assert_non_null(file);
        while (fgets(line, sizeof(line), file))
                if (sscanf(line, "Pid: %d", &pid) == 1)
                        break;
        fclose(file);
        return pid;
}

static void test_credentials_own_process_read(void **state)
{
        Credentials credentials;
        int fds[2], pidfd;

        (void)state;
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
        assert_int_equal(credentials_read(fds[0], &credentials), 0);
        assert_int_equal(credentials.uid, geteuid());
        assert_int_equal(credentials.gid, getegid());
        assert_int_equal(credentials.pid, getpid());
        assert_non_null(credentials.groups);
        assert_true(credentials.n_groups >= 1);
        for (size_t i = 1; i < credentials.n_groups; i++)
                assert_true(credentials.groups[i - 1] < credentials.groups[i]);
        pidfd = credentials_open_pidfd(fds[0]);
        if (pidfd >= 0) { /* Linux 6.5 and later */
                assert_int_equal(read_pidfd_pid(pidfd), getpid());
                assert_true(fcntl(pidfd, F_GETFD) & FD_CLOEXEC);
                close(pidfd);
        }
        credentials_deinit(&credentials);
        assert_null(credentials.groups);
        credentials_deinit(&credentials);
        close(fds[0]);
        close(fds[1]);
}

/* Makes a socket pair as another user and waits to be killed by the end of `stop`. */
static void child(const gid_t *groups, size_t n_groups, int channel, int stop)
{
        char byte = 0;
        int fds[2];
        union {
                struct cmsghdr align;
                char room[CMSG_SPACE(sizeof(int))];
        } control = {.room = {0}};
        struct iovec iovec = {.iov_base = &byte, .iov_len = 1};
        struct msghdr message = {
                .msg_iov = &iovec,
                .msg_iovlen = 1,
                .msg_control = &control,
                .msg_controllen = sizeof(control.room),
        };
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);

        if (setgroups(n_groups, groups) < 0 || setresgid(CHILD_GID, CHILD_GID, CHILD_GID) < 0 ||
            setresuid(CHILD_UID, CHILD_UID, CHILD_UID) < 0 ||
            socketpair(AF_UNIX, SOCK_STREAM, 0, fds) < 0)
                _exit(1);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(header), &fds[0], sizeof(int));
        if (sendmsg(channel, &message, 0) != 1)
                _exit(2);
        _exit(read(stop, &byte, 1) == 0 ? 0 : 3);
}

typedef struct Peer {
        pid_t pid;
        int fd;   /* whose peer credentials are the child's */
        int stop; /* the child goes on until this is closed */
} Peer;

static Peer start_peer(const gid_t *groups, size_t n_groups)
{
        union {
                struct cmsghdr align;
                char room[CMSG_SPACE(sizeof(int))];
        } control;
        char byte;
        struct iovec iovec = {.iov_base = &byte, .iov_len = 1};
        struct msghdr message = {
                .msg_iov = &iovec,
                .msg_iovlen = 1,
                .msg_control = &control,
                .msg_controllen = sizeof(control.room),
        };
        struct cmsghdr *header;
        int channel[2];
        int stop[2];
        Peer peer;

        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, channel), 0);
        assert_int_equal(pipe(stop), 0);
        peer.pid = fork();
        assert_true(peer.pid >= 0);
        if (peer.pid == 0) {
                close(stop[1]);
                child(groups, n_groups, channel[1], stop[0]);
        }
        close(channel[1]);
        close(stop[0]);
        peer.stop = stop[1];
        assert_int_equal(recvmsg(channel[0], &message, MSG_CMSG_CLOEXEC), 1);
        header = CMSG_FIRSTHDR(&message);
        ASSERT(header);
        memcpy(&peer.fd, CMSG_DATA(header), sizeof(int));
        close(channel[0]);
        return peer;
}

static void end_peer(const Peer *peer)
{
        int status;

        close(peer->stop);
        assert_int_equal(waitpid(peer->pid, &status, 0), peer->pid);
        assert_int_equal(status, 0);
}

static void require_root(void)
{
        if (geteuid() != 0) {
                print_message("only root can become another user\n");
                skip();
        }
}

static void test_credentials_groups_sorted_with_primary(void **state)
{
        const gid_t groups[] = {900, 7, 900, 54323, 8};
        const gid_t expected[] = {7, 8, 900, CHILD_GID, 54323};
        Credentials credentials;
        Peer peer;

        (void)state;
        require_root();
        peer = start_peer(groups, 5);
        assert_int_equal(credentials_read(peer.fd, &credentials), 0);
        assert_int_equal(credentials.uid, CHILD_UID);
        assert_int_equal(credentials.gid, CHILD_GID);
        assert_int_equal(credentials.pid, peer.pid);
        assert_int_equal(credentials.n_groups, 5);
        assert_memory_equal(credentials.groups, expected, sizeof(expected));
        credentials_deinit(&credentials);
        end_peer(&peer);
        close(peer.fd);
}

static void test_credentials_no_groups_primary_only(void **state)
{
        Credentials credentials;
        Peer peer;

        (void)state;
        require_root();
        peer = start_peer(NULL, 0);
        assert_int_equal(credentials_read(peer.fd, &credentials), 0);
        assert_int_equal(credentials.n_groups, 1);
        assert_int_equal(credentials.groups[0], CHILD_GID);
        credentials_deinit(&credentials);
        end_peer(&peer);
        close(peer.fd);
}

static void test_credentials_many_groups_all_read(void **state)
{
        gid_t groups[MANY_GROUPS];
        Credentials credentials;
        Peer peer;

        (void)state;
        require_root();
        for (unsigned i = 0; i < MANY_GROUPS; i++)
                groups[i] = 1000 + MANY_GROUPS - i;
        peer = start_peer(groups, MANY_GROUPS);
        assert_int_equal(credentials_read(peer.fd, &credentials), 0);
        assert_int_equal(credentials.n_groups, MANY_GROUPS + 1);
        for (unsigned i = 0; i < MANY_GROUPS; i++)
                assert_int_equal(credentials.groups[i], 1001 + i);
        credentials_deinit(&credentials);
        end_peer(&peer);
        close(peer.fd);
}

/* The ids stay; there may or may not be a pidfd, but never one of another process. */
static void test_credentials_reaped_peer_still_read(void **state)
{
        Credentials credentials;
        Peer peer;
        int pidfd;

        (void)state;
        require_root();
        peer = start_peer(NULL, 0);
        end_peer(&peer);
        assert_int_equal(credentials_read(peer.fd, &credentials), 0);
        assert_int_equal(credentials.uid, CHILD_UID);
        pidfd = credentials_open_pidfd(peer.fd);
        if (pidfd >= 0) {
                assert_int_equal(read_pidfd_pid(pidfd), -1);
                close(pidfd);
        }
        credentials_deinit(&credentials);
        close(peer.fd);
}

static void test_credentials_no_socket_is_an_error(void **state)
{
        Credentials credentials = {.uid = 42};
        int fds[2];

        (void)state;
        assert_int_equal(pipe(fds), 0);
        assert_int_equal(credentials_read(fds[0], &credentials), -ENOTSOCK);
        assert_int_equal(credentials.uid, 42);
        close(fds[0]);
        close(fds[1]);
}

/* As /proc has it, without its newline; of a process that is gone, nothing. */
static void test_credentials_command_is_the_kernel_s_name(void **state)
{
        Credentials credentials = {.pid = getpid()};

        (void)state;
        assert_int_equal(prctl(PR_SET_NAME, "odd \"name\" 1234"), 0);
        credentials_read_command(&credentials);
        assert_string_equal(credentials.command, "odd \"name\" 1234");
        credentials = (Credentials){.pid = 0};
        credentials_read_command(&credentials);
        assert_string_equal(credentials.command, "");
        credentials.pid = INT32_MAX;
        credentials_read_command(&credentials);
        assert_string_equal(credentials.command, "");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_credentials_command_is_the_kernel_s_name),
                cmocka_unit_test(test_credentials_own_process_read),
                cmocka_unit_test(test_credentials_groups_sorted_with_primary),
                cmocka_unit_test(test_credentials_no_groups_primary_only),
                cmocka_unit_test(test_credentials_many_groups_all_read),
                cmocka_unit_test(test_credentials_reaped_peer_still_read),
                cmocka_unit_test(test_credentials_no_socket_is_an_error),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
