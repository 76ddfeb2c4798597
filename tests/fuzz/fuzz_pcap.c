/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pcap file, all the way: packets, messages, the recorder, the trace. Whatever the recorder makes
 * of it, the reader must accept and count alike.
 */

#include <stdio.h>
#include <stdlib.h>

#include "bench/load/trace/pcap.h"
#include "bench/load/trace/recorder.h"
#include "bench/load/trace/trace_reader.h"
#include "broker/base/assert.h"
#include "broker/base/hash.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void record(Pcap *pcap, Recorder *recorder)
{
        const char *reason = NULL;
        PcapPacket packet;
        PcapResult result;

        while ((result = pcap_next(pcap, &packet, &reason)) == PCAP_OK) {
                ASSERT(packet.data + packet.size <= pcap->data + pcap->size);
                reason = NULL;
                if (recorder_message(recorder, packet.data, packet.size, packet.time_ns, &reason) <
                    0)
                        ASSERT(reason && reason[0] != '\0');
        }
        ASSERT(result != PCAP_INVALID || reason);
        ASSERT(result != PCAP_END || pcap->position == pcap->size);
}

static void check_trace(const uint8_t *data, size_t size, const Recorder *recorder)
{
        uint64_t n_messages = 0;
        TraceError error;
        Trace trace;

        ASSERT(trace_reader_parse(data, size, &trace, &error) == 0);
        for (unsigned i = 0; i < RECORDER_KINDS; i++)
                n_messages += recorder->n_messages[i];
        ASSERT(trace.n_messages == n_messages && trace.cut_offset == 0);
        ASSERT(trace.duration_ns == recorder->time_ns);
        trace_reader_deinit(&trace);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static bool is_ready;
        TraceWriter writer;
        Recorder recorder;
        const char *reason = NULL;
        char *written = NULL;
        size_t written_size = 0;
        FILE *file;
        Pcap pcap;

        if (!is_ready)
                ASSERT(hash_init() == 0);
        is_ready = true;
        if (pcap_open(&pcap, data, size, &reason) != PCAP_OK) {
                ASSERT(reason);
                return 0;
        }
        file = open_memstream(&written, &written_size);
        ASSERT(file);
        trace_writer_init(&writer, file, size % 2 == 1);
        recorder_init(&recorder, &writer);
        record(&pcap, &recorder);
        ASSERT(trace_writer_finish(&writer, recorder.time_ns) == 0);
        fclose(file);
        check_trace((const uint8_t *)written, written_size, &recorder);
        recorder_deinit(&recorder);
        trace_writer_deinit(&writer);
        free(written);
        return 0;
}
