# SPDX-License-Identifier: Apache-2.0
"""The format of messages, little-endian, written down independently of the program under test, from
the specification: "Message Format"."""

import struct

CALL, RETURN, ERROR, SIGNAL = 1, 2, 3, 4
NO_REPLY = 1
PATH, INTERFACE, MEMBER, ERROR_NAME, REPLY_SERIAL, DESTINATION, SENDER, SIGNATURE = range(1, 9)
UNIX_FDS = 9
BUS = "org.freedesktop.DBus"


def align(position, to=8):
    return (position + to - 1) // to * to


class Message:
    """One received message, little-endian."""

    def __init__(self, data):
        self.kind, self.flags = data[1], data[2]
        self.body_size, self.serial, fields_size = struct.unpack_from("<III", data, 4)
        self.fields, self.fds = {}, []
        self.body = data[align(16 + fields_size):]
        at = 16
        while at < 16 + fields_size:
            code, kind = data[at], chr(data[at + 2])
            if kind in "so":
                size = struct.unpack_from("<I", data, at + 4)[0]
                self.fields[code] = data[at + 8:at + 8 + size].decode()
                at += 8 + size + 1
            elif kind == "g":
                self.fields[code] = data[at + 5:at + 5 + data[at + 4]].decode()
                at += 5 + data[at + 4] + 1
            else:
                self.fields[code] = struct.unpack_from("<I", data, at + 4)[0]
                at += 8
            at = align(at)

    def text(self):
        """The first argument, if it is a text."""
        if not self.fields.get(SIGNATURE, "").startswith("s"):
            return None
        size = struct.unpack_from("<I", self.body, 0)[0]
        return self.body[4:4 + size].decode()


def build(kind, serial, fields, body=b"", flags=0):
    header = b""
    for code, value in sorted(fields.items()):
        header += b"\0" * (align(len(header)) - len(header))
        if isinstance(value, int):
            header += struct.pack("<BBcBI", code, 1, b"u", 0, value)
        elif code == SIGNATURE:
            header += struct.pack("<BBcBB", code, 1, b"g", 0, len(value)) + value.encode() + b"\0"
        else:
            letter = b"o" if code == PATH else b"s"
            header += struct.pack("<BBcBI", code, 1, letter, 0, len(value)) + value.encode() + b"\0"
    fixed = struct.pack("<cBBBIII", b"l", kind, flags, 1, len(body), serial, len(header))
    return fixed + header + b"\0" * (align(len(header)) - len(header)) + body


def body_text(text):
    return struct.pack("<I", len(text)) + text.encode() + b"\0"


def body_texts(*texts):
    body = b""
    for text in texts:
        body += b"\0" * (align(len(body), 4) - len(body)) + body_text(text)
    return body
