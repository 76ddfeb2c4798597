/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/load/bystanders.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/load/engine/process.h"

static RawClient *join(const char *address)
{
        int r = 0;
        RawClient *client = rawclient_open(address, 0, &r);

        if (client)
                r = rawclient_hello(client);
        if (r >= 0)
                return client;
        fprintf(stderr, "a bystander cannot connect: %s\n", strerror(-r));
        return rawclient_free(client);
}

int bystanders_open(Bystanders *bystanders, const char *address)
{
        bool all;

        *bystanders = (Bystanders){.fd = open("/dev/null", O_RDONLY | O_CLOEXEC)};
        bystanders->giver = join(address);
        bystanders->taker = join(address);
        all = bystanders->fd >= 0 && bystanders->giver && bystanders->taker;
        for (unsigned i = 0; i < BYSTANDERS_IDLE && all; i++) {
                bystanders->idle[i] = join(address);
                all = bystanders->idle[i];
        }
        return all ? 0 : -1;
}

/* A look at the stream, which leaves it as it is. */
static bool is_closed(const RawClient *client)
{
        char byte;
        ssize_t n = recv(client->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);

        return n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR);
}

unsigned bystanders_lost(Bystanders *bystanders)
{
        unsigned n = 0;

        for (unsigned i = 0; i < BYSTANDERS_IDLE; i++)
                n += is_closed(bystanders->idle[i]);
        return n + is_closed(bystanders->giver) + is_closed(bystanders->taker);
}

/* Whether this is the fd that was sent with this serial. It is closed with its message. */
static bool is_that_fd(const RawMessage *message, uint32_t serial)
{
        return message->type == RAWMESSAGE_SIGNAL && message->serial == serial &&
               message->n_fds == 1;
}

double bystanders_pass_fd(Bystanders *bystanders, int timeout_ms)
{
        const RawHeader signal = {.type = RAWMESSAGE_SIGNAL,
                                  .serial = rawclient_serial(bystanders->giver),
                                  .path = "/t",
                                  .interface = "t.Load",
                                  .member = "Fd",
                                  .destination = bystanders->taker->unique_name,
                                  .unix_fds = 1};
        uint64_t from_ns = process_now_ns();
        int left_ms = timeout_ms;
        RawMessage *message;

        if (rawclient_send_body(bystanders->giver, &signal, NULL, &bystanders->fd, 1) < 0)
                return -1;
        while (left_ms > 0 && rawclient_receive(bystanders->taker, left_ms, &message) == 0) {
                uint64_t took_ns = process_now_ns() - from_ns;

                if (is_that_fd(message, signal.serial))
                        return (double)took_ns / 1e6;
                left_ms = timeout_ms - (int)(took_ns / 1000000);
        }
        return -1;
}

void bystanders_close(Bystanders *bystanders)
{
        for (unsigned i = 0; i < BYSTANDERS_IDLE; i++)
                bystanders->idle[i] = rawclient_free(bystanders->idle[i]);
        bystanders->giver = rawclient_free(bystanders->giver);
        bystanders->taker = rawclient_free(bystanders->taker);
        if (bystanders->fd >= 0)
                close(bystanders->fd);
        bystanders->fd = -1;
}
