/* SPDX-License-Identifier: Apache-2.0 */
/* Handshakes, what is received, and addresses: see connection_world.h. */

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

static void test_connection_pipelined_says_all_at_once(void **state)
{
        char heard[1024];
        World world;
        ssize_t n;

        (void)state;
        world_open(&world);
        world_start(&world, CONNECTION_PIPELINED, CONNECTION_WRITE_COALESCED);
        world_run(&world);
        n = recv(world.bus, heard, sizeof(heard), MSG_DONTWAIT);
        assert_true(n > 0);
        assert_memory_equal(heard, "\0AUTH EXTERNAL ", 15);
        assert_non_null(memmem(heard, (size_t)n, "\r\nNEGOTIATE_UNIX_FD\r\nBEGIN\r\nl\1", 30));
        assert_non_null(memmem(heard, (size_t)n, "Hello", 5));
        assert_int_equal(world.connection.n_writes, 1);
        world_say_text(&world, "OK 0123\r\nAGREE_UN"); /* a line in two pieces */
        world_run(&world);
        assert_int_equal(world.connection.state, CONNECTION_AUTHENTICATING);
        world_say_text(&world, "IX_FD\r\n");
        world_run(&world);
        assert_int_equal(world.connection.state, CONNECTION_GREETING);
        assert_true(world.connection.has_agreed_fds);
        world_say_hello_reply(&world);
        world_run_until(&world, &world.n_ready, 1);
        assert_string_equal(world.connection.unique_name, ":1.42");
        world_close(&world);
}

static void test_connection_stepwise_waits_for_each_answer(void **state)
{
        char heard[1024];
        World world;

        (void)state;
        world_open(&world);
        world_start(&world, CONNECTION_STEPWISE, CONNECTION_WRITE_COALESCED);
        world_expect_end(&world, heard, sizeof(heard), "\r\n");
        assert_memory_equal(heard, "\0AUTH EXTERNAL ", 15);
        world_say_text(&world, "OK 0123\r\n");
        world_expect_end(&world, heard, sizeof(heard), "NEGOTIATE_UNIX_FD\r\n");
        world_say_text(&world, "ERROR\r\n");
        world_run(&world);
        assert_true(recv(world.bus, heard, sizeof(heard), MSG_DONTWAIT) > 7);
        assert_memory_equal(heard, "BEGIN\r\nl", 8);
        assert_false(world.connection.has_agreed_fds);
        world_say_hello_reply(&world);
        world_run_until(&world, &world.n_ready, 1);
        world_close(&world);
}

static void test_connection_refused_and_closed_ones_fail_by_their_errors(void **state)
{
        World world;

        (void)state;
        world_open(&world);
        world_start(&world, CONNECTION_PIPELINED, CONNECTION_WRITE_COALESCED);
        world_say_text(&world, "REJECTED EXTERNAL\r\n");
        world_run_until(&world, &world.n_failed, 1);
        assert_int_equal(world.error, -EACCES);
        assert_non_null(strstr(world.what, "REJECTED EXTERNAL"));
        close(world.bus);

        world_start(&world, CONNECTION_PIPELINED, CONNECTION_WRITE_COALESCED);
        close(world.bus);
        world.bus = -1;
        world_run_until(&world, &world.n_failed, 2);
        assert_int_equal(world.error, -ECONNRESET);
        assert_int_equal(world.connection.state, CONNECTION_FAILED);
        world_close(&world);
}

static void test_connection_what_is_no_message_fails_it(void **state)
{
        World world;

        (void)state;
        world_open(&world);
        world_start_ready(&world, CONNECTION_WRITE_COALESCED);
        world_say_text(&world, "this is not a message, by no means");
        world_run_until(&world, &world.n_failed, 1);
        assert_int_equal(world.error, -EPROTO);
        world_close(&world);
}

