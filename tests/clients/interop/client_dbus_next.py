#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""ADDRESS MECHANISM TOKEN: what test_interop.py asks of a client, with python3-dbus-next."""

import asyncio
import sys

from dbus_next.aio import MessageBus
from dbus_next.auth import AuthAnnonymous, AuthExternal

SERVICE, PATH, INTERFACE = "t.ringbus.Service", "/t/ringbus/Object", "t.ringbus.Interface"
BUS = "org.freedesktop.DBus"


async def main(address, mechanism, token):
    is_anonymous = mechanism == "ANONYMOUS"
    bus = await MessageBus(address, auth=AuthAnnonymous() if is_anonymous else AuthExternal(),
                           negotiate_unix_fd=not is_anonymous).connect()
    await bus.request_name("t.ringbus." + token)
    proxy = bus.get_proxy_object(SERVICE, PATH, await bus.introspect(SERVICE, PATH))
    service = proxy.get_interface(INTERFACE)
    noted = asyncio.get_running_loop().create_future()
    service.on_noted(lambda text, number: text == token and noted.set_result(None))
    said = await service.call_introduce(token)
    await noted
    proxy = bus.get_proxy_object(BUS, "/", await bus.introspect(BUS, "/"))
    told = await proxy.get_interface(BUS).call_get_connection_credentials(bus.unique_name)
    print("%s; itself: %s" % (said, told["UnixUserID"].value if "UnixUserID" in told else "none"))


asyncio.run(main(*sys.argv[1:]))
