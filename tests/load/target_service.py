#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""target_service.py: a service for tests of `ringbus-load target`.

Usage: target_service.py [DIE_AFTER]

Owns com.example.Target on the bus of $DBUS_SESSION_BUS_ADDRESS (or, if it was activated,
$DBUS_STARTER_ADDRESS), says "ready", and serves. With DIE_AFTER, ends during that call of Echo.
"""

import os
import sys

import dbus
import dbus.lowlevel
import dbus.mainloop.glib
import dbus.service
from gi.repository import GLib

INTERFACE = "com.example.Target"


class Target(dbus.service.Object):
    def __init__(self, bus, die_after):
        name = dbus.service.BusName(INTERFACE, bus)
        super().__init__(name, "/com/example/Target")
        self.die_after = die_after
        self.n_calls, self.last = 0, ""

    def count(self):
        self.n_calls += 1
        if self.n_calls == self.die_after:
            os._exit(3)

    @dbus.service.method(INTERFACE, in_signature="s", out_signature="s")
    def Echo(self, text):
        self.count()
        return text

    @dbus.service.method(INTERFACE, in_signature="sa{sv}(ix)adyb", out_signature="")
    def Take(self, text, options, pair, numbers, byte, flag):
        self.count()
        self.last = repr([str(text), {str(key): str(value) for key, value in options.items()},
                          [int(n) for n in pair], [float(n) for n in numbers], int(byte),
                          bool(flag)])

    @dbus.service.method(INTERFACE, in_signature="", out_signature="",
                         async_callbacks=("_done", "_failed"))
    def Never(self, _done, _failed):
        self.count()

    @dbus.service.method(INTERFACE, in_signature="", out_signature="us")
    def Report(self):
        return self.n_calls, self.last


def main():
    dbus.mainloop.glib.DBusGMainLoop(set_as_default=True)
    address = os.environ.get("DBUS_STARTER_ADDRESS") or os.environ["DBUS_SESSION_BUS_ADDRESS"]
    bus = dbus.bus.BusConnection(address)
    bus.set_exit_on_disconnect(True)
    target = Target(bus, int(sys.argv[1]) if len(sys.argv) > 1 else 0)
    print("ready", target.n_calls, flush=True)
    GLib.MainLoop().run()


if __name__ == "__main__":
    main()