static void test_connection_message_in_pieces_is_put_together(void **state)
{
        static const size_t pieces[] = {1, 3, 15, 16, 17, 40, 4096, 1 << 16};
        static uint8_t data[MESSAGE_MAX + 1024];
        size_t size = world_build_return(data, 77, 300000, 0);
        World world;

        (void)state;
        world_open(&world);
        world_start_ready(&world, CONNECTION_WRITE_COALESCED);
        data[size - 1] = 0xee;
        for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
                /* the first bytes in this piece, then the rest with the next message's beginning */
                world_say(&world, data, pieces[i]);
                world_run(&world);
                assert_int_equal(world.n_frames, 2 * i);
                for (size_t at = pieces[i]; at < size; at += 50000) {
                        world_say(&world, data + at, size - at < 50000 ? size - at : 50000);
                        world_run(&world);
                }
                world_run_until(&world, &world.n_frames, (unsigned)(2 * i + 1));
                assert_int_equal(world.body_size, 300004);
                assert_int_equal(world.reply_serial, 77);
                assert_int_equal(world.last_byte, 0xee);
                for (size_t at = 0; at < size; at += 50000) {
                        world_say(&world, data + at, size - at < 50000 ? size - at : 50000);
                        world_run(&world);
                }
                world_run_until(&world, &world.n_frames, (unsigned)(2 * i + 2));
        }
        assert_true(world.n_turns >= 16);
        world_close(&world);
}

static void test_connection_foreign_byte_order_is_understood(void **state)
{
        /* written by hand: a big-endian return to serial 0x01020304, without a body */
        static const uint8_t data[] = {'B', 2, 1, 1, 0, 0, 0,   0, 0, 0, 0, 5,
                                       0,   0, 0, 8, 5, 1, 'u', 0, 1, 2, 3, 4};
        World world;

        (void)state;
        world_open(&world);
        world_start_ready(&world, CONNECTION_WRITE_COALESCED);
        world_say(&world, data, sizeof(data));
        world_run_until(&world, &world.n_frames, 1);
        assert_true(world.big_endian);
        assert_int_equal(world.serial, 5);
        assert_int_equal(world.reply_serial, 0x01020304);
        world_close(&world);
}

static void test_connection_stopped_in_a_handler_hands_out_no_more(void **state)
{
        static uint8_t data[4096 + MESSAGE_MAX];
        size_t size = world_build_return(data, 7, 10, 0);
        World world;

        (void)state;
        for (int restarts = 0; restarts < 2; restarts++) {
                world_open(&world);
                world_start_ready(&world, CONNECTION_WRITE_COALESCED);
                world.stop_at = 2;
                world.restarts = restarts;
                for (size_t i = 1; i < 4; i++)
                        memcpy(data + i * size, data, size);
                world_say(&world, data, 4 * size);
                world_run_until(&world, &world.n_frames, 2);
                world_run(&world);
                assert_int_equal(world.n_frames, 2);
                assert_int_equal(world.n_failed, 0);
                assert_int_equal(world.connection.state,
                                 restarts ? CONNECTION_AUTHENTICATING : CONNECTION_STOPPED);
                world_close(&world);
        }
}

static void test_connection_addresses_that_are_none_are_refused(void **state)
{
        static const struct {
                const char *address, *said;
        } cases[] = {
                {"", "no address"},
                {"nonsense", "not a bus address"},
                {"unix:dir=/tmp", "a client cannot use"},
                {"carrier:pigeon=1", "not a transport"},
                {"unix:path=/no/such/place", "No such file"},
                {"unix:path=/no/such/place;unix:abstract=ringbus-load-nobody", "refused"},
        };
        World world;

        (void)state;
        world_open(&world);
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                ConnectionOptions options = world_options(&world);

                options.address = cases[i].address;
                assert_true(connection_start(&world.connection, &world.loop, &options) < 0);
                if (!strstr(world.connection.failure, cases[i].said))
                        fail_msg("%s: %s", cases[i].address, world.connection.failure);
                assert_int_equal(world.n_failed, 0);
        }
        world_close(&world);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_connection_pipelined_says_all_at_once),
                cmocka_unit_test(test_connection_stepwise_waits_for_each_answer),
                cmocka_unit_test(test_connection_refused_and_closed_ones_fail_by_their_errors),
                cmocka_unit_test(test_connection_what_is_no_message_fails_it),
                cmocka_unit_test(test_connection_message_in_pieces_is_put_together),
                cmocka_unit_test(test_connection_foreign_byte_order_is_understood),
                cmocka_unit_test(test_connection_stopped_in_a_handler_hands_out_no_more),
                cmocka_unit_test(test_connection_addresses_that_are_none_are_refused),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
