#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""File descriptors over GDBus, both ways: in a call, in a reply, and many at once."""

import os
import subprocess
import sys
import unittest

import gi

gi.require_version("Gio", "2.0")
from gi.repository import Gio, GLib  # noqa: E402

NAME = "t.ringbus.Fds"
PATH = "/t/ringbus/Fds"
INTERFACE = "t.ringbus.Fds"
XML = """
<node><interface name='t.ringbus.Fds'>
  <method name='Read'><arg type='h' direction='in'/><arg type='s' direction='out'/></method>
  <method name='Open'><arg type='s' direction='in'/><arg type='h' direction='out'/></method>
  <method name='Swap'><arg type='ah' direction='in'/><arg type='ah' direction='out'/></method>
</interface></node>
"""


def fd_with(text):
    """The reading end of a pipe that holds the text."""
    reading, writing = os.pipe()
    os.write(writing, text.encode())
    os.close(writing)
    return reading


def text_of(fd):
    with os.fdopen(fd, "rb") as file:
        return file.read().decode()


def handle_call(_connection, _sender, _path, _interface, method, parameters, invocation):
    received = invocation.get_message().get_unix_fd_list()
    if method == "Read":
        text = text_of(received.get(parameters.unpack()[0]))
        invocation.return_value(GLib.Variant("(s)", (text,)))
        return
    answer = Gio.UnixFDList.new()
    if method == "Open":
        fd = fd_with(parameters.unpack()[0])
        value = GLib.Variant("(h)", (answer.append(fd),))
        os.close(fd)
    else:
        fds = [received.get(index) for index in parameters.unpack()[0]]
        value = GLib.Variant("(ah)", ([answer.append(fd) for fd in reversed(fds)],))
        for fd in fds:
            os.close(fd)
    invocation.return_value_with_unix_fd_list(value, answer)


def serve():
    info = Gio.DBusNodeInfo.new_for_xml(XML)

    def acquired(connection, _name):
        connection.register_object(PATH, info.interfaces[0], handle_call, None, None)

    Gio.bus_own_name(Gio.BusType.SESSION, NAME, Gio.BusNameOwnerFlags.NONE, acquired,
                     lambda *_: print("ready", flush=True), lambda *_: sys.exit(1))
    GLib.MainLoop().run()


class TestFds(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = subprocess.Popen([sys.executable, os.path.abspath(__file__), "serve"],
                                      stdout=subprocess.PIPE)
        assert cls.server.stdout.readline() == b"ready\n"
        cls.bus = Gio.bus_get_sync(Gio.BusType.SESSION)

    @classmethod
    def tearDownClass(cls):
        cls.server.terminate()
        cls.server.wait()
        cls.server.stdout.close()

    def call(self, method, value, fds=None):
        return self.bus.call_with_unix_fd_list_sync(
            NAME, PATH, INTERFACE, method, value, None, Gio.DBusCallFlags.NONE, 60000, fds, None)

    def test_the_connection_can_pass_fds(self):
        self.assertTrue(self.bus.get_capabilities() & Gio.DBusCapabilityFlags.UNIX_FD_PASSING)

    def test_fd_in_a_call(self):
        for number in range(50):
            fds = Gio.UnixFDList.new()
            fd = fd_with("call %d" % number)
            value = GLib.Variant("(h)", (fds.append(fd),))
            os.close(fd)
            reply, _ = self.call("Read", value, fds)
            self.assertEqual(reply.unpack(), ("call %d" % number,))

    def test_fd_in_a_reply(self):
        for number in range(50):
            text = "reply %d" % number
            reply, fds = self.call("Open", GLib.Variant("(s)", (text,)))
            self.assertEqual(text_of(fds.get(reply.unpack()[0])), text)

    def test_many_fds_both_ways_in_order(self):
        fds = Gio.UnixFDList.new()
        indexes = []
        for number in range(16):
            fd = fd_with("fd %d" % number)
            indexes.append(fds.append(fd))
            os.close(fd)
        reply, back = self.call("Swap", GLib.Variant("(ah)", (indexes,)), fds)
        texts = [text_of(back.get(index)) for index in reply.unpack()[0]]
        self.assertEqual(texts, ["fd %d" % number for number in reversed(range(16))])


if __name__ == "__main__":
    if sys.argv[1:] == ["serve"]:
        serve()
    else:
        unittest.main(verbosity=2)
