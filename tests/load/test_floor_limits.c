/* SPDX-License-Identifier: Apache-2.0 */
/* The floor at its limits: what it copies and gathers, where it stops reading, what it gives back.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <time.h>

#include "tests/load/floorbus.h"

enum {
        MIB = 1024 * 1024,
        FLOOD_BODY = 64 * 1024,
        FLOOD_QUIET_MS = 500,  /* not writable for so long while the floor sleeps: held back */
        FLOOD_MAX = 128 * MIB, /* many times what may wait */
};

/* Around every limit of the floor: what it copies, what it reads at once, what it gathers. */
static void test_floor_bodies_of_all_sizes_arrive_whole_and_in_order(void **state)
{
        static const size_t sizes[] = {0,       1,       7,          8191,    8192,
                                       8193,    65536,   256 * 1024, 262200,  100,
                                       MIB - 1, MIB + 1, 16,         3 * MIB, 4096};
        RawClient *sender = floorbus_open_client(0), *receiver = floorbus_open_client(0);

        (void)state;
        for (uint32_t round = 0; round < 3; round++)
                for (uint32_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
                        floorbus_send_body(sender, receiver->unique_name, sizes[i], round + i);
                        floorbus_check_body(receiver, sizes[i], round + i);
                }
        /* The small ones together, so that many are cut from one read. */
        for (uint32_t i = 0; i < 500; i++)
                floorbus_send_body(sender, receiver->unique_name, i % 200, i);
        for (uint32_t i = 0; i < 500; i++)
                floorbus_check_body(receiver, i % 200, i);
        rawclient_free(sender);
        rawclient_free(receiver);
}

/* Whether the floor waits for something, instead of for a processor. */
static bool is_floor_asleep(void)
{
        char path[64], state = '?';
        FILE *file;

        snprintf(path, sizeof(path), "/proc/%d/stat", (int)floorbus_broker.pid);
        file = fopen(path, "re");
        assert_non_null(file);
        assert_int_equal(fscanf(file, "%*d (%*[^)]) %c", &state), 1);
        fclose(file);
        return state == 'S';
}

/* Writes until the floor has stopped reading. Returns how many whole messages were written. */
static size_t flood(RawClient *sender, const Marshal *message)
{
        size_t written = 0;

        assert_int_equal(fcntl(sender->fd, F_SETFL, O_NONBLOCK), 0);
        while (written < FLOOD_MAX) {
                struct pollfd writable = {.fd = sender->fd, .events = POLLOUT};
                size_t at = written % message->size;
                ssize_t n;

                if (poll(&writable, 1, FLOOD_QUIET_MS) == 0) {
                        if (is_floor_asleep())
                                break;
                        continue;
                }
                n = send(sender->fd, message->data + at, message->size - at, MSG_NOSIGNAL);
                if (n > 0)
                        written += (size_t)n;
                else
                        assert_int_equal(errno, EAGAIN);
        }
        assert_true(written < FLOOD_MAX);
        return written / message->size;
}

static void test_floor_receiver_that_does_not_read_stops_its_sender_only(void **state)
{
        RawClient *sender = floorbus_open_client(0), *receiver = floorbus_open_client(0);
        RawHeader header = floorbus_call_to(receiver->unique_name);
        Marshal body, message;
        size_t n;

        (void)state;
        header.serial = 99;
        header.signature = "ay";
        header.flags = RAWMESSAGE_NO_REPLY_EXPECTED;
        floorbus_fill_body(&body, FLOOD_BODY, 5);
        marshal_init(&message, false);
        rawmessage_build(&header, &body, &message);
        n = flood(sender, &message);
        assert_true(n * message.size > MIB);
        floorbus_check_call(0, NULL); /* others go on */
        for (size_t i = 0; i < n; i++)
                floorbus_check_body(receiver, FLOOD_BODY, 5);
        /* And it is read from again. */
        assert_true(flood(sender, &message) > 0);
        marshal_deinit(&message);
        marshal_deinit(&body);
        rawclient_free(sender);
        rawclient_free(receiver);
}

static long count_fds(void)
{
        char path[64];
        struct dirent *entry;
        long n = 0;
        DIR *fds;

        snprintf(path, sizeof(path), "/proc/%d/fd", (int)floorbus_broker.pid);
        fds = opendir(path);
        assert_non_null(fds);
        while ((entry = readdir(fds)))
                n += entry->d_name[0] != '.';
        closedir(fds);
        return n;
}

/* They come and go while others have messages for them. */
static void test_floor_connections_that_close_leave_nothing_behind(void **state)
{
        const struct timespec pause = {.tv_nsec = 10000000};
        RawClient *sender = floorbus_open_client(0);
        long n_fds = count_fds();

        (void)state;
        for (unsigned i = 0; i < 300; i++) {
                RawClient *brief = floorbus_open_client(RAWCLIENT_PIPELINE);

                floorbus_call_driver(brief, "AddMatch", "type='signal'", RAWMESSAGE_RETURN);
                floorbus_emit(sender, i);
                floorbus_send_body(sender, brief->unique_name, 20000, i);
                rawclient_free(brief);
        }
        for (unsigned i = 0; i < RAWCLIENT_TIMEOUT_MS / 10 && count_fds() > n_fds; i++)
                nanosleep(&pause, NULL);
        assert_true(count_fds() <= n_fds);
        rawclient_free(sender);
        floorbus_check_call(0, NULL);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_floor_bodies_of_all_sizes_arrive_whole_and_in_order),
                cmocka_unit_test(test_floor_receiver_that_does_not_read_stops_its_sender_only),
                cmocka_unit_test(test_floor_connections_that_close_leave_nothing_behind),
        };

        return cmocka_run_group_tests(tests, floorbus_start, floorbus_stop);
}
