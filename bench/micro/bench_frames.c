/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cutting received bytes into messages, as peers do: frame_cut() at the first byte of each. One
 * iteration cuts a buffer of 64 KiB; items are messages. Cases are named
 *
 *      cut/MESSAGE/ORDER   of traffic.h; "bytes_N" is a call with a body of N bytes
 *
 * What an item costs must not depend on how long the messages are.
 */
#include <stdio.h>

#include "bench/micro/gbench.h"
#include "bench/micro/traffic.h"
#include "broker/base/assert.h"

enum { BUFFER = 64 * 1024, OFFSET_SERIAL = 8, CASES_MAX = 16 };

typedef struct Case {
        TrafficKind kind;
        size_t body_size; /* 0: the kind's own */
        bool big_endian;
} Case;

static Case cases[CASES_MAX];
static unsigned n_cases;

/* Fills a buffer with whole messages, numbered from 1; returns how many. */
static uint32_t fill(Marshal *buffer, const Case *which)
{
        Marshal message;
        uint32_t n;

        marshal_init(&message, which->big_endian);
        traffic_write(&message, which->kind, which->body_size);
        n = (uint32_t)(BUFFER / message.size);
        marshal_init(buffer, which->big_endian);
        for (uint32_t i = 1; i <= n; i++) {
                marshal_patch_u32(&message, OFFSET_SERIAL, i);
                marshal_bytes(buffer, message.data, message.size);
        }
        marshal_deinit(&message);
        return n;
}

/* Returns the sum of the serials, or 0 if something could not be cut. */
static uint64_t cut_all(const Marshal *bytes, uint32_t *ret_n)
{
        uint64_t serials = 0;
        size_t at = 0;
        Frame frame;

        *ret_n = 0;
        while (at < bytes->size) {
                if (frame_cut(bytes->data + at, bytes->size - at, FRAME_SIZE_MAX, &frame) !=
                    FRAME_OK)
                        return 0;
                serials += frame.serial;
                at += frame.size;
                ++*ret_n;
        }
        return at == bytes->size ? serials : 0;
}

static void run_cut(GbenchState *state, const void *context)
{
        const Case *which = context;
        Marshal bytes;
        const uint32_t n = fill(&bytes, which);
        const uint64_t serials = (uint64_t)n * (n + 1) / 2;
        uint32_t n_cut = 0;
        uint64_t wrong = 0;

        while (gbench_next(state)) {
                wrong |= cut_all(&bytes, &n_cut) ^ serials;
                wrong |= n_cut ^ n;
        }
        if (wrong)
                gbench_fail(state, "the messages cut are not those that were written");
        gbench_did(state, n, 0); /* no bytes: bodies are not looked at */
        gbench_count(state, "message_bytes", (double)bytes.size / n);
        marshal_deinit(&bytes);
}

static void add_case(TrafficKind kind, size_t body_size, bool big_endian)
{
        char name[64];

        ASSERT(n_cases < CASES_MAX);
        cases[n_cases] = (Case){.kind = kind, .body_size = body_size, .big_endian = big_endian};
        if (body_size > 0)
                snprintf(name, sizeof(name), "cut/bytes_%zu/%s", body_size,
                         traffic_order_name(big_endian));
        else
                snprintf(name, sizeof(name), "cut/%s/%s", traffic_name(kind),
                         traffic_order_name(big_endian));
        gbench_register(name, run_cut, &cases[n_cases++]);
}

int main(int argc, char **argv)
{
        const bool native = traffic_native();

        fprintf(stderr, "bench_frames: what it costs to cut 64 KiB of received bytes into "
                        "messages.\n");
        for (int swapped = 0; swapped < 2; swapped++) {
                add_case(TRAFFIC_CALL, 0, native ^ swapped);
                add_case(TRAFFIC_SIGNAL, 0, native ^ swapped);
                add_case(TRAFFIC_CALL, 4 * 1024, native ^ swapped);
                add_case(TRAFFIC_CALL, 28 * 1024, native ^ swapped);
        }
        return gbench_main(argc, argv);
}
