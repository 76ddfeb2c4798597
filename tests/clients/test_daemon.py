#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The daemon as a process: service manager, signals, open files, what it leaves behind; and the
pidfd in GetConnectionCredentials. It starts daemons of its own: $RINGBUS_DAEMON."""

import contextlib
import ctypes
import os
import re
import resource
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

import gi

gi.require_version("Gio", "2.0")
from gi.repository import Gio, GLib  # noqa: E402

DAEMON = os.environ["RINGBUS_DAEMON"]
PATIENCE_S = 60
PR_CAPBSET_DROP, CAP_SYS_RESOURCE = 24, 24
CONFIG = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>session</type><listen>%s</listen><auth>EXTERNAL</auth>%s
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/>
<allow own="*"/></policy></busconfig>
"""


def read_line(file):
    """A line that has to come in time."""
    ready, _, _ = select.select([file], [], [], PATIENCE_S)
    if not ready:
        raise TimeoutError("nothing was printed")
    return file.readline().strip()


class Daemon:
    """`shell`: a command for bash that ends in an exec of the daemon, "$0" "$@"."""

    def __init__(self, listen="unix:tmpdir=/tmp", arguments=("--print-address",), environment=None,
                 limits="", shell="", **popen):
        with tempfile.NamedTemporaryFile("w", suffix=".conf") as config:
            config.write(CONFIG % (listen, limits))
            config.flush()
            command = ["bash", "-c", shell] if shell else []
            command += [DAEMON, "--config-file=" + config.name, "--nofork", *arguments]
            for option, variable in (("--io", "IO"), ("--workers", "WORKERS")):
                wish = os.environ.get("RINGBUS_TEST_" + variable)
                if wish and not any(word.startswith(option) for word in arguments):
                    command.append(option + "=" + wish)
            self.process = subprocess.Popen(
                command, stdout=subprocess.PIPE, text=True,
                env={**os.environ, **(environment or {})}, **popen)
            self.address = read_line(self.process.stdout)  # "" if it ended without one

    def connect(self):
        return Gio.DBusConnection.new_for_address_sync(
            self.address, Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT
            | Gio.DBusConnectionFlags.MESSAGE_BUS_CONNECTION, None, None)

    def connect_raw(self):
        client = socket.socket(socket.AF_UNIX)
        client.settimeout(PATIENCE_S)
        client.connect(self.address.split("path=")[1].split(",")[0])
        return client

    def send_signal_taken(self, number):
        """Returns when the daemon has read it from its signalfd."""
        self.process.send_signal(number)
        until = time.monotonic() + PATIENCE_S
        while True:
            with open("/proc/%d/status" % self.process.pid, encoding="ascii") as status:
                pending = re.search(r"ShdPnd:\s*(\w+)", status.read())[1]
            if not int(pending, 16) >> (number - 1) & 1:
                return
            if time.monotonic() > until:
                raise TimeoutError("a signal is not taken")
            time.sleep(0.01)

    def wait(self):
        self.process.stdout.close()
        return self.process.wait(PATIENCE_S)

    def end(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        return self.wait()


def call(connection, member, parameters=None):
    return connection.call_with_unix_fd_list_sync(
        "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", member,
        parameters, None, Gio.DBusCallFlags.NONE, -1, None, None)


class DaemonTest(unittest.TestCase):
    def test_service_manager_is_told(self):
        with tempfile.TemporaryDirectory() as folder:
            path = folder + "/notify"
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
                notify.bind(path)
                notify.settimeout(PATIENCE_S)
                daemon = Daemon(environment={"NOTIFY_SOCKET": path})
                self.assertIn(b"READY=1", notify.recv(4096).split(b"\n"))
                self.assertEqual(daemon.end(), 0)
                self.assertIn(b"STOPPING=1", notify.recv(4096).split(b"\n"))

    def test_service_manager_is_told_of_a_reload(self):
        with tempfile.TemporaryDirectory() as folder:
            path = folder + "/notify"
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
                notify.bind(path)
                notify.settimeout(PATIENCE_S)
                daemon = Daemon(environment={"NOTIFY_SOCKET": path})
                self.assertIn(b"READY=1", notify.recv(4096).split(b"\n"))
                daemon.process.send_signal(signal.SIGHUP)
                told = notify.recv(4096).split(b"\n")
                self.assertEqual(told[0], b"RELOADING=1")
                self.assertTrue(told[1].startswith(b"MONOTONIC_USEC="))
                self.assertEqual(notify.recv(4096).split(b"\n")[0], b"READY=1")
                self.assertEqual(daemon.end(), 0)

    def test_socket_of_the_service_manager_serves_and_stays(self):

        with tempfile.TemporaryDirectory() as folder:
            path = folder + "/bus"
            with socket.socket(socket.AF_UNIX) as listener:
                listener.bind(path)
                listener.listen()
                # The shell's process becomes the daemon, so that LISTEN_PID is right.
                command = ('exec 3<&%d; LISTEN_FDS=1 LISTEN_PID=$$ exec "$0" "$@"'
                           % listener.fileno())
                with tempfile.NamedTemporaryFile("w", suffix=".conf") as config:
                    config.write(CONFIG % ("systemd:", ""))
                    config.flush()
                    process = subprocess.Popen(
                        ["bash", "-c", command, DAEMON, "--config-file=" + config.name,
                         "--nofork", "--print-address"], stdout=subprocess.PIPE, text=True,
                        pass_fds=[listener.fileno()])
                    address = read_line(process.stdout)
            self.assertTrue(address.startswith("unix:path=" + path), address)
            connection = Gio.DBusConnection.new_for_address_sync(
                address, Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT
                | Gio.DBusConnectionFlags.MESSAGE_BUS_CONNECTION, None, None)
            self.assertTrue(connection.get_unique_name())
            connection.close_sync(None)
            process.terminate()
            process.stdout.close()
            self.assertEqual(process.wait(PATIENCE_S), 0)
            self.assertTrue(os.path.exists(path))  # it is the service manager's

    def test_signals(self):
        daemon = Daemon()
        for number in (signal.SIGPIPE, signal.SIGHUP, signal.SIGUSR1):
            daemon.process.send_signal(number)
            self.assertTrue(call(daemon.connect(), "GetId"))
        self.assertEqual(daemon.end(signal.SIGINT), -signal.SIGINT)
        daemon = Daemon()
        self.assertEqual(daemon.end(signal.SIGTERM), 0)

    def test_nobody_reads_its_output(self):
        daemon = Daemon()
        daemon.process.stdout.close()
        connection = daemon.connect()
        for _ in range(20):
            call(connection, "GetId")
        daemon.process.send_signal(signal.SIGUSR1)
        self.assertTrue(call(connection, "GetId"))
        daemon.process.terminate()
        self.assertEqual(daemon.process.wait(PATIENCE_S), 0)

    def test_address_that_cannot_be_printed_ends_it(self):
        for option in ("--print-address", "--print-pid"):
            with tempfile.TemporaryDirectory() as folder:
                with tempfile.TemporaryFile("w+") as log:
                    daemon = Daemon("unix:path=%s/bus" % folder, [option + "=3"],
                                    shell='exec "$0" "$@" 3>/dev/full', stderr=log)
                    self.assertEqual(daemon.wait(), 1)
                    log.seek(0)
                    self.assertRegex(log.read(), "error: cannot print .*: No space left on device;")
                self.assertEqual(os.listdir(folder), [])

    def test_address_is_printed_by_a_bus_that_serves_only(self):
        def limit():
            # Else root may raise the limit; others need not be kept from it.
            ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, CAP_SYS_RESOURCE)
            resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))

        with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile("w+") as log:
            daemon = Daemon("unix:path=%s/bus" % folder, ["--print-address", "--workers=64"],
                            stderr=log, preexec_fn=limit)
            self.assertEqual(daemon.address, "")
            self.assertEqual(daemon.wait(), 1)
            log.seek(0)
            self.assertRegex(log.read(), "error: cannot start worker [0-9]+ of 64: Too many open "
                             "files; .*RLIMIT_NOFILE")
            self.assertEqual(os.listdir(folder), [])

    def test_nobody_reads_its_log(self):
        reader, writer = os.pipe()
        self.addCleanup(os.close, reader)
        daemon = Daemon(stderr=writer, limits='<limit name="auth_timeout">2000</limit>')
        self.addCleanup(daemon.process.kill)
        os.set_blocking(writer, False)
        with self.assertRaises(BlockingIOError):
            while os.write(writer, bytes(4096)):
                pass
        os.set_blocking(writer, True)
        os.close(writer)
        # The gate has to log that it closes this one, and the main thread its counters.
        with daemon.connect_raw() as silent:
            self.assertEqual(silent.recv(1), b"")
        for _ in range(2):  # when the second one is taken, the first one has been logged
            daemon.send_signal_taken(signal.SIGUSR1)
        until = time.monotonic() + PATIENCE_S
        while not self.is_let_in(daemon):  # within auth_timeout, if we are given the time
            self.assertLess(time.monotonic(), until)
        os.set_blocking(reader, False)
        read = b""  # whose line comes first, and when, is open
        while not re.search(rb"lines lost because .*: [1-9]", read):
            self.assertLess(time.monotonic(), until, read.lstrip(b"\0"))
            daemon.send_signal_taken(signal.SIGUSR1)
            with contextlib.suppress(BlockingIOError):
                while piece := os.read(reader, 65536):
                    read += piece
        self.assertEqual(daemon.end(), 0)

    @staticmethod
    def is_let_in(daemon):
        with daemon.connect_raw() as client, contextlib.suppress(ConnectionError):
            client.sendall(b"\0AUTH EXTERNAL " + str(os.getuid()).encode().hex().encode()
                           + b"\r\n")
            return client.recv(3) == b"OK "
        return False

    def test_closed_standard_descriptors_become_dev_null(self):
        daemon = Daemon(arguments=["--print-address=3"],
                        shell='exec "$0" "$@" 3>&1 <&- >&- 2>&-')
        self.addCleanup(daemon.process.kill)
        for fd in range(3):
            self.assertEqual(os.readlink("/proc/%d/fd/%d" % (daemon.process.pid, fd)),
                             "/dev/null")
        daemon.process.send_signal(signal.SIGUSR1)  # writes to descriptor 2
        self.assertTrue(call(daemon.connect(), "GetId"))
        self.assertEqual(daemon.end(), 0)

    def test_limit_of_open_files_is_raised(self):
        def lower():
            _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
            resource.setrlimit(resource.RLIMIT_NOFILE, (min(256, hard), hard))

        daemon = Daemon(preexec_fn=lower)
        soft, hard = resource.prlimit(daemon.process.pid, resource.RLIMIT_NOFILE)
        self.assertEqual(soft, hard)
        self.assertEqual(daemon.end(), 0)

    def test_runtime_folder_holds_the_socket_only(self):
        with tempfile.TemporaryDirectory() as folder:
            daemon = Daemon("unix:runtime=yes",
                            environment={"XDG_RUNTIME_DIR": folder})
            self.assertEqual(os.listdir(folder), ["bus"])
            self.assertTrue(call(daemon.connect(), "GetId"))
            self.assertEqual(daemon.end(), 0)
            self.assertEqual(os.listdir(folder), [])

    def test_credentials_hold_a_pidfd(self):
        daemon = Daemon()
        connection = daemon.connect()
        asked = GLib.Variant("(s)", (connection.get_unique_name(),))
        reply, fds = call(connection, "GetConnectionCredentials", asked)
        keys = reply.unpack()[0]
        self.assertEqual(keys["ProcessID"], os.getpid())
        self.assertEqual(keys["UnixUserID"], os.getuid())
        try:
            with socket.socketpair()[0] as one:
                os.close(one.getsockopt(socket.SOL_SOCKET, 77))  # SO_PEERPIDFD, Linux 6.5
        except OSError:
            self.assertNotIn("ProcessFD", keys)
        else:
            fd = fds.get(keys["ProcessFD"])
            with open("/proc/self/fdinfo/%d" % fd, encoding="ascii") as info:
                self.assertIn("Pid:\t%d\n" % os.getpid(), info.readlines())
            os.close(fd)
        connection.close_sync(None)
        self.assertEqual(daemon.end(), 0)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
