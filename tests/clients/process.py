# SPDX-License-Identifier: Apache-2.0
"""Daemons in a folder of the test's own, in the foreground and in the background; what
test_process.py and test_check_config.py share. The daemon is $RINGBUS_DAEMON."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

import gi

gi.require_version("Gio", "2.0")
from gi.repository import Gio  # noqa: E402

DAEMON = os.environ["RINGBUS_DAEMON"]
PATIENCE_S = 60
POLICY = """<policy context="default"><allow send_destination="*" eavesdrop="true"/>
<allow eavesdrop="true"/><allow own="*"/><allow user="*"/></policy>"""


def backend_options():
    return ["--%s=%s" % (option, os.environ["RINGBUS_TEST_" + option.upper()])
            for option in ("io", "workers") if os.environ.get("RINGBUS_TEST_" + option.upper())]


def status_of(pid):
    with open("/proc/%d/status" % pid, encoding="ascii") as file:
        return dict(line.rstrip("\n").split(":", 1) for line in file)


def get_id(address):
    connection = Gio.DBusConnection.new_for_address_sync(
        address, Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT
        | Gio.DBusConnectionFlags.MESSAGE_BUS_CONNECTION, None, None)
    reply = connection.call_sync("org.freedesktop.DBus", "/org/freedesktop/DBus",
                                 "org.freedesktop.DBus", "GetId", None, None,
                                 Gio.DBusCallFlags.NONE, -1, None)
    connection.close_sync(None)
    return reply.unpack()[0]


class ProcessTestCase(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp()
        os.chmod(self.folder, 0o755)
        self.addCleanup(shutil.rmtree, self.folder)
        self.background = []  # pids of daemons that are nobody's child here
        self.addCleanup(self.end_all)

    def end_all(self):
        for pid in self.background:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass

    def write(self, elements, name="conf", policy=POLICY):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write("<busconfig><type>test</type>%s%s</busconfig>" % (elements, policy))
        return path

    def run_daemon(self, *arguments, listen="<listen>unix:path=bus</listen>", elements="", **popen):
        """Runs a daemon that goes into the background, or ends; with the folder as its own."""
        command = [DAEMON, "--config-file=" + self.write(listen + elements),
                   *backend_options(), *arguments]
        return subprocess.run(command, cwd=self.folder, timeout=PATIENCE_S, text=True,
                              capture_output=True, check=False, **popen)

    def start_in_background(self, *arguments, **more):
        """The address and the id of the process, from standard output."""
        result = self.run_daemon("--print-address", "--print-pid", *arguments, **more)
        self.assertEqual(result.returncode, 0, result.stderr)
        address, pid = result.stdout.splitlines()
        self.background.append(int(pid))
        return address, int(pid)

    def start(self, *arguments, elements="", listen="<listen>unix:path=bus</listen>", **popen):
        """A daemon in the foreground, and its address."""
        command = [DAEMON, "--config-file=" + self.write(listen + elements), "--nofork",
                   "--print-address", *backend_options(), *arguments]
        with open(os.path.join(self.folder, "log"), "w", encoding="utf-8") as log:
            process = subprocess.Popen(command, cwd=self.folder, stdout=subprocess.PIPE, text=True,
                                       stderr=log, **popen)
        self.clean_up(process)
        return process, process.stdout.readline().strip()

    def clean_up(self, process):
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait, PATIENCE_S)
        self.addCleanup(process.kill)

    def path(self, name):
        return os.path.join(self.folder, name)

    def end(self, pid):
        """Ends a daemon that is no child of ours, and waits until it is gone."""
        os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            try:
                if status_of(pid)["State"].strip().startswith("Z"):
                    return
            except (FileNotFoundError, ProcessLookupError):
                return
            time.sleep(0.01)
        self.fail("the daemon does not end")

    def address_of(self, address):
        return address.replace("unix:path=bus", "unix:path=" + self.path("bus"))
