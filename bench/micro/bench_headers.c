/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading and checking the header of one message that has been cut. Cases are named
 *
 *      parse/MESSAGE/ORDER   of traffic.h
 */
#include <stdio.h>

#include "bench/micro/gbench.h"
#include "bench/micro/traffic.h"

static Traffic messages[2][TRAFFIC_KINDS];

static void run_parse(GbenchState *state, const void *context)
{
        const Traffic *message = context;
        const uint8_t *data = message->bytes.data;
        const Frame frame = message->header.frame;
        unsigned failed = 0;
        Header header;

        while (gbench_next(state))
                failed |= header_parse(data, &frame, &header);
        if (failed || !traffic_has_fields(message->kind, &header))
                gbench_fail(state, "the fields read are not those that were written");
        gbench_did(state, 1, frame.header_size);
        gbench_count(state, "header_bytes", frame.header_size);
}

int main(int argc, char **argv)
{
        char name[64];
        int status;

        fprintf(stderr,
                "bench_headers: what it costs to read and check the header of a message.\n");
        for (int big_endian = 0; big_endian < 2; big_endian++)
                for (TrafficKind kind = 0; kind < TRAFFIC_KINDS; kind++) {
                        traffic_make(&messages[big_endian][kind], kind, big_endian);
                        snprintf(name, sizeof(name), "parse/%s/%s", traffic_name(kind),
                                 traffic_order_name(big_endian));
                        gbench_register(name, run_parse, &messages[big_endian][kind]);
                }
        status = gbench_main(argc, argv);
        for (TrafficKind kind = 0; kind < TRAFFIC_KINDS; kind++) {
                traffic_deinit(&messages[0][kind]);
                traffic_deinit(&messages[1][kind]);
        }
        return status;
}
