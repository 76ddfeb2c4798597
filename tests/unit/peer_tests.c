/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/peer_tests.h"

#include <stdio.h>

static IoBackend backend;

int peer_tests_setup(void **state)
{
        *state = peer_fixture_new(backend, 2, PEER_TESTS_BUFFERS);
        return 0;
}

int peer_tests_teardown(void **state)
{
        peer_fixture_free(*state);
        return 0;
}

/* cmocka counts the tests by the size of an array. */
int peer_tests_run(const char *name, const struct CMUnitTest *tests, size_t n)
{
        static const char *const names[] = {
                [IO_BACKEND_EPOLL] = "epoll", [IO_BACKEND_URING] = "io_uring"};
        const IoBackend backends[] = {IO_BACKEND_EPOLL, IO_BACKEND_URING};
        char title[64];
        int failed = 0;

        for (size_t i = 0; i < ARRAY_SIZE(backends); i++) {
                backend = backends[i];
                snprintf(title, sizeof(title), "%s, %s", name, names[backend]);
                failed += _cmocka_run_group_tests(title, tests, n, NULL, NULL);
        }
        return failed;
}

void seen_note(PeerFixture *fixture, Peer *peer, Incoming *incoming)
{
        Seen *seen = fixture->context;
        const uint8_t *body = incoming_body(incoming);

        (void)peer;
        if (seen->n < 512)
                seen->serials[seen->n] = incoming->header.frame.serial;
        seen->n++;
        seen->body_size = incoming->header.frame.body_size;
        for (size_t i = 0; i < seen->body_size; i++)
                seen->sum += body[i];
        seen->n_buffered += incoming->buffer != NULL;
        seen->n_fds += incoming->header.n_unix_fds;
}

uint64_t seen_add_signal(Marshal *bytes, uint32_t serial, const char *destination, uint32_t size,
                         uint32_t n_fds)
{
        RawHeader header = {.type = RAWMESSAGE_SIGNAL,
                            .serial = serial,
                            .path = "/a",
                            .interface = "a.b",
                            .member = "M",
                            .destination = destination,
                            .signature = "ay",
                            .unix_fds = n_fds};
        Marshal body, message;
        uint64_t sum = 0;

        marshal_init(&body, false);
        marshal_init(&message, false);
        marshal_u32(&body, size);
        for (uint32_t i = 0; i < size; i++)
                marshal_u8(&body, (uint8_t)(i * 31 + serial));
        for (size_t i = 0; i < body.size; i++)
                sum += body.data[i];
        rawmessage_build(&header, &body, &message);
        marshal_bytes(bytes, message.data, message.size);
        marshal_deinit(&body);
        marshal_deinit(&message);
        return sum;
}
