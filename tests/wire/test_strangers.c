/* SPDX-License-Identifier: Apache-2.0 */

/* Strangers at the whole bus, one by one and by the thousand: whatever they try before they have
 * said Hello, they are closed in time, leave nothing behind, and others come in afterwards. */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/rawsocket.h"
#include "tests/wire/expect.h"
#include "tests/wire/pressure.h"
#include "tests/wire/scene.h"

/* A pipelined handshake, and what is said to it. */
#define OPENING "\0AUTH EXTERNAL\r\nDATA\r\nNEGOTIATE_UNIX_FD\r\nBEGIN\r\n"
#define SIZE_OF(literal) (sizeof(literal) - 1)

enum {
        THOUSANDS = 3000,
        HALF_OPEN = 1000,
        PLACES = 64,
        FEW_PLACES = 4,
        AUTH_MS = 1500,
        N_FDS = 16,
        FOREIGN_UID = 65534,
};

static int start_with_places(void **state)
{
        return scene_start_with(state, "<limit name=\"max_incomplete_connections\">64</limit>");
}

#define FEW "<limit name=\"max_incomplete_connections\">4</limit>"
#define LITTLE_TIME "<limit name=\"auth_timeout\">1500</limit>"

static int start_with_few_places(void **state)
{
        return scene_start_with(state, FEW);
}

static void reload_with(Scene *scene, const char *config)
{
        assert_int_equal(bus_write_config(&scene->bus, config), 0);
        expect_empty(scene->janitor, scene_call(scene->janitor, "ReloadConfig", NULL));
}

static int clear_at_leisure(void **state)
{
        reload_with(*state, FEW);
        return scene_clear(state);
}

static int start_with_shares(void **state)
{
        const BusOptions options = {.for_everybody = true, .config = FEW};

        return scene_start_bus(state, &options);
}

static int connect_and_say(const Scene *scene, const void *words, size_t size)
{
        int fd = rawsocket_connect(scene->bus.address);

        assert_true(fd >= 0);
        assert_int_equal(rawsocket_write(fd, words, size), 0);
        return fd;
}

/* The end of the stream, whatever comes before it. */
static void expect_end(int fd)
{
        struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
        char bytes[4096];
        ssize_t n;

        do {
                assert_int_equal(poll(&poll_fd, 1, RAWCLIENT_TIMEOUT_MS), 1);
                n = read(fd, bytes, sizeof(bytes));
        } while (n > 0);
        assert_true(n == 0 || errno == ECONNRESET);
        close(fd);
}

/* Closing takes the bus a while. */
static void expect_fds_are_back(const Scene *scene, int n)
{
        for (int i = 0; i < RAWCLIENT_TIMEOUT_MS / 10; i++) {
                if (pressure_count_fds(&scene->bus) <= n)
                        return;
                usleep(10000);
        }
        fail_msg("the bus has %d fds open, and had %d", pressure_count_fds(&scene->bus), n);
}

static void test_strangers_that_vanish_behind_their_nul_leave_nothing(void **state)
{
        Scene *scene = *state;
        RawClient *witness = scene_join(scene);
        int before = pressure_count_fds(&scene->bus);

        for (int i = 0; i < THOUSANDS; i++)
                close(connect_and_say(scene, "\0", 1));
        (void)scene_join(scene);
        expect_fds_are_back(scene, before + 1);
        expect_nothing(witness);
}

/* As many as there are places are inside, the others wait in the listener's queue; of the reference
 * that has room for few. */
static void test_strangers_half_open_by_the_thousand_wait_and_leave_nothing(void **state)
{
        Scene *scene = *state;
        RawClient *witness = scene_join(scene);
        int before = pressure_count_fds(&scene->bus), n = 0, fd;
        int *fds = calloc(HALF_OPEN, sizeof(*fds));

        assert_non_null(fds);
        while (n < HALF_OPEN &&
               (fd = rawsocket_connect_with(scene->bus.address, SOCK_NONBLOCK)) >= 0) {
                assert_int_equal(rawsocket_write(fd, "\0AUTH EXTERNAL\r\n", 16), 0);
                fds[n++] = fd;
        }
        assert_true(n > PLACES || !scene->bus.is_ringbus);
        for (int i = 0; i < 20; i++) {
                expect_nothing(witness);
                assert_true(pressure_count_fds(&scene->bus) <= before + PLACES + 1);
                usleep(5000);
        }
        for (int i = 0; i < n; i++)
                close(fds[i]);
        free(fds);
        (void)scene_join(scene);
        expect_fds_are_back(scene, before + 1);
}

