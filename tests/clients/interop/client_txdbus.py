#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""ADDRESS MECHANISM TOKEN [mended]: what test_interop.py asks of a client, with python3-txdbus."""

import sys

from twisted.internet import defer, task
from twisted.python import log
from txdbus import client
from txdbus.authentication import ClientAuthenticator

SERVICE, PATH, INTERFACE = "t.ringbus.Service", "/t/ringbus/Object", "t.ringbus.Interface"
BUS = "org.freedesktop.DBus"


def connection_lost(self, reason, original=client.DBusClientConnection.connectionLost):
    """txdbus tells nobody if that happens before Hello is answered."""
    original(self, reason)
    if self.busName is None:
        self.factory._failed(reason)


@defer.inlineCallbacks
def main(reactor, address, mechanism, token, mended=""):
    log.startLogging(sys.stderr, setStdout=False)
    client.DBusClientConnection.connectionLost = connection_lost
    ClientAuthenticator.preference = [mechanism.encode()]
    if mended:  # txdbus 1.1 initializes `cookiedir` and reads `cookie_dir`
        ClientAuthenticator.cookie_dir = None
    bus = yield client.connect(reactor, address)
    yield bus.requestBusName("t.ringbus." + token)
    noted = defer.Deferred()
    yield bus.addMatch(noted.callback, mtype="signal", interface=INTERFACE, member="Noted",
                       path=PATH, arg=[(0, token)])
    service = yield bus.getRemoteObject(SERVICE, PATH)
    said = yield service.callRemote("Introduce", token)
    yield noted
    told = yield bus.callRemote("/", "GetConnectionCredentials", interface=BUS, destination=BUS,
                                signature="s", body=[bus.busName])
    print("%s; itself: %s" % (said, told.get("UnixUserID", "none")))


task.react(main, sys.argv[1:])  # a failure is logged, and status 1
