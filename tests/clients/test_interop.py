#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Clients of independent implementations, over every transport, by every mechanism: each cell of
that matrix works, or is listed with the reason why it cannot; each such reason is tried as well.
Alice's clients (accounts.py) call service.py, which asks the bus who they are."""

import glob
import os
import shutil
import sys
from typing import NamedTuple

from accounts import ALICE, COOKIE, EXTERNAL, AccountsTest, main
from test_daemon import PATIENCE_S, read_line

HERE = os.path.dirname(os.path.abspath(__file__))
MECHANISMS = {"EXTERNAL": EXTERNAL, "DBUS_COOKIE_SHA1": COOKIE,
              "ANONYMOUS": "<auth>ANONYMOUS</auth><allow_anonymous/>"}
TRANSPORTS = ("unix:path", "unix:abstract", "tcp", "nonce-tcp")
ANY = frozenset((*MECHANISMS, *TRANSPORTS))
TCP = frozenset(("tcp", "nonce-tcp"))
NONCE = frozenset(("nonce-tcp",))
SERVICE, PATH, METHOD = "t.ringbus.Service", "/t/ringbus/Object", "t.ringbus.Interface.Introduce"


class Cannot(NamedTuple):
    """Cells of a client that cannot work, the reason, and what the client says of it."""
    mechanisms: frozenset
    transports: frozenset
    reason: str
    says: str


class Client(NamedTuple):
    """`command`: its words, of the address, the mechanism and the token. `is_library`: it owns a
    name, waits for a signal and asks who it is. `refused`: what it says if nothing it knows is
    offered."""
    command: object
    refused: str
    cannot: tuple = ()
    is_library: bool = False
    mechanisms: tuple = tuple(MECHANISMS)


def program(file, *more):
    interpreter = "/usr/bin/ruby" if file.endswith(".rb") else "/usr/bin/python3"
    return lambda *words: [interpreter, "%s/%s" % (os.environ["RINGBUS_TEST_ACCESS_FOLDER"], file),
                           *words, *more]


def dbus_send(address, _, token):
    return ["dbus-send", "--bus=" + address, "--print-reply", "--dest=" + SERVICE, PATH, METHOD,
            "string:" + token]


def gdbus(address, _, token):
    return ["gdbus", "call", "--address", address, "--dest", SERVICE, "--object-path", PATH,
            "--method", METHOD, token]


def busctl(address, _, token):
    return ["busctl", "--address=" + address, "call", SERVICE, PATH, *METHOD.rsplit(".", 1), "s",
            token]


# The sources: sd-bus.c and bus-socket.c of systemd 252; dbus_next/message_bus.py, auth.py;
# jeepney/bus.py, auth.py; txdbus/endpoints.py, authentication.py; dbus/message_queue.rb, auth.rb.
NO_SD_BUS_NONCE = Cannot(ANY, NONCE, "sd-bus knows unix:, tcp:, unixexec: and machines",
                         "Connection refused")
NO_TXDBUS_NONCE = Cannot(ANY, NONCE, "txdbus takes it for tcp: and sends no nonce",
                         "twisted.internet.error.Connection")
CLIENTS = {
    "libdbus (dbus-send)": Client(dbus_send, "Failed to register on connection to "),
    "GDBus (gdbus)": Client(gdbus, "Expected 'REJECTED am1 am2 ... amN', got 'REJECTED'"),
    "sd-bus (busctl)": Client(busctl, "Access denied", (
        NO_SD_BUS_NONCE,
        Cannot(frozenset(("DBUS_COOKIE_SHA1",)), ANY, "sd-bus has no cookies", "Access denied"),
        Cannot(frozenset(("ANONYMOUS",)), ANY, "busctl has no option for it", "Access denied"))),
    "sd-bus (library)": Client(program("client_sd_bus.py"), "Operation not permitted", (
        NO_SD_BUS_NONCE,
        Cannot(frozenset(("DBUS_COOKIE_SHA1",)), ANY, "sd-bus has no cookies",
               "Operation not permitted")), is_library=True),
    "dbus-next": Client(program("client_dbus_next.py"), "authentication failed: REJECTED: []", (
        Cannot(ANY, NONCE, "dbus-next knows unix: and tcp:",
               "got unknown address transport: nonce-tcp"),
        Cannot(frozenset(("DBUS_COOKIE_SHA1",)), ANY, "dbus-next has EXTERNAL and ANONYMOUS",
               "authentication failed: REJECTED: ['DBUS_COOKIE_SHA1']")), is_library=True),
    "jeepney": Client(program("client_jeepney.py"), "", (
        Cannot(ANY, TCP, "jeepney has SUPPORTED_TRANSPORTS = ('unix',)",
               "tcp'}) not supported. Supported: ('unix',)"),
        Cannot(frozenset(("DBUS_COOKIE_SHA1",)), ANY, "jeepney has EXTERNAL and ANONYMOUS",
               "Bus sent: bytearray(b'REJECTED DBUS_COOKIE_SHA1')")), is_library=True),
    "txdbus": Client(program("client_txdbus.py"), "DBus Authentication failed", (
        NO_TXDBUS_NONCE,
        Cannot(frozenset(("DBUS_COOKIE_SHA1",)), ANY, "a bug of txdbus 1.1: see client_txdbus.py",
               "'ClientAuthenticator' object has no attribute 'cookie_dir'")), is_library=True),
    "txdbus, mended": Client(program("client_txdbus.py", "mended"), "", (NO_TXDBUS_NONCE,),
                             is_library=True, mechanisms=("DBUS_COOKIE_SHA1",)),
    "ruby-dbus": Client(program("client_ruby_dbus.rb"), "DBus::AuthenticationFailed", (
        Cannot(ANY, NONCE, "ruby-dbus knows unix:, tcp: and launchd:",
               "undefined method `write' for nil"),), is_library=True),
}


