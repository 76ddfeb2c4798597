# SPDX-License-Identifier: Apache-2.0
"""Two accounts for tests: alice, whose bus it is, and bob.

They exist only here: a passwd file of our own lies over /etc/passwd in a mount namespace of our
own. So it needs root."""

import ctypes
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import unittest

import gi

gi.require_version("Gio", "2.0")
from gi.repository import Gio, GLib  # noqa: E402

from test_daemon import PATIENCE_S, read_line  # noqa: E402

DAEMON = os.environ["RINGBUS_DAEMON"]
ALICE, BOB = 54321, 54322
INSIDE = "RINGBUS_TEST_ACCESS_FOLDER"
SKIPPED = 77  # for ctest
CONFIG = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>session</type>%s%s
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/>
<allow own="*"/>%s</policy></busconfig>
"""
EXTERNAL, COOKIE = "<auth>EXTERNAL</auth>", "<auth>DBUS_COOKIE_SHA1</auth>"
CLONE_NEWNS, MS_REC, MS_PRIVATE = 0x20000, 0x4000, 0x40000
BUS_CALL = ("--print-reply", "--dest=org.freedesktop.DBus", "/org/freedesktop/DBus")


def isolate():
    """A mount namespace of our own, in which nobody else sees what is mounted. unshare(1) cannot do
    that in a chroot, where / is no mount: it is done at the namespace's own root, and back."""
    libc = ctypes.CDLL(None, use_errno=True)

    def do(function, *arguments):
        if getattr(libc, function)(*arguments) < 0:
            raise OSError(ctypes.get_errno(), function)

    here = os.getcwd()
    do("unshare", CLONE_NEWNS)
    root = os.open("/", os.O_DIRECTORY)
    namespace = os.open("/proc/self/ns/mnt", os.O_RDONLY)
    do("setns", namespace, CLONE_NEWNS)
    do("mount", None, b"/", None, ctypes.c_ulong(MS_REC | MS_PRIVATE), None)
    os.fchdir(root)
    os.chroot(".")
    os.chdir(here)
    os.close(namespace)
    os.close(root)


def enter(folder):
    """The program again, where alice and bob exist."""
    os.chmod(folder, 0o755)
    lines = ["root:x:0:0::%s:/bin/sh" % os.path.expanduser("~")]
    for name, uid in (("alice", ALICE), ("bob", BOB)):
        home = "%s/%s" % (folder, name)
        os.mkdir(home, 0o700)
        os.chown(home, uid, uid)
        lines.append("%s:x:%d:%d::%s:/bin/sh" % (name, uid, uid, home))
    with open(folder + "/passwd", "w", encoding="ascii") as passwd:
        passwd.write("\n".join(lines) + "\n")
    shutil.copy(DAEMON, folder + "/ringbus")  # whoever may not enter the build folder runs this
    os.chmod(folder + "/ringbus", 0o755)
    return subprocess.run(
        ["sh", "-c", 'mount --bind "$0" /etc/passwd && exec "$@"', folder + "/passwd",
         sys.executable, os.path.abspath(sys.argv[0])],
        env={**os.environ, INSIDE: folder}, check=False).returncode


def call(client, member, *strings):
    """A call to the bus on a raw socket after Hello; the reply as a Gio.DBusMessage."""
    message = Gio.DBusMessage.new_method_call(
        "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", member)
    message.set_serial(77)
    if strings:
        message.set_body(GLib.Variant("(" + "s" * len(strings) + ")", strings))
    client.sendall(bytes(message.to_blob(Gio.DBusCapabilityFlags.NONE)))
    received = b""
    while True:
        received += client.recv(4096)
        while len(received) >= 16:
            size = Gio.DBusMessage.bytes_needed(received[:16])
            if len(received) < size:
                break
            reply = Gio.DBusMessage.new_from_blob(received[:size], Gio.DBusCapabilityFlags.NONE)
            received = received[size:]
            if reply.get_reply_serial() == 77:
                return reply


def is_true_as(uid, question):
    """Asks it in a process of that account."""
    child = os.fork()
    if child == 0:
        status = 2  # it could not tell
        try:
            os.setgroups([])
            os.setresgid(uid, uid, uid)
            os.setresuid(uid, uid, uid)
            status = 0 if question() else 1
        except (OSError, ValueError, GLib.Error) as error:
            print(error, file=sys.stderr)
        finally:
            os._exit(status)
    return os.waitpid(child, 0)[1] == 0


