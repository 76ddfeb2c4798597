#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""ADDRESS MECHANISM TOKEN: what test_interop.py asks of a client, with python3-jeepney."""

import sys

from jeepney import DBusAddress, MatchRule, message_bus, new_method_call
from jeepney.auth import Authenticator, make_auth_anonymous
from jeepney.io import blocking
from jeepney.wrappers import unwrap_msg

PATIENCE_S = 60
INTERFACE = "t.ringbus.Interface"
SERVICE = DBusAddress("/t/ringbus/Object", "t.ringbus.Service", INTERFACE)


class AnonymousAuthenticator(Authenticator):
    """jeepney writes the line, but leaves it to others to send it."""

    def __init__(self, enable_fds=False):
        super().__init__(enable_fds)
        self._to_send = b"\0" + make_auth_anonymous()


def main(address, mechanism, token):
    is_anonymous = mechanism == "ANONYMOUS"
    if is_anonymous:
        blocking.Authenticator = AnonymousAuthenticator
    with blocking.open_dbus_connection(address, enable_fds=not is_anonymous,
                                       auth_timeout=PATIENCE_S) as bus:
        driver = blocking.Proxy(message_bus, bus, timeout=PATIENCE_S)
        driver.RequestName("t.ringbus." + token)
        rule = MatchRule(type="signal", interface=INTERFACE, member="Noted",
                         path=SERVICE.object_path)
        rule.add_arg_condition(0, token)
        driver.AddMatch(rule)
        with bus.filter(rule) as noted:
            said = unwrap_msg(bus.send_and_get_reply(
                new_method_call(SERVICE, "Introduce", "s", (token,)), timeout=PATIENCE_S))[0]
            bus.recv_until_filtered(noted, timeout=PATIENCE_S)
        told = driver.GetConnectionCredentials(bus.unique_name)[0]
        print("%s; itself: %s" % (said, told.get("UnixUserID", ("u", "none"))[1]))


main(*sys.argv[1:])
