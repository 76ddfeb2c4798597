/* SPDX-License-Identifier: Apache-2.0 */
/* From what `dbus-monitor --pcap` wrote. */

#include <errno.h>
#include <time.h>

#include "bench/load/trace/pcap.h"
#include "bench/load/trace/record.h"
#include "bench/load/trace/trace_reader.h"
#include "broker/base/alloc.h"
#include "broker/base/clock.h"
#include "proto/body.h"

static void note_start(Record *record, const PcapPacket *first)
{
        time_t seconds = (time_t)(first->time_ns / CLOCK_NS_PER_S);
        struct tm time;
        char text[32];

        if (gmtime_r(&seconds, &time) &&
            strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &time) > 0)
                record_fact(record, "started", text);
        record_fact(record, "source", "pcap");
        record_fact(record, "rules before", "unknown");
        recorder_start(&record->recorder, first->time_ns);
}

/* Whether the bus says `member` about a name to its owner; *ret_name is that unique name. */
static bool is_said_to_owner(const PcapPacket *packet, Text member, Text *ret_name)
{
        const uint8_t *body;
        Header header;
        Frame frame;
        BodyArg arg;

        if (frame_cut(packet->data, packet->size, FRAME_SIZE_MAX, &frame) != FRAME_OK ||
            frame.size != packet->size || header_parse(packet->data, &frame, &header) != HEADER_OK)
                return false;
        body = packet->data + frame.header_size;
        if (!text_equal(header.sender, TEXT("org.freedesktop.DBus")) ||
            !text_equal(header.member, member) || !text_equal(header.signature, TEXT("s")) ||
            body_validate(body, frame.body_size, header.signature, frame.big_endian) != BODY_OK)
                return false;
        body_read_args(body, frame.body_size, header.signature, frame.big_endian, 1, &arg);
        *ret_name = header.destination;
        return text_equal(arg.text, header.destination);
}

/*
 * dbus-monitor's capture begins with what the bus said to the monitor itself: that it has a unique
 * name, and that it lost it by becoming a monitor. It is no part of the bus's life. `pcap` is at
 * the second packet.
 */
static void find_self(Recorder *recorder, const PcapPacket *first, Pcap pcap)
{
        const char *reason;
        PcapPacket second;
        Text acquired, lost;

        if (pcap_next(&pcap, &second, &reason) != PCAP_OK ||
            !is_said_to_owner(first, TEXT("NameAcquired"), &acquired) ||
            !is_said_to_owner(&second, TEXT("NameLost"), &lost) || !text_equal(acquired, lost) ||
            acquired.size >= sizeof(recorder->self))
                return;
        memcpy(recorder->self, acquired.data, acquired.size);
        recorder->self[acquired.size] = '\0';
}

static int say(const Record *record, size_t offset, const char *reason)
{
        progress_clear((Progress *)(uintptr_t)&record->progress);
        fprintf(stderr, "ringbus-load: %s: offset %zu: %s\n", record->knobs.pcap, offset, reason);
        return -1;
}

static int record_packet(Record *record, const Pcap *pcap, const PcapPacket *packet,
                         uint64_t n_packets)
{
        const char *reason = NULL;

        if (packet->original_size > packet->size)
                return say(record, packet->offset,
                           "the capture cut a message short: capture whole packets");
        if (n_packets == 0) {
                note_start(record, packet);
                find_self(&record->recorder, packet, *pcap);
        }
        if (recorder_message(&record->recorder, packet->data, packet->size, packet->time_ns,
                             &reason) < 0)
                return say(record, packet->offset, reason);
        progress_write(&record->progress, clock_now_ns(), "%llu messages",
                       (unsigned long long)n_packets + 1);
        return 0;
}

static int record_packets(Record *record, Pcap *pcap)
{
        uint64_t n_packets = 0;
        const char *reason = NULL;
        PcapPacket packet;

        for (;; n_packets++) {
                switch (pcap_next(pcap, &packet, &reason)) {
                case PCAP_OK:
                        if (record_packet(record, pcap, &packet, n_packets) < 0)
                                return -1;
                        break;
                case PCAP_END:
                        return 0;
                case PCAP_CUT:
                        say(record, pcap->position,
                            "the file ends within a packet: its writer was stopped there; that "
                            "packet is left out");
                        return 0;
                case PCAP_INVALID:
                        return say(record, pcap->position, reason);
                }
        }
}

int record_from_pcap(Record *record)
{
        const char *path = record->knobs.pcap, *reason = NULL;
        uint8_t *data;
        size_t size;
        Pcap pcap;
        int r = trace_reader_load(strcmp(path, "-") == 0 ? "/dev/stdin" : path, &data, &size);

        if (r < 0) {
                fprintf(stderr, "ringbus-load: %s: %s\n", path, strerror(-r));
                return -1;
        }
        if (pcap_open(&pcap, data, size, &reason) == PCAP_OK)
                r = record_packets(record, &pcap);
        else
                r = say(record, 0, reason);
        alloc_free(data);
        return r;
}
