/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/load/connection_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "broker/base/clock.h"
#include "proto/writer.h"

enum { PATIENCE_S = 60 };

static const ConnectionHandlers handlers;

ConnectionOptions world_options(World *world)
{
        return (ConnectionOptions){
                .address = world->address,
                .negotiate_fds = true,
                .handlers = &handlers,
                .owner = world,
        };
}

static void handle_ready(Connection *connection)
{
        World *world = connection->owner;

        world->n_ready++;
}

static void handle_frame(Connection *connection, const ConnectionFrame *frame)
{
        World *world = connection->owner;

        world->n_frames++;
        world->type = frame->type;
        world->serial = frame->serial;
        world->reply_serial = connection_frame_reply_serial(frame);
        world->big_endian = frame->big_endian;
        world->body_size = frame->body_size;
        world->last_byte = frame->data[frame->size - 1];
        world->n_fds = frame->n_fds;
        if (frame->n_fds > 0) {
                world->kept_fd = frame->fds[0];
                frame->fds[0] = -1;
        }
        if (world->n_frames == world->stop_at) {
                ConnectionOptions options = world_options(world);

                connection_stop(connection);
                if (world->restarts)
                        assert_int_equal(connection_start(connection, &world->loop, &options), 0);
        }
}

static void handle_turn(Connection *connection)
{
        World *world = connection->owner;

        world->n_turns++;
}

static void handle_failed(Connection *connection, int error, const char *what)
{
        World *world = connection->owner;

        world->n_failed++;
        world->error = error;
        snprintf(world->what, sizeof(world->what), "%s", what);
}

static const ConnectionHandlers handlers = {
        .ready = handle_ready,
        .frame = handle_frame,
        .turn = handle_turn,
        .failed = handle_failed,
};

/* Lets the connection do all that it can. */
void world_run(World *world)
{
        uint64_t turns, n_turns;

        do {
                turns = world->connection.n_writes + world->connection.last_input_ns;
                n_turns = world->loop.n_turns;
                while (world->loop.n_turns == n_turns) /* none if the time is over already */
                        loop_run(&world->loop, clock_now_ns() + 5 * CLOCK_NS_PER_MS);
        } while (turns != world->connection.n_writes + world->connection.last_input_ns);
}

void world_run_until(World *world, const unsigned *counter, unsigned value)
{
        uint64_t deadline_ns = clock_now_ns() + PATIENCE_S * CLOCK_NS_PER_S;

        while (*counter < value) {
                assert_true(clock_now_ns() < deadline_ns);
                world_run(world);
        }
}

void world_say(const World *world, const void *data, size_t size)
{
        assert_int_equal(send(world->bus, data, size, MSG_NOSIGNAL), size);
}

void world_say_text(const World *world, const char *text)
{
        world_say(world, text, strlen(text));
}

/* Reads what the connection has written until `text` is its end. Returns how much. */
size_t world_expect_end(World *world, char *buffer, size_t capacity, const char *text)
{
        uint64_t deadline_ns = clock_now_ns() + PATIENCE_S * CLOCK_NS_PER_S;
        size_t size = 0, wanted = strlen(text);

        while (size < wanted || memcmp(buffer + size - wanted, text, wanted) != 0) {
                ssize_t n;

                assert_true(clock_now_ns() < deadline_ns);
                world_run(world);
                n = recv(world->bus, buffer + size, capacity - size, MSG_DONTWAIT);
                if (n > 0)
                        size += (size_t)n;
        }
        return size;
}

/* A return to `reply_serial` with an "ay" of payload, and fds announced. Returns its size. */
size_t world_build_return(uint8_t *data, uint32_t reply_serial, size_t payload, uint32_t n_fds)
{
        WriterHeader header = {
                .type = FRAME_TYPE_METHOD_RETURN,
                .serial = 9,
                .reply_serial = reply_serial,
                .signature = TEXT("ay"),
                .n_unix_fds = n_fds,
        };
        static uint8_t zeros[MESSAGE_MAX];
        Writer writer;
        size_t size;

        writer_begin(&writer, data, MESSAGE_MAX + 1024, &header);
        writer_bytes(&writer, zeros, payload);
        assert_int_equal(writer_finish(&writer, &size), 0);
        return size;
}

void world_say_hello_reply(const World *world)
{
        WriterHeader header = {
                .type = FRAME_TYPE_METHOD_RETURN,
                .serial = 1,
                .reply_serial = world->connection.hello_serial,
                .signature = TEXT("s"),
        };
        uint8_t data[256];
        Writer writer;
        size_t size;

        writer_begin(&writer, data, sizeof(data), &header);
        writer_string(&writer, TEXT(":1.42"));
        assert_int_equal(writer_finish(&writer, &size), 0);
        world_say(world, data, size);
}

static void accept_it(World *world)
{
        world->bus = accept(world->listener, NULL, NULL);
        assert_true(world->bus >= 0);
}

void world_open(World *world)
{
        struct sockaddr_un name = {.sun_family = AF_UNIX};
        int size = snprintf(name.sun_path + 1, sizeof(name.sun_path) - 1, "ringbus-load-%d",
                            (int)getpid());

        memset(world, 0, sizeof(*world));
        world->bus = world->kept_fd = -1;
        snprintf(world->address, sizeof(world->address), "unix:abstract=%s", name.sun_path + 1);
        world->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(
                bind(world->listener, (struct sockaddr *)&name,
                     (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)size)),
                0);
        assert_int_equal(listen(world->listener, 10), 0);
        assert_int_equal(loop_init(&world->loop), 0);
}

void world_close(World *world)
{
        connection_stop(&world->connection);
        connection_stop(&world->connection);
        loop_deinit(&world->loop);
        close(world->listener);
        if (world->bus >= 0)
                close(world->bus);
        if (world->kept_fd >= 0)
                close(world->kept_fd);
}

void world_start(World *world, ConnectionHandshake handshake, ConnectionWrite write)
{
        ConnectionOptions options = world_options(world);

        options.handshake = handshake;
        options.write = write;
        assert_int_equal(connection_start(&world->connection, &world->loop, &options), 0);
        accept_it(world);
}

/* As far as ready. */
void world_start_ready(World *world, ConnectionWrite write)
{
        char heard[1024];

        world_start(world, CONNECTION_PIPELINED, write);
        world_run(world);
        assert_true(recv(world->bus, heard, sizeof(heard), 0) > 0);
        world_say_text(world, "OK 0123\r\nAGREE_UNIX_FD\r\n");
        world_say_hello_reply(world);
        world_run_until(world, &world->n_ready, 1);
}
