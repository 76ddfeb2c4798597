#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A service of python3-dbus with methods, signals and properties, for the client tests."""

import dbus
import dbus.mainloop.glib
import dbus.service
from gi.repository import GLib

NAME = "t.ringbus.Service"
PATH = "/t/ringbus/Object"
INTERFACE = "t.ringbus.Interface"
PROPERTIES = "org.freedesktop.DBus.Properties"


class Refused(dbus.DBusException):
    _dbus_error_name = "t.ringbus.Error.Refused"


class Object(dbus.service.Object):
    def __init__(self, bus):
        super().__init__(bus, PATH)
        self.level = dbus.Int32(5)

    @dbus.service.method(INTERFACE, in_signature="s", out_signature="s")
    def Echo(self, text):
        return text

    @dbus.service.method(INTERFACE, in_signature="ii", out_signature="i")
    def Add(self, a, b):
        return a + b

    @dbus.service.method(INTERFACE, in_signature="a{sv}", out_signature="a{sv}")
    def EchoDictionary(self, values):
        return values

    @dbus.service.method(INTERFACE, in_signature="ay", out_signature="ay", byte_arrays=True)
    def EchoBytes(self, data):
        return dbus.ByteArray(data)

    @dbus.service.method(INTERFACE)
    def Refuse(self):
        raise Refused("as asked")

    @dbus.service.method(INTERFACE, in_signature="su")
    def Emit(self, text, count):
        for number in range(count):
            self.Noted(text, number)

    @dbus.service.method(INTERFACE, sender_keyword="sender", out_signature="s")
    def WhoAmI(self, sender=None):
        return sender

    @dbus.service.method(INTERFACE, in_signature="s", out_signature="s", sender_keyword="sender")
    def Introduce(self, token, sender=None):
        """What the bus says of the caller, and whether it owns t.ringbus.TOKEN."""
        bus = self.connection
        try:
            uid = int(bus.get_unix_user(sender))
        except dbus.DBusException as error:
            uid = error.get_dbus_name()
        told = bus.call_blocking(dbus.BUS_DAEMON_NAME, dbus.BUS_DAEMON_PATH,
                                 dbus.BUS_DAEMON_IFACE, "GetConnectionCredentials", "s", (sender,))
        owner = bus.name_has_owner("t.ringbus." + token) and bus.get_name_owner(
            "t.ringbus." + token)
        self.Noted(token, 0)
        return "%s: user %s, UnixUserID %s, ProcessID %s, %s" % (
            token, uid, told.get("UnixUserID", "none"), told.get("ProcessID", "none"),
            "owner" if owner == sender else "not the owner")

    @dbus.service.signal(INTERFACE, signature="su")
    def Noted(self, text, number):
        pass

    @dbus.service.method(PROPERTIES, in_signature="ss", out_signature="v")
    def Get(self, interface, name):
        return self.GetAll(interface)[name]

    @dbus.service.method(PROPERTIES, in_signature="s", out_signature="a{sv}")
    def GetAll(self, interface):
        if interface != INTERFACE:
            return {}
        return {"Level": self.level, "Title": dbus.String("a title")}

    @dbus.service.method(PROPERTIES, in_signature="ssv")
    def Set(self, interface, name, value):
        if (interface, name) != (INTERFACE, "Level"):
            raise Refused("read-only")
        self.level = dbus.Int32(value)
        self.PropertiesChanged(INTERFACE, {"Level": self.level}, [])

    @dbus.service.signal(PROPERTIES, signature="sa{sv}as")
    def PropertiesChanged(self, interface, changed, invalidated):
        pass


def main():
    dbus.mainloop.glib.DBusGMainLoop(set_as_default=True)
    bus = dbus.SessionBus()
    held = Object(bus)
    name = dbus.service.BusName(NAME, bus, do_not_queue=True)
    assert held and name
    print("ready", flush=True)
    GLib.MainLoop().run()


main()
