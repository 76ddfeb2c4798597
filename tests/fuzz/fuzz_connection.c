/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A whole connection, in-process and in one thread: bytes of the input are what a client sends
 * after the handshake, to the real driver and router on the epoll backend. A second, well-behaved
 * client must get its answers all the same, and whatever anybody gets must be a valid message. At
 * the end everything must be gone: names, rules, buffers, memory.
 *
 * The input: a byte of flags (see ConnectionFlag), a byte that says how the rest is cut into
 * pieces, then what is sent.
 */
#include <string.h>
#include <unistd.h>

#include "broker/base/clock.h"
#include "proto/body.h"
#include "tests/unit/peer_fixture.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef enum ConnectionFlag {
        CONNECTION_NO_HELLO = 0x01,  /* what comes is the first that it says */
        CONNECTION_NO_FDS = 0x02,    /* it did not negotiate them */
        CONNECTION_SEND_FDS = 0x04,  /* two come with the first piece */
        CONNECTION_EAVESDROP = 0x08, /* the witness sees everything */
        CONNECTION_FEW = 0x10,       /* small limits */
        CONNECTION_FROM_GATE = 0x20, /* the gate has received the first piece */
        CONNECTION_POOR = 0x40,      /* no privileges */
        CONNECTION_PLAIN = 0x80,     /* the witness takes no fds */
} ConnectionFlag;

enum { BUFFERS = 16, MESSAGE_SIZE_MAX = 256 * 1024 };

/* For the life of the process: building it is slow. Each run leaves it as it was. */
static PeerFixture *fixture;

static void set_limits(uint8_t flags)
{
        const bool few = flags & CONNECTION_FEW, no_hello = flags & CONNECTION_NO_HELLO;
        RouterLimits *limits = &fixture->root->limits;

        limits->max_message_size = MESSAGE_SIZE_MAX;
        limits->max_message_unix_fds = few ? 1 : 16;
        limits->max_incoming_bytes = few ? 1500 : 1 << 20;
        limits->max_outgoing_bytes = few ? 600 : 1 << 20;
        limits->max_names_per_connection = few ? 2 : 16;
        limits->max_match_rules_per_connection = few ? 1 : 16;
        limits->max_replies_per_connection = few ? 1 : 16;
        limits->max_connections_per_user = few && no_hello ? 1 : 256;
        limits->max_completed_connections =
                few && no_hello && (flags & CONNECTION_EAVESDROP) ? 1 : 256;
}

/* Everything that is received is a valid message. */
static void check_received(Remote *remote)
{
        remote_pump(remote);
        while (remote->at < remote->size) {
                const uint8_t *data = remote->data + remote->at;
                Header header;
                Frame frame;

                if (remote->size - remote->at < FRAME_FIXED_SIZE)
                        return;
                ASSERT(frame_cut(data, remote->size - remote->at, FRAME_SIZE_MAX, &frame) ==
                       FRAME_OK);
                if (frame.size > remote->size - remote->at)
                        return;
                ASSERT(header_parse(data, &frame, &header) == HEADER_OK);
                ASSERT(body_validate(data + frame.header_size, frame.body_size, header.signature,
                                     frame.big_endian) == BODY_OK);
                remote->at += frame.size;
        }
}

/* The witness asks the bus and gets exactly one answer. */
static void check_witness(Remote *witness)
{
        uint32_t serial = remote_call(witness, "GetId", NULL);
        const RawMessage *message;

        do {
                message = remote_await(witness);
                ASSERT(message);
        } while (message->type != RAWMESSAGE_RETURN || message->reply_serial != serial ||
                 strcmp(message->destination, witness->peer->endpoint.unique_name) != 0);
        ASSERT(message->body_size == 4 + 32 + 1);
}

