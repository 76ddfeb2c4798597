# SPDX-License-Identifier: Apache-2.0
"""Trace files and pcap files by their description alone (docs/TRACE.md), to compare with."""

import struct
import types

MAGIC = b"rbtrace\n"
END, FACT, STRING, PEER, GONE, NAME, RULE, MESSAGE = range(8)
CALL, RETURN, ERROR, SIGNAL = 1, 2, 3, 4


def number(value):
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def record(kind, *numbers, tail=b""):
    body = b"".join(number(value) for value in numbers) + tail
    return number(kind) + number(len(body)) + body


def header(flags=0):
    return MAGIC + struct.pack("<HHI", 1, flags, 0)


def fact(key, value):
    return record(FACT, tail=number(len(key)) + key + number(len(value)) + value)


def message(delta, kind, sender, receiver, **fields):
    """receiver: as in the file, the peer's number + 1; 0: broadcast."""
    names = ("flags", "big_endian")
    values = [delta, kind] + [fields.get(name, 0) for name in names] + [sender, receiver]
    for name in ("destination", "serial", "distance", "path", "interface", "member", "error",
                 "signature", "body_size", "n_fds"):
        values.append(fields.get(name, 0))
    return record(MESSAGE, *values, 0)


def example():
    """Two peers: one calls the other, which answers after 250 ms, then tells everybody."""
    strings = [b":1.7", b":1.8", b"com.example.Name", b"/path", b"com.example.Interface",
               b"Frobnicate", b"s", b"Frobnicated", b"a{sv}",
               b"type='signal',interface='com.example.Interface',sender=':1.8'"]
    data = header() + fact(b"bus", b"by hand")
    data += b"".join(record(STRING, tail=text) for text in strings)
    data += record(PEER, 0, 1, 1) + record(PEER, 0, 2, 1)
    data += record(NAME, 0, 3, 0, 2, 1)
    data += record(RULE, 0, 1, 10, 1, 1)
    data += message(10_000_000, CALL, 1, 3, destination=3, serial=5, path=4, interface=5, member=6,
                    signature=7, body_size=20)
    data += message(250_000_000, RETURN, 2, 2, destination=1, serial=6, distance=1, signature=7,
                    body_size=9)
    data += message(0, SIGNAL, 2, 0, serial=7, path=4, interface=5, member=8, signature=9,
                    body_size=300)
    return data + record(END, 1_000_000, 2, 3)


class Reader:
    def __init__(self, data):
        self.data, self.position = data, 0

    def number(self):
        value = shift = 0
        while True:
            byte = self.data[self.position]
            self.position += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value


def decode(data):
    """Strings by number, and messages with what a test looks at."""
    assert data[:16] == header()
    trace = types.SimpleNamespace(strings=[None], messages=[])
    reader = Reader(data)
    reader.position = 16
    while True:
        kind, size = reader.number(), reader.number()
        body = Reader(data[reader.position:reader.position + size])
        reader.position += size
        if kind == STRING:
            trace.strings.append(body.data.decode())
        elif kind == MESSAGE:
            values = [body.number() for _ in range(16)]
            trace.messages.append(types.SimpleNamespace(
                type=values[1], member=values[11], body_size=values[14]))
        elif kind == END:
            assert reader.position == len(data)
            return trace


def pcap(packets):
    data = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 1 << 27, 231)
    for packet in packets:
        data += struct.pack("<IIII", 1, 2, len(packet), len(packet)) + packet
    return data
