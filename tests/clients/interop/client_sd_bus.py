#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""ADDRESS MECHANISM TOKEN: what test_interop.py asks of a client, with sd-bus itself: busctl cannot
be told to be anonymous."""

import ctypes
import os
import sys

SD_BUS = ctypes.CDLL("libsystemd.so.0")
SERVICE, PATH, INTERFACE = b"t.ringbus.Service", b"/t/ringbus/Object", b"t.ringbus.Interface"
BUS = b"org.freedesktop.DBus"
PATIENCE_US = 60_000_000


def do(function, *arguments):
    result = getattr(SD_BUS, "sd_bus_" + function)(*arguments)
    if result < 0:
        sys.exit("%s: %s" % (function, os.strerror(-result)))
    return result


def wait_for_signal(bus, noted):
    while not noted:
        if do("process", bus, None) == 0:
            do("wait", bus, ctypes.c_uint64(PATIENCE_US))


def find_uid(bus, name):
    """The bus's word on that connection, or "none"."""
    reply, uid = ctypes.c_void_p(), ctypes.c_uint32()
    if SD_BUS.sd_bus_call_method(bus, BUS, b"/", BUS, b"GetConnectionUnixUser", None,
                                 ctypes.byref(reply), b"s", name) < 0:
        return "none"
    do("message_read", reply, b"u", ctypes.byref(uid))
    return uid.value


def main(address, mechanism, token):
    bus, reply, text = ctypes.c_void_p(), ctypes.c_void_p(), ctypes.c_char_p()
    noted = []
    handler = ctypes.CFUNCTYPE(ctypes.c_int, *[ctypes.c_void_p] * 3)(
        lambda message, data, error: noted.append(message) or 0)
    do("new", ctypes.byref(bus))
    do("set_address", bus, address.encode())
    do("set_bus_client", bus, 1)
    do("set_anonymous", bus, int(mechanism == "ANONYMOUS"))
    do("start", bus)
    do("request_name", bus, ("t.ringbus." + token).encode(), ctypes.c_uint64(0))
    do("add_match", bus, None, ("type='signal',member='Noted',arg0='%s'" % token).encode(),
       handler, None)
    do("call_method", bus, SERVICE, PATH, INTERFACE, b"Introduce", None, ctypes.byref(reply), b"s",
       token.encode())
    do("message_read", reply, b"s", ctypes.byref(text))
    said = text.value.decode()
    wait_for_signal(bus, noted)
    do("get_unique_name", bus, ctypes.byref(text))
    print("%s; itself: %s" % (said, find_uid(bus, text.value)))


main(*sys.argv[1:])
