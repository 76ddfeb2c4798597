# SPDX-License-Identifier: Apache-2.0
"""pcap.py FILE TEXT: how many of the D-Bus messages in a pcap file contain the text. Each must be
whole; the last packet may be cut off, for the file may still be written to."""
import struct
import sys

LINKTYPE_DBUS = 231


def packets(data):
    order = "<" if data[:4] in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1") else ">"
    if len(data) < 24 or struct.unpack(order + "I", data[20:24])[0] != LINKTYPE_DBUS:
        return
    at = 24
    while at + 16 <= len(data):
        size = struct.unpack(order + "I", data[at + 8:at + 12])[0]
        if at + 16 + size > len(data):
            return
        yield data[at + 16:at + 16 + size]
        at += 16 + size


def message_size(packet):
    order = "<" if packet[:1] == b"l" else ">"
    body, _, fields = struct.unpack(order + "III", packet[4:16])
    return 16 + (fields + 7) // 8 * 8 + body


def main():
    with open(sys.argv[1], "rb") as file:
        found = list(packets(file.read()))
    for packet in found:
        if packet[:1] not in (b"l", b"B") or message_size(packet) != len(packet):
            sys.exit(f"no whole message: {packet!r}")
    print(sum(sys.argv[2].encode() in packet for packet in found))


main()
