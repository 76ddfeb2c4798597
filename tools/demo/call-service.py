#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Calls the echo service from python3-dbus: 500 calls in a row, a passed file descriptor, an error.

Prints one line per finding; exits 1 with a message if an answer is not what it should be.
"""

import os
import sys
import time

import dbus

NAME = "org.ringbus.Echo"
N_CALLS = 500


def expect(what, found, wanted):
    if found != wanted:
        sys.exit(f"{what}: got {found!r:.80}, expected {wanted!r:.80}")


def main():
    bus = dbus.SessionBus()
    echo = dbus.Interface(bus.get_object(NAME, "/org/ringbus/Echo"), NAME)

    begin = time.monotonic()
    for i in range(N_CALLS):
        expect("Echo", str(echo.Echo(f"call {i}")), f"call {i}")
    print(f"{N_CALLS} calls answered in {time.monotonic() - begin:.2f} s")

    large = "ring" * 262144
    expect("Echo of 1 MiB", str(echo.Echo(large)), large)
    print("1 MiB there and back")

    reader, writer = os.pipe()
    os.write(writer, b"through a passed descriptor")
    os.close(writer)
    expect("Read", str(echo.Read(dbus.types.UnixFd(reader))), "through a passed descriptor")
    os.close(reader)
    print("a file descriptor was passed")

    try:
        echo.Fail()
    except dbus.DBusException as error:
        expect("Fail", error.get_dbus_name(), NAME + ".Error.Asked")
        print("an error came back as an error")
    else:
        sys.exit("Fail: got a reply, expected an error")


if __name__ == "__main__":
    main()
