#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A client of python3-dbus talks to service.py: methods, errors, signals, properties, names."""

import os
import subprocess
import sys
import unittest

import dbus
import dbus.mainloop.glib
from gi.repository import GLib

NAME = "t.ringbus.Service"
PATH = "/t/ringbus/Object"
INTERFACE = "t.ringbus.Interface"
SERVICE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "service.py")
TIMEOUT_S = 60


def run_until(condition):
    """Runs the main loop until the condition holds; fails the test after TIMEOUT_S."""
    late = []
    timer = GLib.timeout_add_seconds(TIMEOUT_S, lambda: late.append(True))
    while not condition() and not late:
        GLib.MainContext.default().iteration(True)
    if late:
        raise AssertionError("nothing came within %d s" % TIMEOUT_S)
    GLib.source_remove(timer)


class TestClient(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.service = subprocess.Popen([sys.executable, SERVICE], stdout=subprocess.PIPE)
        assert cls.service.stdout.readline() == b"ready\n"
        cls.bus = dbus.SessionBus()
        cls.object = cls.bus.get_object(NAME, PATH)
        cls.proxy = dbus.Interface(cls.object, INTERFACE)

    @classmethod
    def tearDownClass(cls):
        cls.service.terminate()
        cls.service.wait()
        cls.service.stdout.close()

    def test_methods_return_what_was_sent(self):
        self.assertEqual(self.proxy.Echo("grüße"), "grüße")
        self.assertEqual(self.proxy.Add(1, -3), -2)
        values = {"a": dbus.UInt64(2**63), "b": dbus.Array([1.5], signature="d")}
        self.assertEqual(self.proxy.EchoDictionary(values), values)

    def test_large_bodies_come_back_whole(self):
        data = bytes(n * 7 & 255 for n in range(3000000))
        self.assertEqual(bytes(self.proxy.EchoBytes(dbus.ByteArray(data), byte_arrays=True)), data)

    def test_sender_is_the_unique_name(self):
        self.assertEqual(self.proxy.WhoAmI(), self.bus.get_unique_name())

    def test_errors_keep_their_name(self):
        with self.assertRaises(dbus.DBusException) as caught:
            self.proxy.Refuse()
        self.assertEqual(caught.exception.get_dbus_name(), "t.ringbus.Error.Refused")
        self.assertIn("as asked", caught.exception.get_dbus_message())

    def test_signals_arrive_in_order_and_stop_after_removal(self):
        got = []
        match = self.proxy.connect_to_signal("Noted", lambda text, n: got.append((text, int(n))))
        self.proxy.Emit("order", dbus.UInt32(200))
        run_until(lambda: len(got) >= 200)
        self.assertEqual(got, [("order", n) for n in range(200)])
        match.remove()
        self.proxy.Emit("removed", dbus.UInt32(1))
        self.proxy.Echo("barrier")
        while GLib.MainContext.default().iteration(False):
            pass
        self.assertEqual(len(got), 200)

    def test_signals_are_matched_by_their_argument(self):
        got = []
        self.proxy.connect_to_signal("Noted", lambda text, n: got.append(text), arg0="this")
        self.proxy.Emit("that", dbus.UInt32(3))
        self.proxy.Emit("this", dbus.UInt32(1))
        run_until(lambda: got)
        self.assertEqual(got, ["this"])

    def test_properties_change_and_announce_it(self):
        changes = []
        properties = dbus.Interface(self.object, dbus.PROPERTIES_IFACE)
        properties.connect_to_signal("PropertiesChanged", lambda *all: changes.append(all))
        self.assertEqual(properties.Get(INTERFACE, "Title"), "a title")
        properties.Set(INTERFACE, "Level", dbus.Int32(11))
        self.assertEqual(properties.GetAll(INTERFACE)["Level"], 11)
        run_until(lambda: changes)
        self.assertEqual(changes[0][1], {"Level": 11})

    def test_calls_in_flight_are_all_answered(self):
        got = []
        for number in range(500):
            self.proxy.Add(number, 1, reply_handler=got.append, error_handler=got.append)
        run_until(lambda: len(got) == 500)
        self.assertEqual(got, [number + 1 for number in range(500)])

    def test_owner_of_a_name_is_watched(self):
        seen = []
        watch = self.bus.watch_name_owner("t.ringbus.Watched", lambda owner: seen.append(owner))
        other = dbus.SessionBus(private=True)
        self.assertEqual(other.request_name("t.ringbus.Watched"), 1)
        self.assertEqual(self.bus.request_name("t.ringbus.Watched", 4), 3)
        unique = other.get_unique_name()
        run_until(lambda: unique in seen)
        other.set_exit_on_disconnect(False)
        other.close()
        run_until(lambda: seen[-1] == "")
        watch.cancel()


if __name__ == "__main__":
    dbus.mainloop.glib.DBusGMainLoop(set_as_default=True)
    unittest.main(verbosity=2)