/* A call of Hello, with the pipelined handshake before it. */
static void build_opening(Marshal *bytes)
{
        const RawHeader hello = {.type = RAWMESSAGE_CALL,
                                 .serial = 1,
                                 .path = SCENE_DRIVER_PATH,
                                 .interface = SCENE_DRIVER,
                                 .member = "Hello",
                                 .destination = SCENE_DRIVER};
        Marshal message;

        marshal_init(&message, false);
        rawmessage_build(&hello, NULL, &message);
        marshal_init(bytes, false);
        marshal_bytes(bytes, OPENING, SIZE_OF(OPENING));
        marshal_bytes(bytes, message.data, message.size);
        marshal_deinit(&message);
}

/* Waits until `text` has come. */
static void expect_bytes(int fd, const char *text)
{
        struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
        char bytes[4096];
        size_t size = 0;

        while (!memmem(bytes, size, text, strlen(text))) {
                ssize_t n;

                assert_int_equal(poll(&poll_fd, 1, RAWCLIENT_TIMEOUT_MS), 1);
                n = read(fd, bytes + size, sizeof(bytes) - size);
                assert_true(n > 0);
                size += (size_t)n;
        }
}

/* Nobody has agreed to fds when these come: they are dropped, and what came with them counts. */
static void test_strangers_fds_before_negotiation_are_dropped(void **state)
{
        Scene *scene = *state;
        RawClient *witness = scene_join(scene);
        int before = pressure_count_fds(&scene->bus), files[N_FDS];
        Marshal bytes;

        for (int i = 0; i < N_FDS; i++) {
                files[i] = open("/dev/null", O_RDONLY | O_CLOEXEC);
                assert_true(files[i] >= 0);
        }
        build_opening(&bytes);
        for (int i = 0; i < 3; i++) {
                int fd = rawsocket_connect(scene->bus.address);

                assert_true(fd >= 0);
                assert_int_equal(rawsocket_write_fds(fd, &bytes, files, N_FDS), 0);
                expect_bytes(fd, "NameAcquired");
                assert_true(pressure_count_fds(&scene->bus) <= before + 1);
                close(fd);
                expect_fds_are_back(scene, before);
        }
        marshal_deinit(&bytes);
        for (int i = 0; i < N_FDS; i++)
                close(files[i]);
        expect_nothing(witness);
}

/* Each once; what the bus answers, byte by byte, is in unit/sasl and clients/authentication. */
static void test_strangers_with_too_much_or_wrong_words_are_closed(void **state)
{
        static const char wrong[] = "AUTH EXTERNAL 34323934393637323930\r\n"; /* 4294967290 */
        static char line[20000], attempts[1 + 6 * SIZE_OF(wrong)];
        Scene *scene = *state;
        RawClient *witness = scene_join(scene);
        int before = pressure_count_fds(&scene->bus);

        memset(line + 1, 'A', sizeof(line) - 1);
        for (size_t i = 0; i < 6; i++)
                memcpy(attempts + 1 + i * SIZE_OF(wrong), wrong, SIZE_OF(wrong));
        for (int i = 0; i < 20; i++) {
                expect_end(connect_and_say(scene, line, sizeof(line)));
                expect_end(connect_and_say(scene, attempts, sizeof(attempts)));
                expect_end(connect_and_say(scene, "\0BEGIN\r\n", 8));
                expect_end(connect_and_say(scene, "AUTH\r\n", 6));
        }
        expect_fds_are_back(scene, before);
        expect_nothing(witness);
}

/* Says it to a bus that may have closed the connection already, if the machine stood still. */
static int connect_and_try_to_say(const Scene *scene, const void *words, size_t size)
{
        int fd = rawsocket_connect(scene->bus.address);

        assert_true(fd >= 0);
        (void)rawsocket_write(fd, words, size);
        return fd;
}

/* A client that joins; again if it took too long. */
static void join_in_time(const Scene *scene)
{
        int r, n_tries = 0;

        do {
                RawClient *client = rawclient_open(scene->bus.address, RAWCLIENT_PIPELINE, &r);

                if (client)
                        r = rawclient_hello(client);
                rawclient_free(client);
        } while (r == -ECONNRESET && ++n_tries < 8);
        assert_int_equal(r, 0);
}

