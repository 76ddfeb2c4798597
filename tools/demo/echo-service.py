#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A small D-Bus service, written with python3-dbus (libdbus): what tools/quickstart calls.

Owns org.ringbus.Echo on the bus of DBUS_SESSION_BUS_ADDRESS, with the object /org/ringbus/Echo:

  org.ringbus.Echo.Echo(s) -> s       gives the text back
  org.ringbus.Echo.Read(h) -> s       reads a passed file descriptor to its end
  org.ringbus.Echo.Announce(s)        emits the signal Announced(s)
  org.ringbus.Echo.Fail()             answers with the error org.ringbus.Echo.Error.Asked
"""

import os

import dbus
import dbus.mainloop.glib
import dbus.service
from gi.repository import GLib

NAME = "org.ringbus.Echo"
PATH = "/org/ringbus/Echo"


class Asked(dbus.DBusException):
    _dbus_error_name = NAME + ".Error.Asked"


class Echo(dbus.service.Object):
    @dbus.service.method(NAME, in_signature="s", out_signature="s")
    def Echo(self, text):
        return text

    @dbus.service.method(NAME, in_signature="h", out_signature="s")
    def Read(self, passed):
        with os.fdopen(passed.take(), "rb") as file:
            return file.read().decode()

    @dbus.service.method(NAME, in_signature="s")
    def Announce(self, text):
        self.Announced(text)

    @dbus.service.signal(NAME, signature="s")
    def Announced(self, text):
        pass

    @dbus.service.method(NAME)
    def Fail(self):
        raise Asked("as you asked")


def main():
    dbus.mainloop.glib.DBusGMainLoop(set_as_default=True)
    bus = dbus.SessionBus()
    name = dbus.service.BusName(NAME, bus, do_not_queue=True)
    Echo(name, PATH)
    loop = GLib.MainLoop()
    bus.call_on_disconnection(lambda connection: loop.quit())
    loop.run()


if __name__ == "__main__":
    main()
