/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stamping the header of one message with its sender. Cases are named
 *
 *      write/MESSAGE/ORDER   stamp_size() and stamp_write(), which is what a relayed message costs
 *      plan/MESSAGE/ORDER    stamp_plan(): the same as a list of runs, without copying
 *
 * with the messages of traffic.h, of which some have a SENDER or unknown fields that go away.
 */
#include <stdio.h>
#include <string.h>

#include "bench/micro/gbench.h"
#include "bench/micro/traffic.h"
#include "broker/base/assert.h"
#include "proto/stamp.h"

enum { HEADER_MAX = 1024 };

static const Text sender = {":1.123456", 9};
static Traffic messages[2][TRAFFIC_KINDS];

/* Whether `out` is the header of a valid message from `sender`, with all that was in it before. */
static bool is_stamped(const Traffic *message, const uint8_t *out, uint32_t size)
{
        Header header;
        Frame frame;

        if (frame_cut(out, size, FRAME_SIZE_MAX, &frame) != FRAME_OK || frame.header_size != size ||
            frame.body_size != message->header.frame.body_size ||
            header_parse(out, &frame, &header) != HEADER_OK)
                return false;
        /* Its own SENDER is all that the next one would have to strip. */
        return text_equal(header.sender, sender) && header.n_stripped == 1 &&
               traffic_has_fields(message->kind, &header);
}

static void run_write(GbenchState *state, const void *context)
{
        const Traffic *message = context;
        const uint8_t *data = message->bytes.data;
        uint8_t out[HEADER_MAX] __attribute__((aligned(8)));
        uint32_t size = 0;

        ASSERT(stamp_size(data, &message->header, sender) <= sizeof(out));
        while (gbench_next(state)) {
                size = stamp_size(data, &message->header, sender);
                stamp_write(data, &message->header, sender, out);
        }
        if (!is_stamped(message, out, size))
                gbench_fail(state, "the stamped header is not what it should be");
        gbench_did(state, 1, size);
        gbench_count(state, "header_bytes", size);
        gbench_count(state, "stripped", message->header.n_stripped);
}

static void run_plan(GbenchState *state, const void *context)
{
        const Traffic *message = context;
        const uint8_t *data = message->bytes.data;
        uint8_t out[HEADER_MAX] __attribute__((aligned(8)));
        bool planned = true;
        uint32_t size = 0;
        StampPlan plan;

        while (gbench_next(state))
                planned &= stamp_plan(data, &message->header, sender, &plan);
        for (unsigned i = 0; planned && i < plan.n_runs; i++) {
                ASSERT(size + plan.runs[i].iov_len <= sizeof(out));
                memcpy(out + size, plan.runs[i].iov_base, plan.runs[i].iov_len);
                size += (uint32_t)plan.runs[i].iov_len;
        }
        if (!planned || size != plan.header_size || !is_stamped(message, out, size))
                gbench_fail(state, "the planned header is not what it should be");
        gbench_did(state, 1, size);
        gbench_count(state, "header_bytes", size);
        gbench_count(state, "runs", plan.n_runs);
}

static void add_cases(TrafficKind kind, bool big_endian)
{
        Traffic *message = &messages[big_endian][kind];
        char name[64];

        traffic_make(message, kind, big_endian);
        snprintf(name, sizeof(name), "write/%s/%s", traffic_name(kind),
                 traffic_order_name(big_endian));
        gbench_register(name, run_write, message);
        snprintf(name, sizeof(name), "plan/%s/%s", traffic_name(kind),
                 traffic_order_name(big_endian));
        gbench_register(name, run_plan, message);
}

int main(int argc, char **argv)
{
        int status;

        fprintf(stderr, "bench_stamps: what it costs to write the sender into a message's header "
                        "and to strip\nwhat clients may not say.\n");
        for (TrafficKind kind = 0; kind < TRAFFIC_KINDS; kind++) {
                add_cases(kind, traffic_native());
                add_cases(kind, !traffic_native());
        }
        status = gbench_main(argc, argv);
        for (TrafficKind kind = 0; kind < TRAFFIC_KINDS; kind++) {
                traffic_deinit(&messages[0][kind]);
                traffic_deinit(&messages[1][kind]);
        }
        return status;
}