static Remote *new_witness(uint8_t flags)
{
        Remote *witness = remote_new(fixture, 0, !(flags & CONNECTION_PLAIN));

        remote_hello(witness);
        if (flags & CONNECTION_EAVESDROP)
                remote_call(witness, "AddMatch", "s", "eavesdrop=true");
        else
                remote_call(witness, "AddMatch", "s", "sender=com.example.Known");
        ASSERT(remote_await(witness)->type == RAWMESSAGE_RETURN);
        remote_call(witness, "RequestName", "su", "com.example.Witness", 1);
        peer_fixture_turn(fixture);
        check_received(witness);
        return witness;
}

static Remote *new_client(uint8_t flags, const uint8_t *data, size_t size)
{
        const bool fds = !(flags & CONNECTION_NO_FDS);
        Remote *client;

        if (flags & CONNECTION_FROM_GATE) {
                int fd = dup(STDERR_FILENO);
                bool with = fds && (flags & CONNECTION_SEND_FDS) && fd >= 0;

                client = remote_new_with(
                        fixture, 0, fds,
                        &(RemoteStart){
                                .bytes = data, .size = size, .fds = &fd, .n_fds = with ? 1 : 0});
                if (!with)
                        close(fd);
                return client;
        }
        client = remote_new(fixture, 0, fds);
        client->peer->endpoint.privileged = !(flags & CONNECTION_POOR);
        if (!(flags & CONNECTION_NO_HELLO))
                remote_hello(client);
        return client;
}

/* 0: all at once; else pieces of so many bytes, the last ones of all sizes. */
static size_t piece_size(uint8_t cut, size_t n)
{
        size_t piece = cut == 0 ? n : cut < 128 ? cut : (size_t)(cut - 127) * 64;

        return piece < n ? piece : n;
}

static void send_pieces(Remote *client, Remote *witness, uint8_t flags, uint8_t cut,
                        const uint8_t *data, size_t size)
{
        unsigned n_fds = flags & CONNECTION_SEND_FDS && !(flags & CONNECTION_NO_FDS) ? 2 : 0;

        while (size > 0 && !client->ended) {
                size_t n = remote_write(client, data, piece_size(cut, size), n_fds);

                data += n;
                size -= n;
                n_fds = 0;
                peer_fixture_turn(fixture);
                check_received(client);
                check_received(witness);
        }
}

/* What a run has changed is gone. */
static void check_nothing_left(void)
{
        const Shard *shard = &fixture->shards[0];

        PEER_FIXTURE_UNTIL(fixture,
                           shard->n_peers == 0 && shard->n_sends_open == 0 && shard->n_parked == 0);
        peer_fixture_settle(fixture, 1);
        peer_fixture_reclaim(fixture);
        ASSERT(io_buffers_free(shard->io) == io_buffers_total(shard->io));
        ASSERT(fixture->router.matches.n_entries == 0);
        ASSERT(fixture->router.names.n_endpoints == 0);
        ASSERT(table_count(&fixture->router.names.well_known) == 0);
        ASSERT(list_is_empty(&fixture->router.names.order));
        ASSERT(counter_read(&fixture->router.n_capturing) == 0);
        /* The next run begins like the first. */
        environment_deinit(&fixture->driver.environment);
        environment_init(&fixture->driver.environment);
        fixture->router.names.next_id = 0;
        counter_subtract(&fixture->router.serial, counter_read(&fixture->router.serial));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        Remote *client, *witness;
        uint8_t flags, cut;
        size_t first;

        if (size < 2)
                return 0;
        if (!fixture)
                fixture = peer_fixture_new(IO_BACKEND_EPOLL, 1, BUFFERS);
        flags = data[0];
        cut = data[1];
        data += 2;
        size -= 2;
        first = flags & CONNECTION_FROM_GATE ? piece_size(cut, size) : 0;
        set_limits(0);
        witness = new_witness(flags);
        set_limits(flags);
        client = new_client(flags, data, first);
        send_pieces(client, witness, flags, cut, data + first, size - first);
        peer_fixture_settle(fixture, 1);
        check_received(client);
        check_received(witness);
        set_limits(0);
        check_witness(witness);
        remote_free(client);
        remote_free(witness);
        check_nothing_left();
        return 0;
}