def find_obstacle(client, mechanism, transport):
    """Why this cell cannot work, or None."""
    for cannot in client.cannot:
        if mechanism in cannot.mechanisms and transport in cannot.transports:
            return cannot
    if mechanism == "EXTERNAL" and transport in TCP:
        return Cannot(ANY, TCP, "the bus does not see who is at the other end", client.refused)
    return None


def introduction(client, mechanism, transport, pid, token):
    """What the service and the client itself are to be told by the bus."""
    is_known = mechanism != "ANONYMOUS"
    text = "%s: user %s, UnixUserID %s, ProcessID %s, %s" % (
        token, ALICE if is_known else "org.freedesktop.DBus.Error.Failed",
        ALICE if is_known else "none", "none" if transport in TCP else pid,
        "owner" if client.is_library else "not the owner")
    return text + ("; itself: %s" % (ALICE if is_known else "none") if client.is_library else "")


class InteropTest(AccountsTest):
    tried = set()  # what a client lacks is tried once
    n_tokens = 0  # of one client each: the bus may not know yet that an earlier one is gone

    def start(self, mechanism):
        """A bus that takes this mechanism only, on all transports: their addresses; a service."""
        for file in (*glob.glob(HERE + "/interop/*"), HERE + "/service.py"):
            shutil.copy(file, self.folder)
        path = self.bus_folder + "/bus"
        line = self.start_bus("unix:path=" + path, MECHANISMS[mechanism] + "".join(
            "<listen>%s</listen>" % one for one in (
                "unix:abstract=" + path, "tcp:host=127.0.0.1", "nonce-tcp:host=127.0.0.1")))
        while line and "guid=" not in line:  # warnings
            line = self.bus.stdout.readline().strip()
        addresses = {transport: next(one for one in line.split(";") if one.startswith(transport))
                     for transport in TRANSPORTS}
        service = self.spawn(ALICE, "/usr/bin/python3", self.folder + "/service.py",
                             environment={"DBUS_SESSION_BUS_ADDRESS": addresses["unix:path"]})
        self.assertEqual(read_line(service.stdout), "ready")
        return addresses

    def check_row(self, name, mechanism, addresses):
        """A client on all transports, at the same time."""
        client = CLIENTS[name]
        running = []
        for transport, address in addresses.items():
            obstacle = find_obstacle(client, mechanism, transport)
            print("%-20s %-17s %-14s %s" % (name, mechanism, transport, "works" if not obstacle
                                            else "cannot: " + obstacle.reason))
            if obstacle in self.tried:
                continue
            if obstacle in client.cannot:
                self.tried.add(obstacle)
            InteropTest.n_tokens += 1
            token = "Token%d" % self.n_tokens
            running.append((transport, token, obstacle, self.spawn(
                ALICE, *client.command(address, mechanism, token))))
        for transport, token, obstacle, process in running:
            said, _ = process.communicate(timeout=PATIENCE_S)
            with self.subTest(client=name, mechanism=mechanism, transport=transport):
                if obstacle:
                    self.assertNotEqual(process.returncode, 0, said)
                    self.assertIn(obstacle.says, said)
                    self.assertNotIn("user ", said)
                else:
                    self.assertEqual(process.returncode, 0, said)
                    self.assertIn(introduction(client, mechanism, transport, process.pid, token),
                                  said)

    def check(self, mechanism):
        addresses = self.start(mechanism)
        for name, client in CLIENTS.items():
            if mechanism in client.mechanisms:
                self.check_row(name, mechanism, addresses)
        self.bus.terminate()
        said, _ = self.bus.communicate(timeout=PATIENCE_S)
        self.assertEqual(self.bus.returncode, 0, said)

    def test_external(self):
        self.check("EXTERNAL")

    def test_cookies(self):
        self.check("DBUS_COOKIE_SHA1")

    def test_anonymous(self):
        self.check("ANONYMOUS")


if __name__ == "__main__":
    sys.exit(main())
