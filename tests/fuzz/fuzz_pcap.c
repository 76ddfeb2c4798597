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

/* What a live bus tells before the first message. */
static void record_past(Recorder *recorder)
{
        recorder_was_there_peer(recorder, TEXT(":1.0"));
        recorder_was_there_name(recorder, TEXT("t.Name"), TEXT(":1.0"), false);
        recorder_was_there_name(recorder, TEXT("t.Name"), TEXT(":1.1"), true);
        recorder_was_there_rule(recorder, TEXT(":1.1"), TEXT("type='signal',arg0='a'"));
        recorder_was_there_rule(recorder, TEXT(":1.1"), TEXT("arg0namespace='a',arg1path='/'"));
        recorder_name_changed(recorder, TEXT("t.Name"), TEXT(":1.0"), TEXT(":1.1"));
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
        if (size % 4 < 2)
                record_past(&recorder);
        record(&pcap, &recorder);
        ASSERT(trace_writer_finish(&writer, recorder.time_ns) == 0);
        fclose(file);
        check_trace((const uint8_t *)written, written_size, &recorder);
        recorder_deinit(&recorder);
        trace_writer_deinit(&writer);
        free(written);
        return 0;
}
