/* SPDX-License-Identifier: Apache-2.0 */
/* See pcap.h. The file's header has 24 bytes, a packet's 16. */

#include "bench/load/trace/pcap.h"
#include "proto/frame.h"

enum {
        FILE_HEADER_SIZE = 24,
        PACKET_HEADER_SIZE = 16,
        OFFSET_MAJOR = 4,
        OFFSET_LINK_TYPE = 20,
        MAJOR_VERSION = 2,
        LINK_TYPE_DBUS = 231,
        LINK_TYPE_MASK = 0xfffffff, /* the upper bits say whether packets have a checksum */
};

static const uint32_t magic_microseconds = 0xa1b2c3d4;
static const uint32_t magic_nanoseconds = 0xa1b23c4d;
static const uint32_t magic_pcapng = 0x0a0d0d0a; /* the same in both byte orders */

PcapResult pcap_open(Pcap *ret_pcap, const uint8_t *data, size_t size, const char **ret_reason)
{
        Pcap pcap = {.data = data, .size = size, .position = FILE_HEADER_SIZE};
        uint32_t magic;

        *ret_reason = "not a pcap file";
        if (size < FILE_HEADER_SIZE)
                return PCAP_INVALID;
        magic = frame_load_u32(data, false);
        if (magic == magic_pcapng) {
                *ret_reason = "a pcapng file: convert it with `editcap -F pcap`";
                return PCAP_INVALID;
        }
        if (magic != magic_microseconds && magic != magic_nanoseconds) {
                pcap.big_endian = true;
                magic = frame_load_u32(data, true);
        }
        if (magic != magic_microseconds && magic != magic_nanoseconds)
                return PCAP_INVALID;
        pcap.nanoseconds = magic == magic_nanoseconds;
        *ret_reason = "not version 2 of the pcap format";
        if (frame_load_u16(data + OFFSET_MAJOR, pcap.big_endian) != MAJOR_VERSION)
                return PCAP_INVALID;
        *ret_reason = "a capture of something else than D-Bus: the link type is not 231";
        if ((frame_load_u32(data + OFFSET_LINK_TYPE, pcap.big_endian) & LINK_TYPE_MASK) !=
            LINK_TYPE_DBUS)
                return PCAP_INVALID;
        *ret_pcap = pcap;
        return PCAP_OK;
}

PcapResult pcap_next(Pcap *pcap, PcapPacket *ret_packet, const char **ret_reason)
{
        const uint8_t *header = pcap->data + pcap->position;
        size_t left = pcap->size - pcap->position;
        uint32_t seconds, fraction, size;

        if (left == 0)
                return PCAP_END;
        if (left < PACKET_HEADER_SIZE)
                return PCAP_CUT;
        seconds = frame_load_u32(header, pcap->big_endian);
        fraction = frame_load_u32(header + 4, pcap->big_endian);
        size = frame_load_u32(header + 8, pcap->big_endian);
        *ret_reason = "a packet longer than any D-Bus message";
        if (size > FRAME_SIZE_MAX)
                return PCAP_INVALID;
        *ret_reason = "a packet's time has more than a second behind the point";
        if (fraction >= (pcap->nanoseconds ? 1000000000U : 1000000U))
                return PCAP_INVALID;
        if (size > left - PACKET_HEADER_SIZE)
                return PCAP_CUT;
        *ret_packet = (PcapPacket){
                .time_ns = seconds * UINT64_C(1000000000) +
                           fraction * (pcap->nanoseconds ? UINT64_C(1) : UINT64_C(1000)),
                .offset = pcap->position,
                .data = header + PACKET_HEADER_SIZE,
                .size = size,
                .original_size = frame_load_u32(header + 12, pcap->big_endian),
        };
        pcap->position += PACKET_HEADER_SIZE + size;
        return PCAP_OK;
}
