#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What the bus tells of its clients, against what the kernel, busctl and the clients themselves
say: GetConnectionCredentials of accounts with many groups, of processes that have ended, and of
those whose process id has been given to another one."""

import ctypes
import os
import signal
import socket
import struct
import subprocess
import sys
import unittest

import gi

gi.require_version("Gio", "2.0")
from gi.repository import Gio, GLib  # noqa: E402

from test_daemon import Daemon, call, read_line  # noqa: E402

EVERYBODY = '<policy context="default"><allow user="*"/></policy>'
UID, GID = 54321, 54322
SO_PEERSEC, SO_PEERPIDFD = 31, 77
SYS_CLONE3, SYS_PIDFD_SEND_SIGNAL = 435, 424
KEYS = ["ProcessID", "UnixUserID", "UnixGroupIDs", "LinuxSecurityLabel", "ProcessFD"]
LIBC = ctypes.CDLL(None, use_errno=True)

# Connects, says its unique name, and stays until its standard input ends.
CLIENT = """
import sys
from gi.repository import Gio
connection = Gio.DBusConnection.new_for_address_sync(
    sys.argv[1], Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT
    | Gio.DBusConnectionFlags.MESSAGE_BUS_CONNECTION, None, None)
print(connection.get_unique_name(), flush=True)
sys.stdin.read()
"""


def is_known(option):
    """Whether this kernel answers the socket option at all."""
    one, other = socket.socketpair()
    try:
        answer = one.getsockopt(socket.SOL_SOCKET, option, 4)
    except OSError:
        return False
    finally:
        one.close()
        other.close()
    if option == SO_PEERPIDFD:
        os.close(struct.unpack("i", answer)[0])
    return True


def credentials(connection, name):
    """The dictionary as a list of its pairs, in order, and a pidfd or None."""
    reply, fds = call(connection, "GetConnectionCredentials", GLib.Variant("(s)", (name,)))
    entries = reply.get_child_value(0)
    pairs = []
    pidfd = None
    for i in range(entries.n_children()):
        entry = entries.get_child_value(i)
        key = entry.get_child_value(0).get_string()
        value = entry.get_child_value(1).get_variant().unpack()
        if key == "ProcessFD":
            pidfd = fds.get(value)
        pairs.append((key, value))
    return pairs, pidfd


def read_status(pid, key):
    with open("/proc/%d/status" % pid, encoding="ascii") as status:
        for line in status:
            if line.startswith(key + ":"):
                return [int(word) for word in line.split()[1:]]
    raise KeyError(key)


def pid_of(pidfd):
    """As the kernel shows it: -1 if the process has been reaped."""
    with open("/proc/self/fdinfo/%d" % pidfd, encoding="ascii") as info:
        for line in info:
            if line.startswith("Pid:"):
                return int(line.split()[1])
    raise KeyError("Pid")


def clone_as(pid):
    """A child with this process id, which ends when it is told to; None: not permitted."""
    number = ctypes.c_int(pid)
    arguments = struct.pack("11Q", 0, 0, 0, 0, signal.SIGCHLD, 0, 0, 0,
                            ctypes.addressof(number), 1, 0)
    child = LIBC.syscall(SYS_CLONE3, arguments, len(arguments))
    if child == 0:
        signal.pause()
        os._exit(0)
    return child if child > 0 else None


def hello_message():
    hello = Gio.DBusMessage.new_method_call(
        "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "Hello")
    hello.set_serial(1)
    return bytes(hello.to_blob(Gio.DBusCapabilityFlags.NONE))


def read_name(client):
    """From the reply to Hello and the signal behind it."""
    received = b""
    while b":1." not in received or b"NameAcquired" not in received:
        piece = client.recv(4096)
        if not piece:
            raise ConnectionError("the bus closed the connection")
        received += piece
    return received[received.index(b":1."):].split(b"\0")[0]


def say_hello(client, claim=b""):
    """The handshake (`claim`: " HEX") and Hello, byte by byte; the unique name."""
    client.sendall(b"\0AUTH EXTERNAL" + claim + b"\r\n" + (b"" if claim else b"DATA\r\n")
                   + b"BEGIN\r\n" + hello_message())
    return read_name(client)


def join_by_child(path, speaks=False):
    """A child process connects (and says Hello if it `speaks`), passes its socket on, ends and is
    waited for: the socket, the pid, and the unique name."""
    ours, theirs = socket.socketpair()
    pid = os.fork()
    if pid == 0:
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(path)
            socket.send_fds(theirs, [say_hello(client) if speaks else b"-"], [client.fileno()])
        os._exit(0)
    name, fds, _, _ = socket.recv_fds(ours, 64, 1)
    os.waitpid(pid, 0)
    ours.close()
    theirs.close()
    return fds[0], pid, name.decode()


def connect_over(fd):
    stream = Gio.Socket.new_from_fd(fd).connection_factory_create_connection()
    return Gio.DBusConnection.new_sync(
        stream, None, Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT
        | Gio.DBusConnectionFlags.MESSAGE_BUS_CONNECTION, None, None)


class CredentialsTest(unittest.TestCase):
    def setUp(self):
        self.daemon = Daemon(limits=EVERYBODY)
        self.path = self.daemon.address.split("path=")[1].split(",")[0]
        self.connection = self.daemon.connect()
        self.children = []

    def tearDown(self):
        for child in self.children:
            child.communicate()
        self.connection.close_sync(None)
        self.assertEqual(self.daemon.end(), 0)

    def start_client(self, **identity):
        child = subprocess.Popen([sys.executable, "-c", CLIENT, self.daemon.address],
                                 stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                 **identity)
        self.children.append(child)
        return child, read_line(child.stdout)

    def check_against_proc(self, child, name):
        pairs, pidfd = credentials(self.connection, name)
        keys = [key for key, _ in pairs]
        told = dict(pairs)
        self.assertEqual(keys, [key for key in KEYS if key in told])  # in order, no others
        self.assertEqual(told["ProcessID"], child.pid)
        self.assertEqual(told["UnixUserID"], read_status(child.pid, "Uid")[1])
        groups = {*read_status(child.pid, "Groups"), read_status(child.pid, "Gid")[1]}
        self.assertEqual(told["UnixGroupIDs"], sorted(groups))
        self.assertEqual("LinuxSecurityLabel" in told, is_known(SO_PEERSEC))
        self.assertEqual("ProcessFD" in told, is_known(SO_PEERPIDFD))
        if pidfd is not None:
            self.assertEqual(pid_of(pidfd), child.pid)
            os.close(pidfd)
        return told

    def test_own_account_agrees_with_proc(self):
        self.check_against_proc(*self.start_client())

    @unittest.skipIf(os.geteuid() != 0, "only root can become another user")
    def test_many_groups_are_complete_and_sorted(self):
        groups = [(7 * i) % 1009 + 100000 for i in range(1000)]
        told = self.check_against_proc(
            *self.start_client(user=UID, group=GID, extra_groups=groups))
        self.assertEqual(len(told["UnixGroupIDs"]), 1001)
        self.assertEqual(told["UnixUserID"], UID)

    @unittest.skipIf(os.geteuid() != 0, "only root can become another user")
    def test_no_other_groups_is_the_primary_one(self):
        told = self.check_against_proc(*self.start_client(user=UID, group=GID, extra_groups=[]))
        self.assertEqual(told["UnixGroupIDs"], [GID])

    @unittest.skipIf(os.geteuid() != 0, "only root can become another user")
    def test_busctl_agrees(self):
        child, name = self.start_client(user=UID, group=GID, extra_groups=[77, 5])
        # What the bus says; /proc, which busctl would add, may have no cgroups in a container.
        busctl = ["busctl", "--address=" + self.daemon.address, "--no-pager",
                  "--augment-creds=no"]
        status = subprocess.run([*busctl, "status", name], capture_output=True, text=True,
                                check=True).stdout.splitlines()
        for line in ("PID=%d" % child.pid, "EUID=%d" % UID):
            self.assertIn(line, status)
        listed = subprocess.run([*busctl, "list", "--unique"], capture_output=True, text=True,
                                check=True).stdout.splitlines()
        rows = [line.split() for line in listed if line.split()[0] == name]
        self.assertEqual(len(rows), 1)
        self.assertEqual(rows[0][1], str(child.pid))
        self.assertIn(str(UID), rows[0][3])  # no such user: its number

    def test_the_bus_tells_two_things_of_itself(self):
        pairs, pidfd = credentials(self.connection, "org.freedesktop.DBus")
        self.assertEqual(pairs, [("ProcessID", self.daemon.process.pid),
                                 ("UnixUserID", os.geteuid())])
        self.assertIsNone(pidfd)

    def test_peer_that_was_reaped_before_it_spoke_is_served(self):
        fd, pid, _ = join_by_child(self.path)
        passed_on = connect_over(fd)
        name = passed_on.get_unique_name()
        pairs, pidfd = credentials(self.connection, name)
        told = dict(pairs)
        self.assertEqual(told["ProcessID"], pid)  # a label: who connected, not who speaks
        self.assertEqual(told["UnixUserID"], os.geteuid())
        if pidfd is not None:  # none before Linux 6.16
            self.assertEqual(pid_of(pidfd), -1)
            os.close(pidfd)
        self.assertTrue(call(passed_on, "GetId"))  # nothing is broken by it
        passed_on.close_sync(None)

    @unittest.skipIf(os.geteuid() != 0, "only root can choose a process id")
    def test_process_fd_survives_reuse_of_the_pid(self):
        for speaks in (True, False):  # it ended after its Hello; before it said anything
            fd, pid, name = join_by_child(self.path, speaks)
            passed_on = None if speaks else connect_over(fd)
            impostor = clone_as(pid)
            self.assertEqual(impostor, pid)
            try:
                pairs, pidfd = credentials(
                    self.connection, name if speaks else passed_on.get_unique_name())
                self.assertEqual(dict(pairs)["ProcessID"], pid)  # now somebody else's
                if speaks:
                    self.assertEqual(pidfd is not None, is_known(SO_PEERPIDFD))
                if pidfd is not None:
                    self.assertEqual(pid_of(pidfd), -1)  # but this is not
                    self.assertEqual(LIBC.syscall(SYS_PIDFD_SEND_SIGNAL, pidfd, 0, None, 0), -1)
                    os.close(pidfd)
            finally:
                os.kill(impostor, signal.SIGKILL)
                os.waitpid(impostor, 0)
            if speaks:
                os.close(fd)
            else:
                passed_on.close_sync(None)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
