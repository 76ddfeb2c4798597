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
  hold_bus=1      does the same with calls of the bus, but for Hello; 2: with Hello, too
  order=1         notes the members of messages, in order
  lose_change=N   does not send the Nth NameOwnerChanged
"""

import json
import os
import selectors
import signal
import socket
import struct
import sys
import time

from fake_names import change_name
from fake_wire import (
    BUS, CALL, DESTINATION, ERROR, ERROR_NAME, INTERFACE, MEMBER, NO_REPLY, PATH, REPLY_SERIAL,
    RETURN, SENDER, SIGNAL, SIGNATURE, UNIX_FDS, Message, align, body_text, build)


class Client:
    def __init__(self, link, number):
        self.link, self.name = link, f":1.{number}"
        self.data, self.output = b"", b""
        self.fds_in = []  # received, of messages that are still to be cut
        self.fds_out = []  # position in the output, fds
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
        self.rule_texts = set()
        self.held, self.held_until = [], 0
        self.counted = {
            "connections": 0, "calls": 0, "oneways": 0, "returns": 0, "signals": 0,
            "deliveries": 0, "lost": 0, "refused": 0, "rules": {}, "rules_now": {},
            "most_outstanding": {}, "body_sizes": {}, "matches_of_a_delivery": {},
            "steps_of_handshakes": {}, "bus_calls": {}, "senders": {},
            "most_held": {}, "stamps": [], "fds": {}, "most_names": {}, "changes": 0,
            "members": {}, "most_held_in_all": 0, "most_rules": {}, "rule_keys": {}, "order": [],
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
            data, fds, _, _ = socket.recv_fds(client.link, 1 << 18, 64)
        except ConnectionError:
            data, fds = b"", []
        client.fds_in += fds
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
        for _, fds in client.fds_out:
            self.close_fds(fds)
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
            if self.options.get("hold_bus", 0) > (message.fields[MEMBER] == "Hello"):
                self.hold(client, message)
            else:
                self.answer(client, message)
            return
        n_fds = message.fields.get(UNIX_FDS, 0)
        message.fds, client.fds_in = client.fds_in[:n_fds], client.fds_in[n_fds:]
        if n_fds > 0:
            self.add("fds", str(len(message.fds)))
        self.add("body_sizes", str(message.body_size))
        self.add("members", message.fields.get(MEMBER, "(reply)"))
        self.note_order(message.fields.get(MEMBER))
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
        self.counted["most_held_in_all"] = max(self.counted["most_held_in_all"], len(self.held))
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

    @staticmethod
    def close_fds(fds):
        for fd in fds:
            os.close(fd)

    def route(self, client, message):
        if message.fields.get(DESTINATION) == BUS:
            self.answer(client, message)
            return
        stamped = self.stamp(client, message)
        if message.kind == SIGNAL and DESTINATION not in message.fields:
            for receiver in self.clients.values():
                n = sum(self.matches(rule, client.name, message) for rule in receiver.rules)
                if n > 0:
                    self.add("matches_of_a_delivery", str(n))
                    self.counted["deliveries"] += 1
                    self.send(receiver, stamped)
            return
        name = message.fields.get(DESTINATION)
        receiver = self.clients.get(name) or self.names.get(name)
        if receiver:
            self.counted["deliveries"] += 1
            if message.fds:
                receiver.fds_out.append([len(receiver.output), message.fds])
            self.send(receiver, stamped)
        elif message.kind == CALL:
            self.close_fds(message.fds)
            self.refuse(client, message)

    @staticmethod
    def stamp(client, message):
        fields = dict(message.fields)
        fields[SENDER] = client.name
        return build(message.kind, message.serial, fields, message.body, message.flags)

    @staticmethod
    def matches(rule, sender, message):
        fields = message.fields
        found = {"type": "signal", "interface": fields.get(INTERFACE), "member": fields.get(MEMBER),
                 "path": fields.get(PATH), "sender": sender, "arg0": message.text()}
        for key, value in rule.items():
            if key == "arg0namespace":
                if not (message.text() or "").startswith(value + "."):
                    return False
            elif key == "path_namespace":
                if fields[PATH] != value and not fields[PATH].startswith(value + "/"):
                    return False
            elif found[key] != value:
                return False
        return True

    def answer(self, client, message):
        member = message.fields[MEMBER]
        signature, body = "", b""
        self.add("bus_calls", member)
        self.note_order(member)
        if member == "Hello":
            self.clients[client.name] = client
            signature, body = "s", body_text(client.name)
        elif member in ("AddMatch", "RemoveMatch"):
            rule = dict(part.split("=", 1) for part in message.text().split(","))
            rule = {key: value.strip("'") for key, value in rule.items()}
            if member == "AddMatch":
                client.rules.append(rule)
                self.add("rules", client.name)
                self.add("rule_keys", " ".join(sorted(rule)))
                self.rule_texts.add(message.text())
                most = self.counted["most_rules"]
                most[client.name] = max(most.get(client.name, 0), len(client.rules))
            else:
                client.rules.remove(rule)
            self.counted["rules_now"][client.name] = len(client.rules)
        elif member == "GetConnectionUnixProcessID":
            signature, body = "u", struct.pack("<I", os.getpid())
        elif member in ("RequestName", "ReleaseName"):
            signature, body = "u", struct.pack("<I", change_name(self, client, message))
        elif member == "NameHasOwner":
            is_owned = message.text() in self.names or message.text() in self.clients
            signature, body = "b", struct.pack("<I", is_owned)
        elif member == "GetNameOwner" and message.text() in self.names:
            signature, body = "s", body_text(self.names[message.text()].name)
        else:
            self.refuse(client, message)
            return
        if message.flags & NO_REPLY:
            return
        fields = {REPLY_SERIAL: message.serial, SENDER: BUS, DESTINATION: client.name}
        if signature:
            fields[SIGNATURE] = signature
        self.send(client, build(RETURN, self.next_serial(), fields, body, NO_REPLY))

    def note_order(self, member):
        if "order" in self.options and member:
            self.counted["order"].append(member)

    def next_serial(self):
        self.serial += 1
        return self.serial

    @staticmethod
    def send(client, data):
        client.output += data

    def flush(self, client):
        while client.output:
            fds, end = [], len(client.output)
            for position, waiting in client.fds_out[:2]:
                if position > 0:
                    end = position
                    break
                fds = waiting
            try:
                n = socket.send_fds(client.link, [client.output[:end]], fds,
                                    socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
            except BlockingIOError:
                return
            except OSError:
                client.output = b""
                return
            if fds:
                self.close_fds(client.fds_out.pop(0)[1])
            client.output = client.output[n:]
            client.fds_out = [[position - n, waiting] for position, waiting in client.fds_out]


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
        bus.counted["distinct_rules"] = len(bus.rule_texts)
        print(json.dumps(bus.counted), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
