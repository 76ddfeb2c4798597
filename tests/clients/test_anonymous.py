#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What the bus writes of clients who have no uid: ANONYMOUS, over TCP, where there is no process
either. It starts daemons of its own, $RINGBUS_DAEMON and dbus-daemon."""

import re
import socket
import sys
import tempfile
import time
import unittest

import test_authentication as authentication
import test_tcp as tcp
from test_tcp import GLib, message

PATIENCE_S = authentication.PATIENCE_S
OPEN = ("<auth>ANONYMOUS</auth><allow_anonymous/><listen>tcp:host=127.0.0.1</listen>"
        '<limit name="max_outgoing_bytes">1000000</limit>'
        '<policy context="mandatory"><deny send_interface="org.freedesktop.DBus" '
        'send_member="ListNames"/></policy>')
NO_UID = "4294967295"


class AnonymousClient(tcp.RawClient):
    def __init__(self, address):
        where = tcp.keys(address)
        self.socket = socket.create_connection((where["host"], int(where["port"])), PATIENCE_S)
        self.received = b""
        self.socket.sendall(b"\0AUTH ANONYMOUS\r\n")
        assert self.read_line().startswith("OK ")
        self.socket.sendall(b"BEGIN\r\n" + message("call", 1, "Hello"))
        self.name = self.read_reply(1).get_body().unpack()[0]


class AnonymousTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.buses, self.clients = [], []

    def tearDown(self):
        for client in self.clients:
            client.socket.close()
        for bus in self.buses:
            self.assertEqual(bus.end(), 0, bus.log())
            self.assertNotIn(NO_UID, bus.log())

    def start(self, *arguments, **options):
        bus = authentication.Bus(self.folder, *arguments, auth=OPEN, **options)
        self.buses.append(bus)
        bus.tcp = tcp.part(bus.printed.strip(), "tcp")
        return bus

    def join(self, bus):
        client = AnonymousClient(bus.tcp)
        self.clients.append(client)
        return client

    def test_refusal_by_the_policy_is_told_as_by_the_reference(self):
        told = []
        for daemon in (authentication.DAEMON, authentication.REFERENCE):
            client = self.join(self.start(daemon))
            reply = client.ask("ListNames")
            self.assertEqual(reply.get_error_name(), "org.freedesktop.DBus.Error.AccessDenied")
            told.append(reply.get_body().unpack()[0])
            self.assertNotIn(NO_UID, told[-1])
        # There is no process 0: the reference takes "not known" for a number.
        self.assertEqual(told[0], told[1].replace('pid=0 comm=""', ""))

    def test_one_that_does_not_read_is_logged_as_anonymous(self):
        bus = self.start(arguments=("--stall-forgive=100", "--stall-close=500"))
        silent, sender = self.join(bus), self.join(bus)
        flood = b"".join(message("signal", 2 + i, "S", GLib.Variant("(s)", ("x" * 50000,)),
                                 silent.name) for i in range(100))
        pattern = "closing the connection " + re.escape(silent.name) + r" of (.*): it has read"
        until = time.monotonic() + PATIENCE_S
        while not re.search(pattern, bus.log()):
            self.assertLess(time.monotonic(), until, bus.log())
            sender.socket.sendall(flood)
            sender.ask("GetId")
        self.assertEqual(re.search(pattern, bus.log())[1], "process unknown, anonymous")

    def test_monitor_that_is_refused_is_logged_as_anonymous(self):
        bus = self.start()
        client = self.join(bus)
        call = tcp.Gio.DBusMessage.new_method_call(
            "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus.Monitoring",
            "BecomeMonitor")
        call.set_body(GLib.Variant("(asu)", ([], 0)))
        call.set_serial(5)
        client.socket.sendall(bytes(call.to_blob(tcp.Gio.DBusCapabilityFlags.NONE)))
        self.assertEqual(client.read_reply(5).get_error_name(),
                         "org.freedesktop.DBus.Error.AccessDenied")
        bus.wait_for_log("attempt to call BecomeMonitor by connection \"" + re.escape(client.name)
                         + "\" of process unknown, anonymous: only root and")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