/* All places taken; the client that waits is accepted when auth_timeout ends the others. */
static void test_strangers_pause_accepting_until_their_time_is_up(void **state)
{
        Scene *scene = *state;
        int fds[FEW_PLACES];
        int64_t begun;

        reload_with(scene, FEW LITTLE_TIME);
        begun = pressure_now_ms();
        for (int i = 0; i < FEW_PLACES; i++)
                fds[i] = connect_and_try_to_say(scene, "\0AUTH EXTERNAL\r\n", 16);
        join_in_time(scene);
        assert_true(pressure_now_ms() - begun >= AUTH_MS / 2);
        for (int i = 0; i < FEW_PLACES; i++)
                expect_end(fds[i]);
}

/* Bytes now and then do not move the deadline: these would take 20 s and more. */
static void test_strangers_that_trickle_are_closed_in_time(void **state)
{
        static const char opening[] = OPENING;
        Scene *scene = *state;
        RawClient *witness = scene_join(scene);
        int fds[FEW_PLACES];
        bool all_closed = false;
        size_t n = 0;

        reload_with(scene, FEW LITTLE_TIME);
        for (int i = 0; i < FEW_PLACES; i++)
                fds[i] = connect_and_try_to_say(scene, opening, 1);
        while (!all_closed && ++n < SIZE_OF(opening)) {
                all_closed = true;
                for (int i = 0; i < FEW_PLACES; i++)
                        all_closed &= send(fds[i], opening + n, 1, MSG_NOSIGNAL) < 0;
                usleep(500000);
        }
        assert_true(all_closed);
        for (int i = 0; i < FEW_PLACES; i++)
                expect_end(fds[i]);
        expect_nothing(witness);
}

/* A connection that the kernel reports as another user's: who that is at connect(2). */
static int connect_as_foreigner(const Scene *scene)
{
        const char *name = strrchr(scene->bus.address, '/');
        char address[sizeof(scene->bus.address)];
        int fd;

        assert_non_null(name);
        snprintf(address, sizeof(address), "unix:path=%s", name + 1);
        assert_int_equal(chdir(scene->bus.directory), 0);
        assert_int_equal(seteuid(FOREIGN_UID), 0);
        fd = rawsocket_connect(address);
        assert_int_equal(seteuid(0), 0);
        prctl(PR_SET_DUMPABLE, 1); /* lost with the user; leak checkers need it */
        assert_int_equal(chdir("/"), 0);
        assert_true(fd >= 0);
        (void)rawsocket_write(fd, "\0AUTH EXTERNAL\r\n", 16); /* it may be closed by now */
        return fd;
}

/* One user has half of the places. The reference knows no shares: there others wait. */
static void test_strangers_of_one_user_leave_places_to_others(void **state)
{
        enum { SHARE = FEW_PLACES / 2 };
        Scene *scene = *state;
        int fds[SHARE];

        if (geteuid() != 0 || !scene->bus.is_ringbus)
                skip(); /* only root can connect as another user */
        for (int i = 0; i < SHARE; i++) {
                fds[i] = connect_as_foreigner(scene);
                expect_bytes(fds[i], "DATA\r\n");
        }
        for (int i = 0; i < 2 * FEW_PLACES; i++)
                expect_end(connect_as_foreigner(scene));
        (void)scene_join(scene);
        close(fds[0]);
        (void)scene_join(scene);
        expect_bytes(fds[0] = connect_as_foreigner(scene), "DATA\r\n");
        for (int i = 0; i < SHARE; i++)
                close(fds[i]);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_teardown(name, scene_clear)
        const struct CMUnitTest places[] = {
                TEST(test_strangers_that_vanish_behind_their_nul_leave_nothing),
                TEST(test_strangers_half_open_by_the_thousand_wait_and_leave_nothing),
                TEST(test_strangers_fds_before_negotiation_are_dropped),
                TEST(test_strangers_with_too_much_or_wrong_words_are_closed),
        };
        const struct CMUnitTest time[] = {
                cmocka_unit_test_teardown(test_strangers_pause_accepting_until_their_time_is_up,
                                          clear_at_leisure),
                cmocka_unit_test_teardown(test_strangers_that_trickle_are_closed_in_time,
                                          clear_at_leisure),
        };
        const struct CMUnitTest shares[] = {
                TEST(test_strangers_of_one_user_leave_places_to_others),
        };
        struct rlimit limit = {0};
        int r;

        getrlimit(RLIMIT_NOFILE, &limit);
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
        r = scene_run("wire/strangers (places)", places, start_with_places);
        r += scene_run("wire/strangers (time)", time, start_with_few_places);
        return r + scene_run("wire/strangers (shares)", shares, start_with_shares);
}