class AccountsTest(unittest.TestCase):
    """What the tests of such accounts share."""

    def setUp(self):
        self.folder = os.environ[INSIDE]
        self.bus_folder = tempfile.mkdtemp(dir=self.folder)
        os.chown(self.bus_folder, ALICE, ALICE)
        os.chmod(self.bus_folder, 0o755)
        self.processes = []

    def tearDown(self):
        for process in reversed(self.processes):
            if process.poll() is None:
                process.terminate()
            process.communicate()
        for name in ("alice", "bob"):
            shutil.rmtree("%s/%s/.dbus-keyrings" % (self.folder, name), ignore_errors=True)

    def spawn(self, uid, *command, **popen):
        """A program of that account, with its home and nothing of ours in the environment."""
        home = "%s/%s" % (self.folder, "alice" if uid == ALICE else "bob")
        environment = {"PATH": os.environ["PATH"], "HOME": home, "LANG": "C",
                       **popen.pop("environment", {})}
        if uid is not None:  # else it stays root
            popen.update(user=uid, group=uid, extra_groups=[])
        process = subprocess.Popen(command, env=environment, cwd="/", text=True,
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **popen)
        self.processes.append(process)
        return process

    def run_as(self, uid, *command, **popen):
        """Status and output of a program that ends by itself, and soon."""
        process = self.spawn(uid, *command, **popen)
        output, _ = process.communicate(timeout=PATIENCE_S)
        return process.returncode, output

    def start_bus(self, listen, auth=EXTERNAL, rule="", arguments=()):
        """Alice's bus; its address."""
        path = self.bus_folder + "/config"
        with open(path, "w", encoding="ascii") as config:
            config.write(CONFIG % ("<listen>%s</listen>" % listen, auth, rule))
        options = [*arguments]
        for option in ("io", "workers"):
            wish = os.environ.get("RINGBUS_TEST_" + option.upper())
            if wish:
                options.append("--%s=%s" % (option, wish))
        bus = self.spawn(ALICE, self.folder + "/ringbus", "--config-file=" + path, "--nofork",
                         "--print-address", *options,
                         environment={"TMPDIR": self.bus_folder})
        self.bus = bus
        return read_line(bus.stdout)

    def start_abstract_bus(self, auth=EXTERNAL):
        self.name = self.bus_folder + "/abstract"
        return self.start_bus("unix:abstract=" + self.name, auth)

    def start_forwarder(self):
        """Alice's socat, from TCP to the abstract socket; its address for clients, and itself."""
        # A port that is free, and that nobody but socat, with its reuseaddr, can take meanwhile.
        holder = socket.socket()
        self.addCleanup(holder.close)
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind(("127.0.0.1", 0))
        port = holder.getsockname()[1]
        socat = self.spawn(ALICE, "socat", "TCP-LISTEN:%d,bind=127.0.0.1,reuseaddr,fork" % port,
                           "ABSTRACT-CONNECT:" + self.name)
        until = time.monotonic() + PATIENCE_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                return "tcp:host=127.0.0.1,port=%d" % port, port, socat
            except ConnectionRefusedError:
                self.assertLess(time.monotonic(), until, "socat does not listen")
                time.sleep(0.02)

    def copy_keyring(self):
        """Bob has got hold of alice's cookies."""
        shutil.copytree(self.folder + "/alice/.dbus-keyrings",
                        self.folder + "/bob/.dbus-keyrings")
        for path in ("", "/org_freedesktop_general"):
            os.chown(self.folder + "/bob/.dbus-keyrings" + path, BOB, BOB)

    def make_keyring(self):
        """Alice's keyring, with a cookie in it, by whoever makes it first: a client of hers."""
        address = self.start_bus("tcp:host=127.0.0.1", COOKIE)
        self.assert_let_in(ALICE, address)
        self.bus.terminate()
        self.bus.communicate(timeout=PATIENCE_S)

    def dbus_send(self, uid, address, member="GetId", *arguments):
        return self.run_as(uid, "dbus-send", "--bus=" + address, *BUS_CALL,
                           "org.freedesktop.DBus." + member, *arguments)

    def check_access(self, uid, address):
        return self.run_as(uid, self.folder + "/ringbus", "--check-access=" + address)

    def assert_let_in(self, uid, address):
        status, output = self.dbus_send(uid, address)
        self.assertEqual(status, 0, output)

    def assert_refused(self, uid, address):
        """Programs of three kinds: none gets in."""
        environment = {"DBUS_SESSION_BUS_ADDRESS": address}
        for command in (["dbus-send", "--bus=" + address, *BUS_CALL, "org.freedesktop.DBus.GetId"],
                        ["dbus-monitor", "--address", address],
                        ["notify-send", "hello"]):
            status, output = self.run_as(uid, *command, environment=environment)
            self.assertNotEqual(status, 0, "%s: %s" % (command[0], output))


def main():
    if os.geteuid() != 0:
        print("skipped: only root can become other accounts")
        return SKIPPED
    if INSIDE in os.environ:
        unittest.main(argv=sys.argv[:1], verbosity=2)
    try:
        isolate()
    except OSError as error:
        print("skipped: no mount namespace can be made here, in which other accounts exist:", error)
        return SKIPPED
    with tempfile.TemporaryDirectory(prefix="ringbus-access-") as folder:
        return enter(folder)
