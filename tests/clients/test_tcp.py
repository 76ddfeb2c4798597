#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A bus over TCP, with cookies in a home of the test's own: what its clients are to the bus, and
that messages of every size arrive, in order, whoever resets or does not read."""

import atexit
import hashlib
import os
import shutil
import socket
import struct
import sys
import tempfile
import time
import unittest

HOME = tempfile.mkdtemp(prefix="ringbus-home-")
os.environ["HOME"] = HOME  # before GLib asks for it, which it does once
atexit.register(shutil.rmtree, HOME)

import gi  # noqa: E402

gi.require_version("Gio", "2.0")
from gi.repository import Gio, GLib  # noqa: E402

from test_credentials import credentials  # noqa: E402
from test_daemon import PATIENCE_S, Daemon, call  # noqa: E402

LISTEN = "unix:tmpdir=/tmp</listen><auth>DBUS_COOKIE_SHA1</auth><listen>tcp:host=%s"
MANY, SIZE, BIG = 5000, 500, 6_000_000


def part(address, transport):
    return next(one for one in address.split(";") if one.startswith(transport + ":"))


def keys(address):
    return dict(pair.split("=") for pair in address.split(":", 1)[1].split(","))


def connect(address):
    return Gio.DBusConnection.new_for_address_sync(
        address, Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT
        | Gio.DBusConnectionFlags.MESSAGE_BUS_CONNECTION, None, None)


def message(kind, serial, member, body=None, to=None, reply_to=None):
    if kind == "signal":
        one = Gio.DBusMessage.new_signal("/t", "t.I", member)
    else:
        one = Gio.DBusMessage.new_method_call(
            "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", member)
    if to:
        one.set_destination(to)
    one.set_serial(serial)
    if body:
        one.set_body(body)
    return bytes(one.to_blob(Gio.DBusCapabilityFlags.NONE))


class RefusedError(Exception):
    """Hello was answered with this error."""


class RawClient:
    """A client on bytes: says only what a test says, and reads only when it is told to."""

    def __init__(self, address):
        where = keys(address)
        self.socket = socket.create_connection((where["host"].replace("%3a", ":"),
                                                int(where["port"])), PATIENCE_S)
        self.received = b""
        uid = str(os.getuid()).encode().hex()
        self.socket.sendall(b"\0AUTH DBUS_COOKIE_SHA1 %s\r\n" % uid.encode())
        context, number, challenge = bytes.fromhex(self.read_line().split()[1]).decode().split()
        with open("%s/.dbus-keyrings/%s" % (HOME, context), encoding="ascii") as file:
            cookies = {line.split()[0]: line.split()[2] for line in file}
        proof = hashlib.sha1(("%s:abc:%s" % (challenge, cookies[number])).encode()).hexdigest()
        self.socket.sendall(b"DATA %s\r\n" % ("abc " + proof).encode().hex().encode())
        assert self.read_line().startswith("OK ")
        self.socket.sendall(b"NEGOTIATE_UNIX_FD\r\n")
        self.fd_answer = self.read_line()
        self.socket.sendall(b"BEGIN\r\n" + message("call", 1, "Hello"))
        reply = self.read_reply(1)
        if reply.get_message_type() != Gio.DBusMessageType.METHOD_RETURN:
            self.socket.close()
            raise RefusedError(reply.get_error_name())
        self.name = reply.get_body().unpack()[0]

    def read_more(self):
        piece = self.socket.recv(1 << 20)
        if not piece:
            raise ConnectionError("the bus closed the connection")
        self.received += piece

    def read_line(self):
        while b"\r\n" not in self.received:
            self.read_more()
        line, self.received = self.received.split(b"\r\n", 1)
        return line.decode()

    def read_message(self):
        """Its bytes."""
        while len(self.received) < 16:
            self.read_more()
        size = Gio.DBusMessage.bytes_needed(self.received[:16])
        while len(self.received) < size:
            self.read_more()
        one, self.received = self.received[:size], self.received[size:]
        return one

    def read_reply(self, serial):
        while True:
            one = Gio.DBusMessage.new_from_blob(self.read_message(), Gio.DBusCapabilityFlags.NONE)
            if one.get_reply_serial() == serial:
                return one

    def ask(self, member, body=None):
        self.socket.sendall(message("call", 9, member, body))
        return self.read_reply(9)

    def reset(self):
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()


class TcpCase(unittest.TestCase):
    host = "127.0.0.1"
    limits = ""

    def setUp(self):
        self.daemon = Daemon(listen=LISTEN % self.host, limits=self.limits)
        self.tcp = part(self.daemon.address, "tcp")
        self.clients = []
        self.addCleanup(lambda: [client.socket.close() for client in self.clients])

    def tearDown(self):
        self.assertEqual(self.daemon.end(), 0)

    def join(self):
        client = RawClient(self.tcp)
        self.clients.append(client)
        return client


class TcpTest(TcpCase):
    def test_cookie_user_is_known_by_the_uid_only(self):
        connection = connect(self.tcp)
        name = GLib.Variant("(s)", (connection.get_unique_name(),))
        pairs, pidfd = credentials(connection, connection.get_unique_name())
        self.assertEqual(pairs, [("UnixUserID", os.getuid())])
        self.assertIsNone(pidfd)
        self.assertEqual(call(connection, "GetConnectionUnixUser", name)[0].unpack(),
                         (os.getuid(),))
        with self.assertRaises(GLib.Error) as caught:
            call(connection, "GetConnectionUnixProcessID", name)
        self.assertIn("UnixProcessIdUnknown", str(caught.exception))
        connection.close_sync(None)

    def test_fds_are_neither_negotiated_nor_delivered(self):
        receiver = self.join()
        self.assertTrue(receiver.fd_answer.startswith("ERROR "), receiver.fd_answer)
        sender = connect(part(self.daemon.address, "unix"))
        fds = Gio.UnixFDList.new()
        fds.append(0)
        with self.assertRaises(GLib.Error) as caught:
            sender.call_with_unix_fd_list_sync(
                receiver.name, "/t", "t.I", "Take", GLib.Variant("(h)", (0,)), None,
                Gio.DBusCallFlags.NONE, -1, fds, None)
        self.assertIn("NotSupported", str(caught.exception))
        sender.close_sync(None)

    def test_messages_of_every_size_arrive_in_order(self):
        sender, receiver = self.join(), self.join()
        sizes = [0, 1, 1400, 65536, BIG, 3, 300_000, 0]
        bodies = [os.urandom(size) for size in sizes]
        stream = b"".join(
            message("signal", 100 + i, "M%d" % i, GLib.Variant.new_tuple(
                GLib.Variant.new_from_bytes(GLib.VariantType("ay"), GLib.Bytes.new(body), True)),
                    receiver.name)
            for i, body in enumerate(bodies))
        pid = os.fork()
        if pid == 0:
            sender.socket.sendall(stream)
            os._exit(0)
        for i, body in enumerate(bodies):
            one = receiver.read_message()
            while b"NameAcquired" in one[:200]:
                one = receiver.read_message()
            self.assertIn(b"M%d" % i, one[:200])
            self.assertTrue(one.endswith(body))
        self.assertEqual(os.waitpid(pid, 0)[1], 0)

    def test_one_that_does_not_read_holds_up_nobody_and_gets_all(self):
        sender, slow = self.join(), self.join()
        for i in range(MANY):
            sender.socket.sendall(message("signal", 100 + i, "S%05d" % i,
                                          GLib.Variant("(s)", ("x" * SIZE,)), slow.name))
        self.assertEqual(sender.ask("NameHasOwner", GLib.Variant("(s)", (slow.name,)))
                         .get_body().unpack(), (True,))
        seen = 0
        while seen < MANY:
            one = slow.read_message()
            if b"NameAcquired" in one[:200]:
                continue
            self.assertIn(b"S%05d" % seen, one[:200])
            seen += 1

    def test_reset_is_the_end_of_one_client_only(self):
        watcher = self.join()
        gone = [self.join() for _ in range(10)]
        for i, client in enumerate(gone):
            if i % 2:  # with a part of a message under way
                client.socket.sendall(message("signal", 5, "Half")[:40])
            client.reset()
        until = time.monotonic() + PATIENCE_S
        for client in gone:
            while watcher.ask("NameHasOwner", GLib.Variant("(s)", (client.name,))).get_body() \
                    .unpack()[0]:
                self.assertLess(time.monotonic(), until)


def has_ipv6():
    """Containers may have no ::1."""
    with socket.socket(socket.AF_INET6) as one:
        try:
            one.bind(("::1", 0))
        except OSError:
            return False
    return True


@unittest.skipUnless(has_ipv6(), "this machine has no ::1")
class TcpOverIpv6Test(TcpTest):
    host = "%3a%3a1"


class TcpLimitsTest(TcpCase):
    limits = '<limit name="max_connections_per_user">12</limit>'

    def test_cookie_clients_count_for_their_user(self):
        for _ in range(12):
            self.join()
        with self.assertRaises(RefusedError) as caught:
            self.join()
        self.assertIn("LimitsExceeded", str(caught.exception))
        self.clients.pop().reset()
        until = time.monotonic() + PATIENCE_S
        while True:
            try:
                self.join()
                break
            except RefusedError:
                self.assertLess(time.monotonic(), until)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
