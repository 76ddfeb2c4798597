#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Authentication as clients meet it: DBUS_COOKIE_SHA1 with libdbus and GDBus, one keyring for two
buses, a keyring that cannot be used, and hostile clients; and the same words as the reference in
every talk. It starts daemons of its own: $RINGBUS_DAEMON and dbus-daemon, each with a HOME of its
own."""

import hashlib
import os
import re
import select
import signal
import socket
import subprocess
import tempfile
import time
import unittest

DAEMON = os.environ["RINGBUS_DAEMON"]
REFERENCE = "/usr/bin/dbus-daemon"
PATIENCE_S = 60
THROTTLE_S = 10  # a reason is logged once in this time
CONFIG = """<busconfig><listen>unix:path=%s</listen>%s<policy context="default">
<allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/></policy>
</busconfig>
"""
COOKIES = "<auth>DBUS_COOKIE_SHA1</auth>"
ALL = "<auth>EXTERNAL</auth><auth>DBUS_COOKIE_SHA1</auth><auth>ANONYMOUS</auth>"
DRIVER = ["--print-reply", "--dest=org.freedesktop.DBus", "/org/freedesktop/DBus"]

# Asks the bus at argv[1] with the method argv[2] who it is itself.
ASK_ABOUT_SELF = """
import sys, gi
gi.require_version("Gio", "2.0")
from gi.repository import Gio, GLib
flags = Gio.DBusConnectionFlags
bus = Gio.DBusConnection.new_for_address_sync(
    sys.argv[1], flags.AUTHENTICATION_CLIENT | flags.MESSAGE_BUS_CONNECTION, None, None)
print(bus.call_sync("org.freedesktop.DBus", "/", "org.freedesktop.DBus", sys.argv[2],
                    GLib.Variant("(s)", (bus.get_unique_name(),)), None, 0, -1, None).print_(True))
"""


class Bus:
    """A daemon in `folder`, which holds its socket, log and, if no `home` is given, its HOME."""

    n_buses = 0

    def __init__(self, folder, daemon=DAEMON, auth="", home=None, environment=None,
                 arguments=()):
        Bus.n_buses += 1
        self.home = folder if home is None else home
        self.path = f"{folder}/bus{Bus.n_buses}"
        self.address = "unix:path=" + self.path
        self.log_path = self.path + ".log"
        with open(self.path + ".conf", "w", encoding="ascii") as config:
            config.write(CONFIG % (self.path, auth))
        command = [daemon, f"--config-file={self.path}.conf", "--nofork", "--print-address",
                   *arguments]
        for option, variable in (("--io", "IO"), ("--workers", "WORKERS")):
            wish = os.environ.get("RINGBUS_TEST_" + variable)
            if wish and daemon != REFERENCE:
                command.append(option + "=" + wish)
        self.environment = {**os.environ, "HOME": self.home, **(environment or {})}
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True,
                                            env=self.environment)
        ready, _, _ = select.select([self.process.stdout], [], [], PATIENCE_S)
        self.printed = self.process.stdout.readline() if ready else ""
        assert self.printed, self.log()

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as log:
            return log.read()

    def wait_for_log(self, pattern):
        """The match in the log, which has to come in time."""
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            match = re.search(pattern, self.log())
            if match:
                return match
            time.sleep(0.05)
        raise TimeoutError(f"no {pattern!r} in {self.log()!r}")

    def send(self, *message, home=None):
        """dbus-send: the finished process."""
        environment = {**self.environment, "HOME": self.home if home is None else home}
        return subprocess.run(["dbus-send", "--bus=" + self.address, *DRIVER, *message],
                              env=environment, capture_output=True, text=True, check=False,
                              timeout=PATIENCE_S)

    def get_id(self, home=None):
        return self.send("org.freedesktop.DBus.GetId", home=home)

    def keys(self):
        """The keyring's lines, each as [id, time, cookie]."""
        with open(self.home + "/.dbus-keyrings/org_freedesktop_general", encoding="ascii") as file:
            text = file.read()
        assert text.endswith("\n"), text
        return [line.split(" ") for line in text.splitlines()]

    def connect(self):
        client = socket.socket(socket.AF_UNIX)
        client.settimeout(PATIENCE_S)
        client.connect(self.path)
        return client

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.stdout.close()
        return self.process.wait(PATIENCE_S)


def encode(data):
    return (data.encode() if isinstance(data, str) else data).hex().encode()


def read_line(client):
    """A line, or b"END" if the connection was closed."""
    reply = b""
    try:
        while not reply.endswith(b"\n"):
            data = client.recv(4096)
            if not data:
                return b"END"
            reply += data
    except ConnectionResetError:
        return b"END"
    return reply


