#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The policies of the packages that are installed, with Debian's system.conf: ringbus and
dbus-daemon give the same answers to root and to another account, word for word.

Needs root: it owns the names, and becomes the other account."""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree as ET

import dbus
import dbus.bus
import dbus.lowlevel
import dbus.mainloop.glib
from gi.repository import GLib

from process import backend_options
from test_daemon import PATIENCE_S

DAEMON = os.environ.get("RINGBUS_DAEMON", "")
REFERENCE = "/usr/bin/dbus-daemon"
FOLDERS = ("/usr/share/dbus-1/system.d", "/etc/dbus-1/system.d")
NOBODY = 65534
SKIPPED = 77  # for ctest
BUS = ("org.freedesktop.DBus", "/org/freedesktop/DBus")


def serve(address):
    """Root's service: owns what the arguments name and answers every call."""
    dbus.mainloop.glib.DBusGMainLoop(set_as_default=True)
    connection = dbus.bus.BusConnection(address)

    def answer(_connection, message):
        if message.get_type() != 1 or message.get_no_reply():
            return dbus.lowlevel.HANDLER_RESULT_NOT_YET_HANDLED
        connection.send_message(dbus.lowlevel.MethodReturnMessage(message))
        return dbus.lowlevel.HANDLER_RESULT_HANDLED

    connection.add_message_filter(answer)
    owned = []
    for name in names():
        try:
            owned.append("%s %s" % (name, connection.request_name(name)))
        except dbus.exceptions.DBusException as error:
            owned.append("%s %s" % (name, normal(str(error))))
    print(json.dumps(owned), flush=True)
    GLib.MainLoop().run()


def rules():
    """All <allow> and <deny> of the packages' files."""
    for folder in FOLDERS:
        files = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
        for name in files:
            if name.endswith(".conf"):
                root = ET.parse(os.path.join(folder, name)).getroot()
                for policy in root.iter("policy"):
                    yield from list(policy)


def names():
    return sorted({rule.get("own") for rule in rules() if rule.get("own")} - {"*"})


def calls():
    """One for each rule, and besides a member and an interface that no rule names."""
    found = set()
    for rule in rules():
        to = rule.get("send_destination")
        interface = rule.get("send_interface", "com.example.Unknown")
        if to and to != "*":
            found.add((to, interface, rule.get("send_member", "Anything")))
            found.add((to, interface, "NobodyNamesThis"))
    for member in ("ListNames", "UpdateActivationEnvironment", "ReloadConfig"):
        found.add((BUS[0], BUS[0], member))
    found.add((BUS[0], BUS[0] + ".Debug.Stats", "GetStats"))
    found.add((BUS[0], BUS[0] + ".Monitoring", "BecomeMonitor"))
    return sorted(found)


def normal(text):
    """Without what differs from run to run: who it was, and what libdbus calls the program."""
    text = re.sub(r'pid=\d+ comm="[^"]*"', "pid comm", text)
    return re.sub(r":1\.\d+", ":1.N", text)


def ask(address):
    """What becomes of each call from this account; then of each name that it asks for."""
    connection = dbus.bus.BusConnection(address)
    answers = []
    for to, interface, member in calls():
        message = dbus.lowlevel.MethodCallMessage(to, BUS[1], interface, member)
        message.set_auto_start(False)  # a name that nobody owns here has no owner
        try:
            connection.send_message_with_reply_and_block(message, PATIENCE_S)
            answer = "a reply"
        except dbus.exceptions.DBusException as error:
            answer = normal(str(error))
        answers.append("%s %s.%s: %s" % (to, interface, member, answer))
    for name in (*names(), "com.example.Mine"):
        try:
            answers.append("%s: %s" % (name, connection.request_name(name, 4)))
        except dbus.exceptions.DBusException as error:
            answers.append("%s: %s" % (name, normal(str(error))))
    print(json.dumps(answers))


class SystemPolicyTest(unittest.TestCase):
    maxDiff = None

    def run_part(self, part, address, **popen):
        process = subprocess.Popen([sys.executable, "-B", os.path.abspath(__file__), part, address],
                                   stdout=subprocess.PIPE, text=True, **popen)
        self.addCleanup(self.end, process)
        return process

    @staticmethod
    def end(process):
        if process.poll() is None:
            process.kill()
        process.communicate()

    def answers(self, daemon, *options):
        """Of one daemon: what the service owns, what root is told, what another account is."""
        folder = tempfile.mkdtemp(prefix="policy")
        self.addCleanup(subprocess.run, ["rm", "-rf", folder], check=False)
        os.chmod(folder, 0o755)
        bus = subprocess.Popen(
            [daemon, "--system", "--nofork", "--nopidfile", "--nosyslog", "--print-address",
             "--address=unix:path=%s/bus" % folder, *options],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.addCleanup(self.end, bus)
        address = bus.stdout.readline().strip()
        self.assertTrue(address.startswith("unix:path="), address)
        service = self.run_part("serve", address)
        found = [json.loads(service.stdout.readline())]
        for uid in (0, NOBODY):
            output, _ = self.run_part("ask", address, user=uid, group=uid,
                                      extra_groups=[]).communicate(timeout=PATIENCE_S)
            found.append(json.loads(output))
        bus.send_signal(signal.SIGTERM)
        self.assertEqual(bus.wait(PATIENCE_S), 0)
        return found

    def test_policies_of_packages_decide_as_in_the_reference(self):
        ours = self.answers(DAEMON, *backend_options())
        theirs = self.answers(REFERENCE)
        self.assertEqual(ours, theirs)
        owned, of_root, of_nobody = ours
        self.assertGreater(len(owned), 3)
        self.assertGreater(sum("a reply" in answer for answer in of_root), 50)
        self.assertGreater(sum("a reply" in answer for answer in of_nobody), 10)
        self.assertGreater(sum("AccessDenied" in answer for answer in of_nobody), 10)
        print("%d names; of %d questions %d denied to root, %d to another account" % (
            len(owned), len(of_root), sum("AccessDenied" in answer for answer in of_root),
            sum("AccessDenied" in answer for answer in of_nobody)), file=sys.stderr)


if __name__ == "__main__":
    if len(sys.argv) == 3 and sys.argv[1] in ("serve", "ask"):
        {"serve": serve, "ask": ask}[sys.argv[1]](sys.argv[2])
    elif os.getuid() != 0:
        print("skipped: only root can own the names of packages")
        sys.exit(SKIPPED)
    else:
        unittest.main(argv=sys.argv[:1], verbosity=2)
