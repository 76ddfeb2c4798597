#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What strace and ss show of the bus: who it is that connected is asked once, all of that happens
at the gate, and no message causes any of it again. The daemon is $RINGBUS_DAEMON."""

import os
import re
import subprocess
import sys
import tempfile
import time
import unittest
from typing import NamedTuple
from unittest import mock

import test_authentication
from test_authentication import COOKIES, DAEMON, PATIENCE_S

EXTERNAL = "<auth>EXTERNAL</auth>"
SKIPPED = 77  # for ctest
TRACER = """#!/bin/sh
exec strace -D -f -s 512 -o '%s' -e trace=%%network,%%file,close,io_uring_enter '%s' "$@"
"""
PIDFD = r"(?:SO_PEERPIDFD|0x4d)"
CREDENTIALS = re.compile(
    r"getsockopt\(\d+, SOL_SOCKET, (?:SO_PEERCRED|SO_PEERGROUPS|SO_PEERSEC|%s)\b" % PIDFD)
# What a question about an account or a secret would open. A sanitizer opens files of its own.
AUTHENTICATION_FILES = re.compile(r'"[^"]*(?:\.dbus-keyrings|/etc/|/proc/\d+/|nscd|userdb)')


class Call(NamedTuple):
    """Begun and ended in these lines of the trace."""
    begun: int
    ended: int
    thread: str
    text: str


def read_trace(path):
    """The calls in the order of their ends."""
    pending = {}
    calls = []
    with open(path, encoding="ascii", errors="replace") as file:
        for number, line in enumerate(file):
            thread, text = line.rstrip("\n").split(maxsplit=1)
            begun = number
            if text.startswith(("+++", "---")):
                continue
            resumed = re.match(r"<\.\.\. \w+ resumed>", text)
            if resumed:
                begun, first = pending.pop(thread)
                text = first + text[resumed.end():]
            if text.endswith(" <unfinished ...>"):
                pending[thread] = (begun, text[:-len(" <unfinished ...>")])
            else:
                calls.append(Call(begun, number, thread, text))
    return calls


def received(text):
    """What a call has read, as strace writes it, or nothing."""
    match = re.match(r'(?:recvmsg|recvfrom|read)\(.*?"((?:[^"\\]|\\.)*)"', text)
    return match[1] if match and not text.endswith("= 0") else ""


class Story:
    """A connection from accept to close: `calls` name its descriptor, `since_begin` are all that
    any thread made from BEGIN on."""

    def __init__(self, trace):
        accept = next(call for call in trace if re.match(r"accept4?\(.* = \d+$", call.text))
        name = re.compile(r"\w+\(%s\b" % accept.text.rsplit(" ", 1)[1])
        calls = [call for call in trace if call.begun > accept.ended and name.match(call.text)]
        close = next(call for call in calls if call.text.startswith("close("))
        begin = next(call for call in calls if "BEGIN\\r\\n" in received(call.text))
        self.trace = trace
        self.gate = accept.thread
        self.calls = [call for call in calls if call.begun <= close.begun]
        self.before = [call.text for call in self.calls if call.begun <= begin.begun]
        self.since_begin = [call for call in trace if begin.ended < call.begun < close.begun]

    def messages(self):
        """What happens to the descriptor behind the handshake."""
        return [call.text for call in self.calls[len(self.before):] if call.thread != self.gate]

    def n_asked(self, option):
        return sum(re.search(r"SOL_SOCKET, %s\b" % option, call.text) is not None
                   for call in self.calls)


class SystemCallsTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def run_traced(self, auth):
        """The trace of a bus that one client asked for its id, from its beginning to its end."""
        trace, tracer = self.folder + "/trace", self.folder + "/tracer"
        with open(tracer, "w", encoding="ascii") as script:
            script.write(TRACER % (trace, DAEMON))
        os.chmod(tracer, 0o755)
        leaks = os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"  # it would use ptrace itself
        bus = test_authentication.Bus(self.folder, daemon=tracer, auth=auth,
                                      environment={"ASAN_OPTIONS": leaks})
        self.wait_for_cookie(auth)
        done = bus.get_id()
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(bus.end(), 0, bus.log())
        ended = re.compile(r"^%d +\+\+\+ exited with 0 \+\+\+$" % bus.process.pid, re.M)
        until = time.monotonic() + PATIENCE_S
        while True:  # strace writes it behind the daemon's back
            with open(trace, encoding="ascii", errors="replace") as file:
                if ended.search(file.read()):
                    return read_trace(trace)
            self.assertLess(time.monotonic(), until, "strace does not end")
            time.sleep(0.02)

    def wait_for_cookie(self, auth):
        """The bus makes the first one by itself, whenever that is; it locks the keyring for it."""
        folder = self.folder + "/.dbus-keyrings"
        until = time.monotonic() + PATIENCE_S
        while auth == COOKIES and (not os.path.isdir(folder) or os.listdir(folder)
                                   != ["org_freedesktop_general"]):
            self.assertLess(time.monotonic(), until, "the bus makes no cookie")
            time.sleep(0.02)

    def check(self, auth, first_line):
        """What holds for each mechanism and backend."""
        story = Story(self.run_traced(auth))
        self.assertRegex(story.before[0], r"^getsockopt\(\d+, SOL_SOCKET, SO_PEERCRED, \{pid=\d+, "
                         r"uid=%d, gid=" % os.geteuid())
        heard = "".join(map(received, story.before))
        self.assertTrue(heard.startswith(r"\0AUTH %s " % first_line), heard)
        self.assertEqual(story.n_asked("SO_PEERCRED"), 1)
        for option in ("SO_PEERGROUPS", "SO_PEERSEC"):  # a second time if the answer is long
            self.assertIn(story.n_asked(option), (1, 2), option)
        self.assertEqual(story.n_asked(PIDFD), 0)  # no client asked the bus for it
        self.check_since_begin(story)
        return story

    def check_since_begin(self, story):
        """The gate asks the kernel and looks up one name for its log; nobody else asks anything."""
        rest = []
        for _, _, thread, text in story.since_begin:
            if thread != story.gate:
                self.assertIsNone(CREDENTIALS.search(text), text)
                self.assertIsNone(AUTHENTICATION_FILES.search(text), text)
            elif not CREDENTIALS.match(text) and not text.startswith(("close(", "accept4(")):
                rest.append(text)
        self.assertRegex(" ".join(rest), r'^(openat\(AT_FDCWD, "/proc/\d+/comm", [^)]*\) = \d+)?$')
        for text in story.messages():
            self.assertRegex(text, r"^(recvmsg|recvfrom|sendmsg|sendto|shutdown|close)\(")

    @staticmethod
    def uses_ring(story):
        """Before, the bus looks whether there is io_uring, whatever it uses."""
        return any(call.text.startswith("io_uring_enter(") for call in story.since_begin)

    def check_messages(self, story):
        """epoll: Hello, which may have come with BEGIN, its reply, the next call, the end."""
        texts = story.messages()
        names = [text.split("(")[0] for text in texts]
        self.assertLessEqual(names.index("sendmsg"), 1, texts)
        self.assertIn(":1.0", texts[names.index("sendmsg")])
        self.assertIn("GetId", "".join(map(received, texts)))
        self.assertEqual(names.count("close"), 1)
        self.assertEqual(names[-1], "close")

    def test_external_is_asked_once_and_at_the_gate(self):
        story = self.check(EXTERNAL, "EXTERNAL")
        if self.uses_ring(story):
            names = {text.split("(")[0] for text in story.messages()}
            self.assertLessEqual(names, {"shutdown", "close"})  # the ring carries the rest
        else:
            self.check_messages(story)

    @mock.patch.dict(os.environ, RINGBUS_TEST_IO="epoll")
    def test_external_on_epoll_from_accept_to_close(self):
        story = self.check(EXTERNAL, "EXTERNAL")
        self.assertFalse(self.uses_ring(story))
        self.check_messages(story)

    @mock.patch.dict(os.environ, RINGBUS_TEST_IO="epoll")
    def test_keyring_is_read_before_begin_only(self):
        story = self.check(COOKIES, "EXTERNAL")  # which libdbus tries first
        self.assertTrue([call for call in story.trace if ".dbus-keyrings" in call.text])
        self.assertFalse([call for call in story.since_begin if ".dbus-keyrings" in call.text])
        self.check_messages(story)


class ListenersTest(unittest.TestCase):
    def ss(self, *arguments):
        return subprocess.run(["ss", "--no-header", "--listening", "--processes", "--numeric",
                               *arguments], capture_output=True, text=True, check=True,
                              timeout=PATIENCE_S).stdout

    def test_ss_shows_the_listeners_and_whose_they_are(self):
        with tempfile.TemporaryDirectory() as folder:
            bus = test_authentication.Bus(folder, auth=COOKIES + "<listen>unix:abstract=%s</listen>"
                                          "<listen>tcp:host=127.0.0.1</listen>" % folder)
            port = re.search(r"tcp:\S*port=(\d+)", bus.printed)[1]
            ours = r' users:\(\("%s",pid=%d,fd=\d+\)\)' % (
                os.path.basename(DAEMON)[:15], bus.process.pid)
            unix = self.ss("--unix")
            for name in (bus.path, "@" + folder):
                self.assertRegex(unix, r"(?m)^u_str +LISTEN +0 +\d+ +%s .*%s" % (
                    re.escape(name), ours))
            self.assertRegex(self.ss("--tcp"), r"(?m)^LISTEN +0 +\d+ +127\.0\.0\.1:%s .*%s" % (
                port, ours))
            self.assertEqual(bus.end(), 0, bus.log())
            self.assertNotIn(folder, self.ss("--unix"))


def main():
    is_permitted = subprocess.run(["strace", "-D", "-f", "-o", "/dev/null", "true"],
                                  capture_output=True, check=False).returncode == 0
    cases = [ListenersTest] + ([SystemCallsTest] if is_permitted else [])
    loader = unittest.TestLoader()
    suite = unittest.TestSuite(map(loader.loadTestsFromTestCase, cases))
    if not unittest.TextTestRunner(verbosity=2).run(suite).wasSuccessful():
        return 1
    if not is_permitted:
        print("skipped: ptrace is not permitted here, so strace shows nothing")
        return SKIPPED
    return 0


if __name__ == "__main__":
    sys.exit(main())
