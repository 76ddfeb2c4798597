/* SPDX-License-Identifier: Apache-2.0 */
/* What is sent, and fds both ways: see connection_world.h. */

#include "tests/load/connection_world.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static void send_with_fd(const World *world, const uint8_t *data, size_t size, int fd)
{
        union {
                struct cmsghdr align;
                char bytes[CMSG_SPACE(sizeof(int))];
        } control = {0};
        uint8_t copy[1024];
        struct iovec part = {.iov_base = copy, .iov_len = size};
        struct msghdr message = {.msg_iov = &part,
                                 .msg_iovlen = 1,
                                 .msg_control = control.bytes,
                                 .msg_controllen = sizeof(control.bytes)};
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);

        assert_true(size <= sizeof(copy));
        memcpy(copy, data, size);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(header), &fd, sizeof(fd));
        assert_int_equal(sendmsg(world->bus, &message, MSG_NOSIGNAL), size);
}

static void test_connection_fds_come_with_their_message(void **state)
{
        static uint8_t data[MESSAGE_MAX + 1024], plain[MESSAGE_MAX + 1024];
        size_t size = world_build_return(data, 7, 10, 1),
               plain_size = world_build_return(plain, 8, 10, 0);
        World world;
        int ends[2];
        char byte = 0;

        (void)state;
        world_open(&world);
        world_start_ready(&world, CONNECTION_WRITE_COALESCED);
        assert_int_equal(pipe(ends), 0);
        world_say(&world, plain, plain_size);
        send_with_fd(&world, data, size, ends[1]);
        world_say(&world, plain, plain_size);
        world_run_until(&world, &world.n_frames, 3);
        assert_int_equal(world.n_fds, 0);
        assert_true(world.kept_fd >= 0);
        assert_int_equal(write(world.kept_fd, "x", 1), 1);
        assert_int_equal(read(ends[0], &byte, 1), 1);
        assert_int_equal(byte, 'x');
        close(ends[0]);
        close(ends[1]);
        world_close(&world);
}

static void test_connection_fds_leave_with_their_message(void **state)
{
        static uint8_t data[MESSAGE_MAX + 1024];
        size_t size = world_build_return(data, 7, 100, 1);
        World world;
        int ends[2], received = -1;

        (void)state;
        world_open(&world);
        world_start_ready(&world, CONNECTION_WRITE_COALESCED);
        assert_int_equal(pipe(ends), 0);
        for (int i = 0; i < 6; i++)
                connection_queue(&world.connection, data, size, &ends[1], i == 2 || i == 4);
        world_run(&world);
        assert_int_equal(connection_unsent(&world.connection), 0);
        for (size_t got = 0; got < 6 * size;) {
                union {
                        struct cmsghdr align;
                        char bytes[CMSG_SPACE(4 * sizeof(int))];
                } control;
                uint8_t buffer[8192];
                struct iovec part = {.iov_base = buffer, .iov_len = sizeof(buffer)};
                struct msghdr message = {.msg_iov = &part,
                                         .msg_iovlen = 1,
                                         .msg_control = control.bytes,
                                         .msg_controllen = sizeof(control.bytes)};
                ssize_t n = recvmsg(world.bus, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
                struct cmsghdr *header;

                assert_true(n > 0);
                header = CMSG_FIRSTHDR(&message);
                if (header) {
                        /* the kernel ends a read behind a piece with fds: it began with ours */
                        assert_true(got <= 2 * size || got == 4 * size);
                        assert_int_equal(header->cmsg_len, CMSG_LEN(sizeof(int)));
                        memcpy(&received, CMSG_DATA(header), sizeof(received));
                        close(received);
                }
                got += (size_t)n;
        }
        assert_true(received >= 0);
        close(ends[0]);
        close(ends[1]);
        world_close(&world);
}

static void test_connection_full_socket_keeps_the_order(void **state)
{
        static uint8_t data[MESSAGE_MAX + 1024], heard[MESSAGE_MAX];
        size_t size = world_build_return(data, 7, 100000, 0), got = 0;
        World world;

        (void)state;
        for (int write = CONNECTION_WRITE_COALESCED; write <= CONNECTION_WRITE_SINGLE; write++) {
                world_open(&world);
                world_start_ready(&world, (ConnectionWrite)write);
                for (uint32_t i = 1; i <= 40; i++) {
                        memcpy(data + 8, &i, sizeof(i));
                        connection_queue(&world.connection, data, size, NULL, 0);
                }
                world_run(&world);
                assert_true(connection_unsent(&world.connection) > 0);
                for (got = 0; got < 40 * size;) {
                        ssize_t n = recv(world.bus, heard, size - got % size, MSG_DONTWAIT);
                        uint32_t serial;

                        if (n < 0) {
                                world_run(&world);
                                continue;
                        }
                        assert_true(n > 0);
                        memcpy(&serial, heard + 8, sizeof(serial));
                        if (got % size == 0 && n >= 12)
                                assert_int_equal(serial, got / size + 1);
                        got += (size_t)n;
                }
                assert_int_equal(connection_unsent(&world.connection), 0);
                world_close(&world);
        }
}

static void test_connection_writes_are_coalesced_or_single(void **state)
{
        static uint8_t data[MESSAGE_MAX + 1024];
        size_t size = world_build_return(data, 7, 8, 0);
        uint64_t before;
        World world;

        (void)state;
        for (int write = CONNECTION_WRITE_COALESCED; write <= CONNECTION_WRITE_SINGLE; write++) {
                world_open(&world);
                world_start_ready(&world, (ConnectionWrite)write);
                before = world.connection.n_writes;
                for (int i = 0; i < 10; i++)
                        connection_queue(&world.connection, data, size, NULL, 0);
                world_run(&world);
                assert_int_equal(world.connection.n_writes - before,
                                 write == CONNECTION_WRITE_SINGLE ? 10 : 1);
                world_close(&world);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_connection_fds_come_with_their_message),
                cmocka_unit_test(test_connection_fds_leave_with_their_message),
                cmocka_unit_test(test_connection_full_socket_keeps_the_order),
                cmocka_unit_test(test_connection_writes_are_coalesced_or_single),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