class Response:
    """The right answer to the last challenge, or one that is wrong in a certain way."""

    def __init__(self, challenge="abc", blank=" ", tail="", digest=lambda text: text,
                 upper=False):
        self.challenge, self.blank, self.tail = challenge, blank, tail
        self.digest, self.upper = digest, upper

    def compute(self, bus, data):
        context, key_id, server = bytes.fromhex(data.split()[1].decode()).decode().split(" ")
        assert context == "org_freedesktop_general" and re.fullmatch("[0-9a-f]{32}", server)
        cookie = [key[2] for key in bus.keys() if key[0] == key_id][0]
        text = f"{server}:{self.challenge}:{cookie}"
        digest = self.digest(hashlib.sha1(text.encode()).hexdigest())
        line = encode(self.challenge + self.blank + digest + self.tail)
        return b"DATA " + (line.upper() if self.upper else line)


def hold_talk(bus, lines):
    """What the bus says to each line, with guid and challenge taken out."""
    said = []
    challenge = b""
    with bus.connect() as client:
        client.sendall(b"\0")
        for line in lines:
            sent = line.compute(bus, challenge) if isinstance(line, Response) else line
            try:
                client.sendall(sent + b"\r\n")
            except (BrokenPipeError, ConnectionResetError):
                data = b"END"
            else:
                data = read_line(client)
            challenge = data if data.startswith(b"DATA ") else challenge
            said.append(re.sub(rb"(?<=OK )[0-9a-f]{32}|(?<=DATA )[0-9a-f]{20,}", b"X", data))
            if data == b"END":
                break
    return said


ASK = b"AUTH DBUS_COOKIE_SHA1 " + encode(str(os.geteuid()))
TALKS = (
    [b"AUTH"],
    [b"AUTH DBUS_COOKIE_SHA1", b"DATA " + encode("0")],
    [b"AUTH DBUS_COOKIE_SHA1 zz", b"DATA " + encode("0")],
    [b"AUTH DBUS_COOKIE_SHA1 " + encode("nobody")],
    [b"AUTH DBUS_COOKIE_SHA1 " + encode(str(os.geteuid() + 1))],
    [b"AUTH DBUS_COOKIE_SHA1 " + encode("no such user")],
    [ASK, Response(), b"NEGOTIATE_UNIX_FD", b"CANCEL", ASK, Response()],
    [ASK, Response("a" * 3000)],
    [ASK, Response(blank="\t")],
    [ASK, Response(blank="  \t")],
    [ASK, Response(tail=" ")],
    [ASK, Response(challenge="")],
    [ASK, Response(upper=True)],
    [ASK, Response(digest=str.upper)],
    [ASK, Response(digest=lambda text: text[:-1])],
    [ASK, Response(digest=lambda text: text + "0")],
    [ASK, b"DATA", ASK],
    [ASK, b"DATA zz", b"DATA " + encode("x"), b"DATA " + encode("x y")],
    [ASK, b"DATA " + encode("x y"), ASK, b"DATA " + encode("x y"), ASK, b"ERROR", ASK, b"CANCEL",
     b"ERROR", b"AUTH", b"AUTH"],
    [ASK, b"BEGIN"],
    [ASK, ASK, b"NEGOTIATE_UNIX_FD", b"BOGUS", b"\x80", b"OK", b"REJECTED", b"", Response()],
    [b"AUTH ANONYMOUS", b"NEGOTIATE_UNIX_FD", b"CANCEL", b"AUTH EXTERNAL", b"DATA"],
    [b"AUTH ANONYMOUS", b"BEGIN"],
    [b"AUTH ANONYMOUS " + encode("hello"), b"AUTH", b"DATA", b"ERROR"],
    [b"AUTH ANONYMOUS " + encode("é"), b"BEGIN"],
    [b"AUTH ANONYMOUS fffe", b"BEGIN"],
    [b"AUTH ANONYMOUS zz", b"DATA"],
    [b"AUTH ANONYMOUS 610062"],
)


class AuthenticationTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.buses = []

    def start(self, *arguments, **options):
        bus = Bus(self.folder, *arguments, **options)
        self.buses.append(bus)
        return bus

    def tearDown(self):
        for bus in self.buses:
            status = bus.end()
            self.assertEqual(status, 0, bus.log())
            self.assertNotIn("Sanitizer", bus.log())

    def home(self, name):
        path = f"{self.folder}/{name}"
        os.mkdir(path, 0o700)
        return path

    def assert_works(self, finished):
        self.assertEqual((finished.returncode, finished.stderr), (0, ""))
        self.assertRegex(finished.stdout, r'string "[0-9a-f]{32}"')

    def test_says_what_the_reference_says(self):
        """Every cell of the state table by cookie and anonymous, live."""
        ours = self.start()
        reference = self.start(REFERENCE)
        for talk in TALKS:
            with self.subTest(talk=talk):
                expected = hold_talk(reference, talk)
                self.assertNotEqual(expected[0], b"END")
                self.assertEqual(hold_talk(ours, talk), expected)

    def test_libdbus_and_gdbus_by_cookie_only(self):
        bus = self.start(auth=COOKIES)
        self.assertEqual(hold_talk(bus, [b"AUTH"]), [b"REJECTED DBUS_COOKIE_SHA1\r\n"])
        self.assert_works(bus.get_id())
        done = subprocess.run(["gdbus", "call", "-a", bus.address, "-d", "org.freedesktop.DBus",
                               "-o", "/", "-m", "org.freedesktop.DBus.GetId"],
                              env=bus.environment, capture_output=True, text=True, check=False,
                              timeout=PATIENCE_S)
        self.assertEqual(done.returncode, 0, done.stderr)
        # Without the keyring there is no way in.
        self.assertNotEqual(bus.get_id(home=self.home("elsewhere")).returncode, 0)
        self.assertEqual(os.stat(self.folder + "/.dbus-keyrings").st_mode & 0o777, 0o700)
        self.assertEqual(os.stat(self.folder + "/.dbus-keyrings/org_freedesktop_general").st_mode
                         & 0o777, 0o600)

    def test_credentials_behind_a_cookie(self):
        bus = self.start(auth=COOKIES)
        own = subprocess.run(
            ["gdbus", "call", "-a", bus.address, "-d", "org.freedesktop.DBus", "-o", "/", "-m",
             "org.freedesktop.DBus.GetConnectionUnixUser", ":1.0"],
            env=bus.environment, capture_output=True, text=True, check=True, timeout=PATIENCE_S)
        self.assertEqual(own.stdout.strip(), f"(uint32 {os.geteuid()},)")

    def test_anonymous_is_nobody(self):
        """Let in by <allow_anonymous/>, with a word in the log; nobody's uid is told, to no one."""
        bus = self.start(auth="<auth>ANONYMOUS</auth><allow_anonymous/>")
        self.assertRegex(bus.log(), "this bus is open: <allow_anonymous/> lets in whoever")
        self.assert_works(bus.get_id())
        for member, answer in (("GetConnectionUnixUser", "Could not determine UID for ':1."),
                               ("GetConnectionCredentials", "<uint32 "),
                               ("GetConnectionUnixProcessID", "(uint32 ")):
            done = subprocess.run(
                ["/usr/bin/python3", "-c", ASK_ABOUT_SELF, bus.address, member],
                env=bus.environment, capture_output=True, text=True, check=False,
                timeout=PATIENCE_S)
            self.assertIn(answer, done.stdout + done.stderr)
            self.assertNotIn("UnixUserID", done.stdout)
            self.assertNotIn("UnixGroupIDs", done.stdout)
        closed = self.start(auth="<auth>ANONYMOUS</auth>")
        self.assertNotEqual(closed.get_id().returncode, 0)
        self.assertNotIn("this bus is open", closed.log())

    def test_tcp_that_lets_nobody_in_is_said_so(self):
        tcp = "<listen>tcp:host=127.0.0.1</listen>"
        for auth, is_warned in (("<auth>EXTERNAL</auth>", True),
                                ("<auth>EXTERNAL</auth><auth>ANONYMOUS</auth>", True),
                                ("<auth>ANONYMOUS</auth><allow_anonymous/>", False),
                                ("<auth>EXTERNAL</auth>" + COOKIES, False), ("", False)):
            with self.subTest(auth=auth):
                log = self.start(auth=auth + tcp).log()
                self.assertEqual("nobody can be let in over TCP: " in log, is_warned)
        self.assertNotIn("over TCP", self.start(auth="<auth>EXTERNAL</auth>").log())

    def test_two_buses_and_the_reference_share_a_keyring(self):
        buses = [self.start(auth=COOKIES), self.start(REFERENCE, auth=COOKIES),
                 self.start(auth=COOKIES)]
        for _ in range(3):
            for bus in buses:
                self.assert_works(bus.get_id())
        self.assertEqual(len(buses[0].keys()), 1)
        # A key that is too old for challenges: whoever is asked next adds one, and all go on.
        for bus in buses:
            key = buses[0].keys()[-1]
            stale = f"{key[0]} {int(key[1]) - 310} {key[2]}\n"
            path = self.folder + "/.dbus-keyrings/org_freedesktop_general"
            with open(path + ".new", "w", encoding="ascii", opener=lambda name, flags:
                      os.open(name, flags, 0o600)) as file:
                file.write(stale)
            os.rename(path + ".new", path)
            self.assert_works(bus.get_id())
            self.assertEqual(len(bus.keys()), 2)
            for other in buses:
                self.assert_works(other.get_id())
            self.assertEqual(len(bus.keys()), 2)

    def test_the_timer_makes_the_next_cookie(self):
        """A key that is nearly too old: the bus adds one by itself, without a client."""
        os.mkdir(self.folder + "/.dbus-keyrings", 0o700)
        with open(self.folder + "/.dbus-keyrings/org_freedesktop_general", "w", encoding="ascii",
                  opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
            file.write(f"5 {int(time.time()) - 238} abcdef\n")
        bus = self.start(auth=COOKIES)
        end = time.monotonic() + PATIENCE_S
        while len(bus.keys()) < 2 and time.monotonic() < end:
            time.sleep(0.1)
        keys = bus.keys()
        self.assertEqual([key[0] for key in keys[:-1]], ["5"])
        self.assertEqual(len(keys[1][2]), 48)
        self.assert_works(bus.get_id())

    def test_keyring_that_cannot_be_used(self):
        """The mechanism is gone, one line says why, EXTERNAL goes on."""
        folder = self.home("open")
        os.mkdir(folder + "/.dbus-keyrings", 0o755)
        bus = self.start(home=folder, auth=ALL)
        bus.wait_for_log(r"DBUS_COOKIE_SHA1 is not offered: .*/\.dbus-keyrings is open to others "
                         r"\(mode 0755\); chmod it to 0700")
        self.assertEqual(hold_talk(bus, [b"AUTH", ASK]), [b"REJECTED EXTERNAL ANONYMOUS\r\n"] * 2)
        self.assert_works(bus.get_id())
        self.assertEqual(bus.log().count("not offered"), 1)
        for name, hint in (("/nonexistent", "cannot be opened"), ("/proc/self", "writable")):
            bus = self.start(home=name, auth=ALL)
            bus.wait_for_log("not offered: .*" + hint)
            self.assert_works(bus.get_id())

    def test_keyring_is_left_alone_until_it_is_wanted(self):
        """Without <auth> all mechanisms are allowed, and nearly all clients take EXTERNAL."""
        bus = self.start()
        self.assert_works(bus.get_id())
        self.assertNotIn(".dbus-keyrings", os.listdir(self.folder))
        self.assertEqual(hold_talk(bus, [ASK, Response()]),
                         [b"DATA X\r\n", b"OK X\r\n"])
        self.assertEqual(len(bus.keys()), 1)
        folder = self.home("open")
        os.mkdir(folder + "/.dbus-keyrings", 0o755)
        bus = self.start(home=folder)
        self.assertEqual(hold_talk(bus, [ASK, b"AUTH"]), [b"REJECTED EXTERNAL ANONYMOUS\r\n"] * 2)

    def test_home_behind_a_symlink_is_a_home(self):
        link = self.folder + "/link"
        os.symlink(self.folder, link)
        bus = self.start(auth=COOKIES, home=link)
        self.assert_works(bus.get_id())
        self.assertEqual(len(bus.keys()), 1)

    def test_refusals_are_logged_with_their_reason(self):
        bus = self.start()
        cases = (
            (b"x", "it did not begin with a nul byte"),
            (b"\0BEGIN\r\n", "it said BEGIN before it was authenticated"),
            (b"\0" + b"AUTH\r\n" * 6, "it failed to authenticate six times"),
            (b"\0" + b"a" * 20000, "it sent 16 KiB without the end of a line"),
            (b"\0AUTH ANONYMOUS\r\nBEGIN\r\n", "it is anonymous, and <allow_anonymous/> is not"),
        )
        for data, reason in cases:
            begin = time.monotonic()
            for _ in range(3):
                with bus.connect() as client:
                    client.sendall(data)
                    while read_line(client) != b"END":
                        pass
            match = bus.wait_for_log(r"Refused a connection of uid (\d+), pid (\d+) \((.*)\): "
                                     + re.escape(reason))
            self.assertEqual(int(match[1]), os.geteuid())
            self.assertEqual(int(match[2]), os.getpid())
            self.assertEqual(match[3], os.path.realpath("/proc/self/exe"))
            n_lines_max = 1 + (time.monotonic() - begin) // THROTTLE_S
            self.assertLessEqual(bus.log().count(reason), n_lines_max)
        bus.process.send_signal(signal.SIGUSR1)
        match = bus.wait_for_log(r"gate: accepted=(\d+) admitted=0 refused=(\d+) timed_out=0 "
                                 r"incomplete=0 (.*)")
        self.assertEqual((match[1], match[2]), ("15", "15"))
        for word in ("first_byte", "begin", "attempts", "line", "anonymous"):
            self.assertIn(f"refused_{word}=3", match[3])


if __name__ == "__main__":
    unittest.main(verbosity=2)
