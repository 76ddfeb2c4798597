#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A service that keeps secrets in memory, as much of the Secret Service API as secret-tool calls:
one collection, plain sessions. For test_secrets.py: gnome-keyring brings half of a desktop."""

import time

import dbus
import dbus.mainloop.glib
import dbus.service
from gi.repository import GLib

NAME, PATH = "org.freedesktop.secrets", "/org/freedesktop/secrets"
DEFAULT = PATH + "/aliases/default"
SERVICE, COLLECTION, ITEM = ("org.freedesktop.Secret." + one
                             for one in ("Service", "Collection", "Item"))
NONE = dbus.ObjectPath("/")  # no prompt is needed


class NotSupportedError(dbus.DBusException):
    _dbus_error_name = "org.freedesktop.DBus.Error.NotSupported"


def paths(items):
    return dbus.Array([dbus.ObjectPath(item.path) for item in items], signature="o")


class Item(dbus.service.Object):
    def __init__(self, store, number, label, attributes, secret):
        self.path = "%s/items/%d" % (PATH, number)
        super().__init__(store.bus, self.path)
        self.store, self.label, self.attributes, self.secret = store, label, attributes, secret
        self.created = int(time.time())

    @dbus.service.method(ITEM, in_signature="o", out_signature="(oayays)")
    def GetSecret(self, session):
        return (session, *self.secret[1:])

    @dbus.service.method(ITEM, out_signature="o")
    def Delete(self):
        self.store.items.remove(self)
        self.remove_from_connection()
        return NONE

    @dbus.service.method(dbus.PROPERTIES_IFACE, in_signature="s", out_signature="a{sv}")
    def GetAll(self, _):
        return {"Label": self.label, "Locked": False, "Created": dbus.UInt64(self.created),
                "Attributes": dbus.Dictionary(self.attributes, signature="ss"),
                "Modified": dbus.UInt64(self.created)}


class Collection(dbus.service.Object):
    def __init__(self, store):
        super().__init__(store.bus, DEFAULT)
        self.store = store

    @dbus.service.method(COLLECTION, in_signature="a{sv}(oayays)b", out_signature="oo")
    def CreateItem(self, properties, secret, _):
        item = self.store.add(properties[ITEM + ".Label"], properties[ITEM + ".Attributes"], secret)
        return dbus.ObjectPath(item.path), NONE


class Store(dbus.service.Object):
    def __init__(self, bus):
        super().__init__(bus, PATH)
        self.bus, self.items, self.n_items = bus, [], 0
        self.collection = Collection(self)

    def add(self, label, attributes, secret):
        self.n_items += 1
        self.items.append(Item(self, self.n_items, label, attributes, secret))
        return self.items[-1]

    @dbus.service.method(SERVICE, in_signature="sv", out_signature="vo")
    def OpenSession(self, algorithm, _):
        if algorithm != "plain":
            raise NotSupportedError(algorithm)
        return "", dbus.ObjectPath(PATH + "/session")

    @dbus.service.method(SERVICE, in_signature="a{ss}", out_signature="aoao")
    def SearchItems(self, wanted):
        return paths(item for item in self.items
                     if wanted.items() <= item.attributes.items()), paths([])

    @dbus.service.method(SERVICE, in_signature="aoo", out_signature="a{o(oayays)}")
    def GetSecrets(self, wanted, session):
        return {dbus.ObjectPath(item.path): item.GetSecret(session)
                for item in self.items if item.path in wanted}

    @dbus.service.method(dbus.PROPERTIES_IFACE, in_signature="s", out_signature="a{sv}")
    def GetAll(self, _):
        return {"Collections": dbus.Array([dbus.ObjectPath(DEFAULT)], signature="o")}


def main():
    dbus.mainloop.glib.DBusGMainLoop(set_as_default=True)
    bus = dbus.SessionBus()
    held = Store(bus), dbus.service.BusName(NAME, bus, do_not_queue=True)
    assert all(held)
    GLib.MainLoop().run()


main()
