#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""fake_bus.py: a bus that counts what its clients do, for tests of load generators.

Usage: fake_bus.py SOCKET [KEY=VALUE...]

Listens at SOCKET and says "ready". Authenticates anybody, answers Hello, AddMatch, RemoveMatch,
RequestName, ReleaseName and GetConnectionUnixProcessID, passes messages on by unique or well-known
name, and signals to those with a matching rule. Ends with SIGTERM, or when standard input does, and
prints what it has counted as one line of JSON.

  delay_us=N      spins so long for each message that it passes on
  stall_after=N   reads nothing more after so many messages passed on
  die_after=N     ends with status 7 after so many, after a line on standard error
  lose=N          throws the Nth message away instead of passing it on
  hold_ms=N       passes nothing on until so long after the first message that waits; counts how
                  many of each client wait then
  stamps=1        notes the first eight bytes of each call's array of bytes
  refuse_every=N  answers each Nth call with com.example.Refused instead of passing it on

The format of messages is written down here independently, from the specification: "Message Format".
"""

import json
import os
import selectors
import signal
import socket
import struct
import sys
import time

CALL, RETURN, ERROR, SIGNAL = 1, 2, 3, 4
NO_REPLY = 1
PATH, INTERFACE, MEMBER, ERROR_NAME, REPLY_SERIAL, DESTINATION, SENDER, SIGNATURE = range(1, 9)
BUS = "org.freedesktop.DBus"


def align(position, to=8):
    return (position + to - 1) // to * to


class Message:
    """One received message, little-endian."""

    def __init__(self, data):
        self.kind, self.flags = data[1], data[2]
        self.body_size, self.serial, fields_size = struct.unpack_from("<III", data, 4)
        self.fields = {}
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


class Client:
    def __init__(self, link, number):
        self.link, self.name = link, f":1.{number}"
        self.data, self.output = b"", b""
        self.is_logged_in = False
        self.rules = []
        self.outstanding = set()  # serials of its calls that wait for a reply
        self.steps = 0  # reads until it was logged in


class Bus:
    def __init__(self, path, options):
        self.options = options
        self.selector = selectors.DefaultSelector()
        self.clients, self.names = {}, {}
        self.n_connections = self.serial = self.n_passed = self.n_calls = 0
        self.is_stalled = False
        self.held, self.held_until = [], 0
        self.counted = {
            "connections": 0, "calls": 0, "oneways": 0, "returns": 0, "signals": 0,
            "deliveries": 0, "lost": 0, "refused": 0, "rules": {}, "rules_now": {},
            "most_outstanding": {}, "body_sizes": {}, "matches_of_a_delivery": {},
            "steps_of_handshakes": {}, "bus_calls": {}, "senders": {},
            "most_held": {}, "stamps": [],
        }
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen(1000)
        self.selector.register(self.listener, selectors.EVENT_READ, None)

    def add(self, what, key, n=1):
        self.counted[what][key] = self.counted[what].get(key, 0) + n

    def serve(self):
        while True:
            for key, _ in self.selector.select(0.005 if self.held else 0.05):
                if key.data is None:
                    self.accept()
                elif key.fileobj is sys.stdin:
                    if not os.read(0, 100):
                        return
                elif not self.is_stalled:
                    self.read(key.data)
            if self.is_stalled:
                time.sleep(0.01)
            self.let_go()
            for client in list(self.clients.values()):
                self.flush(client)

    def accept(self):
        link = self.listener.accept()[0]
        client = Client(link, self.n_connections)
        self.n_connections += 1
        self.counted["connections"] += 1
        self.selector.register(link, selectors.EVENT_READ, client)

    def read(self, client):
        try:
            data = client.link.recv(1 << 18)
        except ConnectionError:
            data = b""
        if not data:
            self.leave(client)
            return
        client.data += data
        if not client.is_logged_in:
            client.steps += 1
            self.log_in(client)
        if client.is_logged_in:
            self.cut(client)

    def leave(self, client):
        self.selector.unregister(client.link)
        client.link.close()
        self.clients.pop(client.name, None)
        self.counted["rules_now"].pop(client.name, None)
        self.names = {name: owner for name, owner in self.names.items() if owner is not client}

    def log_in(self, client):
        while b"\r\n" in client.data:
            line, client.data = client.data.split(b"\r\n", 1)
            line = line.lstrip(b"\0")
            if line.startswith(b"AUTH EXTERNAL "):
                client.output += b"OK 0123456789abcdef0123456789abcdef\r\n"
            elif line == b"NEGOTIATE_UNIX_FD":
                client.output += b"AGREE_UNIX_FD\r\n"
            elif line == b"BEGIN":
                client.is_logged_in = True
                self.add("steps_of_handshakes", str(client.steps))
                break
            else:
                client.output += b"ERROR\r\n"
        self.flush(client)

    def cut(self, client):
        data, at = client.data, 0
        while len(data) - at >= 16:
            body, _, fields = struct.unpack_from("<III", data, at + 4)
            size = align(16 + fields) + body
            if len(data) - at < size:
                break
            self.handle(client, data[at:at + size])
            at += size
        client.data = data[at:]

    def handle(self, client, data):
        message = Message(data)
        if message.fields.get(DESTINATION) == BUS:
            self.answer(client, message)
            return
        self.add("body_sizes", str(message.body_size))
        self.add("senders", client.name)
        self.count(client, message)
        self.n_passed += 1
        if self.options.get("die_after") == self.n_passed:
            print("fake_bus: the end has come", file=sys.stderr, flush=True)
            os._exit(7)
        if self.options.get("stall_after") == self.n_passed:
            self.is_stalled = True
        if "delay_us" in self.options:
            until = time.thread_time() + self.options["delay_us"] / 1e6
            while time.thread_time() < until:
                pass
        if self.options.get("lose") == self.n_passed:
            self.counted["lost"] += 1
            return
        if message.kind == CALL and self.is_refused():
            self.refuse(client, message)
            return
        if "stamps" in self.options and message.kind == CALL:
            self.counted["stamps"].append(struct.unpack_from("<Q", message.body, 4)[0])
        self.hold(client, message)

    def hold(self, client, message):
        if "hold_ms" not in self.options:
            self.route(client, message)
            return
        if not self.held:
            self.held_until = time.monotonic() + self.options["hold_ms"] / 1000
        self.held.append((client, message))

    def let_go(self):
        if not self.held or time.monotonic() < self.held_until:
            return
        most = self.counted["most_held"]
        for client, _ in self.held:
            n = sum(other is client for other, _ in self.held)
            most[client.name] = max(most.get(client.name, 0), n)
        for client, message in self.held:
            self.route(client, message)
        self.held = []

    def is_refused(self):
        self.n_calls += 1
        return self.n_calls % self.options.get("refuse_every", self.n_calls + 1) == 0

    def refuse(self, client, message):
        self.counted["refused"] += 1
        client.outstanding.discard(message.serial)
        self.send(client, build(ERROR, self.next_serial(), {
            ERROR_NAME: "com.example.Refused", REPLY_SERIAL: message.serial, SENDER: BUS,
            DESTINATION: client.name, SIGNATURE: "s"}, body_text("no"), NO_REPLY))

    def count(self, client, message):
        if message.kind == CALL and message.flags & NO_REPLY:
            self.counted["oneways"] += 1
        elif message.kind == CALL:
            self.counted["calls"] += 1
            client.outstanding.add(message.serial)
            most = self.counted["most_outstanding"]
            most[client.name] = max(most.get(client.name, 0), len(client.outstanding))
        elif message.kind in (RETURN, ERROR):
            self.counted["returns"] += 1
            caller = self.clients.get(message.fields[DESTINATION])
            if caller:
                caller.outstanding.remove(message.fields[REPLY_SERIAL])
        else:
            self.counted["signals"] += 1

    def route(self, client, message):
        stamped = self.stamp(client, message)
        if message.kind == SIGNAL and DESTINATION not in message.fields:
            for receiver in self.clients.values():
                n = sum(self.matches(rule, client, message) for rule in receiver.rules)
                if n > 0:
                    self.add("matches_of_a_delivery", str(n))
                    self.counted["deliveries"] += 1
                    self.send(receiver, stamped)
            return
        name = message.fields.get(DESTINATION)
        receiver = self.clients.get(name) or self.names.get(name)
        if receiver:
            self.counted["deliveries"] += 1
            self.send(receiver, stamped)
        elif message.kind == CALL:
            self.refuse(client, message)

    @staticmethod
    def stamp(client, message):
        fields = dict(message.fields)
        fields[SENDER] = client.name
        return build(message.kind, message.serial, fields, message.body, message.flags)

    @staticmethod
    def matches(rule, client, message):
        fields = message.fields
        found = {"type": "signal", "interface": fields.get(INTERFACE), "member": fields.get(MEMBER),
                 "path": fields.get(PATH), "sender": client.name, "arg0": message.text()}
        for key, value in rule.items():
            if key == "path_namespace":
                if fields[PATH] != value and not fields[PATH].startswith(value + "/"):
                    return False
            elif found[key] != value:
                return False
        return True

    def answer(self, client, message):
        member = message.fields[MEMBER]
        signature, body = "", b""
        self.add("bus_calls", member)
        if member == "Hello":
            self.clients[client.name] = client
            signature, body = "s", body_text(client.name)
        elif member in ("AddMatch", "RemoveMatch"):
            rule = dict(part.split("=", 1) for part in message.text().split(","))
            rule = {key: value.strip("'") for key, value in rule.items()}
            if member == "AddMatch":
                client.rules.append(rule)
                self.add("rules", client.name)
            else:
                client.rules.remove(rule)
            self.counted["rules_now"][client.name] = len(client.rules)
        elif member == "GetConnectionUnixProcessID":
            signature, body = "u", struct.pack("<I", os.getpid())
        elif member == "RequestName":
            self.names[message.text()] = client
            signature, body = "u", struct.pack("<I", 1)
        elif member == "ReleaseName":
            self.names.pop(message.text(), None)
            signature, body = "u", struct.pack("<I", 1)
        else:
            self.refuse(client, message)
            return
        if message.flags & NO_REPLY:
            return
        fields = {REPLY_SERIAL: message.serial, SENDER: BUS, DESTINATION: client.name}
        if signature:
            fields[SIGNATURE] = signature
        self.send(client, build(RETURN, self.next_serial(), fields, body, NO_REPLY))

    def next_serial(self):
        self.serial += 1
        return self.serial

    @staticmethod
    def send(client, data):
        client.output += data

    def flush(self, client):
        if not client.output:
            return
        try:
            n = client.link.send(client.output, socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
        except BlockingIOError:
            return
        except OSError:
            client.output = b""
            return
        client.output = client.output[n:]


def main():
    if len(sys.argv) < 2 or sys.argv[1] in ("-h", "--help"):
        print(__doc__)
        return 0 if len(sys.argv) > 1 else 2
    options = {key: int(value) for key, value in (word.split("=") for word in sys.argv[2:])}
    bus = Bus(sys.argv[1], options)
    bus.selector.register(sys.stdin, selectors.EVENT_READ, 0)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    print("ready", flush=True)
    try:
        bus.serve()
    finally:
        print(json.dumps(bus.counted), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
