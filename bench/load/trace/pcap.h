/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BENCH_LOAD_TRACE_PCAP_H
#define RINGBUS_BENCH_LOAD_TRACE_PCAP_H

/*
 * The classic pcap format with link type DBUS (231), as `dbus-monitor --pcap` and `busctl capture`
 * write it: either byte order, microseconds or nanoseconds. Each packet is one D-Bus message.
 * Format: draft-ietf-opsawg-pcap. Pure: no allocation, no I/O; nothing in the file is believed.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct Pcap {
        const uint8_t *data;
        size_t size;
        size_t position; /* of the next packet */
        bool big_endian;
        bool nanoseconds;
} Pcap;

typedef struct PcapPacket {
        uint64_t time_ns; /* since 1970 */
        size_t offset;    /* of the packet's header in the file */
        const uint8_t *data;
        uint32_t size;
        uint32_t original_size; /* more than `size`: the capture cut it short */
} PcapPacket;

typedef enum PcapResult {
        PCAP_OK,
        PCAP_END,     /* no packet is left */
        PCAP_CUT,     /* the file ends in the middle of a packet */
        PCAP_INVALID, /* with a reason */
} PcapResult;

/* Reads the file's header. PCAP_OK, or PCAP_INVALID with *ret_reason a static English phrase. */
PcapResult pcap_open(Pcap *ret_pcap, const uint8_t *data, size_t size, const char **ret_reason);

/* The next packet, which points into the file. On PCAP_INVALID *ret_reason says why and
 * pcap->position where. *ret_packet is written only on PCAP_OK. */
PcapResult pcap_next(Pcap *pcap, PcapPacket *ret_packet, const char **ret_reason);

#endif
