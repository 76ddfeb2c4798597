#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What the command line and the configuration make the process do: going into the background, the
pid file, another user, --check-config. It starts daemons of its own: $RINGBUS_DAEMON."""

import os
import pwd
import resource
import shutil
import signal
import stat
import subprocess
import sys
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
IS_ROOT = os.getuid() == 0


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


class ProcessTest(unittest.TestCase):
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

    # Into the background.

    def check_background(self, pid, mask):
        status = status_of(pid)
        self.assertEqual(os.readlink("/proc/%d/cwd" % pid), "/")
        self.assertEqual(os.getsid(pid), pid)
        self.assertEqual(int(status["Umask"], 8), mask)
        for fd in range(3):
            self.assertEqual(os.readlink("/proc/%d/fd/%d" % (pid, fd)), "/dev/null")

    def test_fork_leaves_a_bus_behind(self):
        for arguments, elements in ((["--fork"], ""), ([], "<fork/>")):
            address, pid = self.start_in_background(*arguments, elements=elements)
            self.check_background(pid, 0o022)
            self.assertEqual(len(get_id(self.address_of(address))), 32)
            self.end(pid)
            self.assertNotIn("bus", os.listdir(self.folder))  # a relative path, from another folder

    def test_fork_keeps_the_umask_if_told(self):
        _, pid = self.start_in_background(elements="<fork/><keep_umask/>",
                                          preexec_fn=lambda: os.umask(0o027))
        self.check_background(pid, 0o027)
        self.end(pid)
        _, pid = self.start_in_background(elements="<fork/>", preexec_fn=lambda: os.umask(0o027))
        self.check_background(pid, 0o022)
        self.end(pid)

    def test_fork_keeps_standard_error_for_debugging(self):
        with open(self.path("log"), "w", encoding="utf-8") as log:
            command = [DAEMON, "--config-file=" + self.write("<listen>unix:path=bus</listen>"),
                       "--fork", "--print-pid", *backend_options()]
            result = subprocess.run(command, cwd=self.folder, stdout=subprocess.PIPE, stderr=log,
                                    env={**os.environ, "DBUS_DEBUG_OUTPUT": "1"}, check=True)
        pid = int(result.stdout)
        self.background.append(pid)
        self.assertEqual(os.readlink("/proc/%d/fd/2" % pid), self.path("log"))
        self.end(pid)

    def test_fork_that_fails_tells_who_started_it(self):
        result = self.run_daemon("--fork", "--print-address=3", elements="<pidfile>pid</pidfile>",
                                 preexec_fn=lambda: os.dup2(os.open("/dev/full", os.O_WRONLY), 3),
                                 pass_fds=[3])
        self.assertEqual(result.returncode, 1)
        self.assertIn("No space left on device", result.stderr)
        self.assertEqual(os.listdir(self.folder), ["conf"])

    def test_nofork_wins_over_the_configuration(self):
        process, address = self.start(elements="<fork/>")
        self.assertEqual(len(get_id(self.address_of(address))), 32)
        self.assertEqual(os.readlink("/proc/%d/fd/0" % process.pid), "/dev/null")
        process.terminate()
        self.assertEqual(process.wait(PATIENCE_S), 0)

    def test_inherited_descriptors_are_marked(self):
        reader, writer = os.pipe()
        self.addCleanup(os.close, reader)
        self.addCleanup(os.close, writer)
        process, _ = self.start(pass_fds=[writer])
        with open("/proc/%d/fdinfo/%d" % (process.pid, writer), encoding="ascii") as info:
            flags = [int(line.split()[1], 8) for line in info if line.startswith("flags:")]
        self.assertTrue(flags[0] & os.O_CLOEXEC)
        process.terminate()
        self.assertEqual(process.wait(PATIENCE_S), 0)

    # The pid file.

    def read_pid(self):
        with open(self.path("pid"), encoding="ascii") as file:
            return file.read()

    def test_pidfile_is_there_while_the_bus_is(self):
        for arguments in ([], ["--fork"]):
            _, pid = self.start_in_background("--fork", *arguments,
                                              elements="<pidfile>pid</pidfile>")
            self.assertEqual(self.read_pid(), "%d\n" % pid)
            self.end(pid)
            self.assertFalse(os.path.exists(self.path("pid")))
        process, _ = self.start(elements="<pidfile>pid</pidfile>")
        self.assertEqual(self.read_pid(), "%d\n" % process.pid)
        self.assertEqual(stat.S_IMODE(os.stat(self.path("pid")).st_mode) & 0o644, 0o644)
        process.terminate()
        self.assertEqual(process.wait(PATIENCE_S), 0)
        self.assertFalse(os.path.exists(self.path("pid")))

    def test_pidfile_of_another_bus_refuses_the_start(self):
        process, address = self.start(elements="<pidfile>pid</pidfile>")
        result = self.run_daemon("--nofork", elements="<pidfile>pid</pidfile>")
        self.assertEqual(result.returncode, 1)
        self.assertRegex(result.stderr, 'the pid file ".*pid" exists; .*remove the file')
        self.assertEqual(self.read_pid(), "%d\n" % process.pid)
        self.assertEqual(len(get_id(self.address_of(address))), 32)  # its socket is untouched
        process.terminate()
        self.assertEqual(process.wait(PATIENCE_S), 0)

    def test_pidfile_that_is_not_ours_any_more_stays(self):
        process, _ = self.start(elements="<pidfile>pid</pidfile>")
        os.rename(self.path("pid"), self.path("old"))
        shutil.copy(self.path("old"), self.path("pid"))
        process.terminate()
        self.assertEqual(process.wait(PATIENCE_S), 0)
        self.assertTrue(os.path.exists(self.path("pid")))

    def test_nopidfile_writes_none(self):
        process, _ = self.start("--nopidfile", elements="<pidfile>pid</pidfile>")
        self.assertFalse(os.path.exists(self.path("pid")))
        process.terminate()
        self.assertEqual(process.wait(PATIENCE_S), 0)

    def test_pidfile_that_cannot_be_written_leaves_nothing(self):
        result = self.run_daemon("--nofork", elements="<pidfile>none/pid</pidfile>")
        self.assertEqual(result.returncode, 1)
        self.assertRegex(result.stderr, "cannot write the pid file .*No such file .*--nopidfile")
        self.assertEqual(os.listdir(self.folder), ["conf"])

    # Another user.

    def test_user_that_we_are_needs_no_privilege(self):
        for name in (pwd.getpwuid(os.getuid()).pw_name, str(os.getuid())):
            groups = os.getgroups()
            process, address = self.start(elements="<user>%s</user>" % name)
            self.assertEqual(len(get_id(self.address_of(address))), 32)
            self.assertEqual([int(gid) for gid in status_of(process.pid)["Groups"].split()],
                             sorted(groups))
            process.terminate()
            self.assertEqual(process.wait(PATIENCE_S), 0)

    def test_user_unknown_refused_before_anything_is_made(self):
        for name in ("nobody-knows-me", "4294967294"):
            result = self.run_daemon("--nofork", elements="<user>%s</user>" % name)
            self.assertEqual(result.returncode, 1)
            self.assertRegex(result.stderr, "<user>%s</user>: nobody knows this user" % name)
            self.assertEqual(os.listdir(self.folder), ["conf"])

    def as_nobody(self):
        """What makes a daemon run as nobody, if we are root; and a daemon that nobody may run."""
        nobody = pwd.getpwnam("nobody")
        copy = os.path.join(self.folder, "daemon")
        shutil.copy(DAEMON, copy)
        os.chmod(copy, 0o755)
        os.chmod(self.folder, 0o777)
        more = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
        return copy, more if IS_ROOT else {}

    def test_user_other_without_privilege_refused(self):
        daemon, more = self.as_nobody()
        config = self.write("<listen>unix:path=bus</listen><user>root</user>")
        result = subprocess.run([daemon, "--config-file=" + config, "--nofork"], text=True,
                                cwd=self.folder, capture_output=True, timeout=PATIENCE_S,
                                check=False, **more)
        self.assertEqual(result.returncode, 1)
        self.assertRegex(result.stderr, "cannot run as <user>root</user>: setgroups: Operation not "
                         "permitted; start as root")
        self.assertEqual(sorted(os.listdir(self.folder)), ["conf", "daemon"])

    def environment(self):
        """A process that has changed its user cannot be looked into, not even by LeakSanitizer."""
        return {**os.environ, "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "")
                + ":detect_leaks=0"}

    def check_user(self, pid, user):
        for task in os.listdir("/proc/%d/task" % pid):
            status = status_of(int(task))
            self.assertEqual(status["Uid"].split(), [str(user.pw_uid)] * 4)
            self.assertEqual(status["Gid"].split(), [str(user.pw_gid)] * 4)
            self.assertEqual(status["Groups"].split(), [])
            self.assertEqual(int(status["CapPrm"], 16), 0)
            self.assertEqual(int(status["CapEff"], 16), 0)

    def check_refused(self, result, user):
        self.assertEqual(result.returncode, 1)
        self.assertIn("cannot run as <user>%s</user>" % user, result.stderr)

    def test_user_other_loses_all_privileges(self):
        def lower():
            _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
            resource.setrlimit(resource.RLIMIT_NOFILE, (min(256, hard), hard))

        if not IS_ROOT:
            self.check_refused(self.run_daemon("--nofork", elements="<user>root</user>"), "root")
            return
        process, address = self.start(elements="<user>nobody</user>", preexec_fn=lower,
                                      env=self.environment())
        self.assertEqual(len(get_id(self.address_of(address))), 32)
        self.check_user(process.pid, pwd.getpwnam("nobody"))
        with open("/proc/%d/limits" % process.pid, encoding="ascii") as file:
            files = [line.split() for line in file if line.startswith("Max open files")]
        self.assertEqual(files[0][3], files[0][4])  # raised before the privilege went
        process.terminate()
        self.assertEqual(process.wait(PATIENCE_S), 0)

    def test_system_bus_runs_as_its_user(self):
        command = [DAEMON, "--system", "--nofork", "--nopidfile", "--nosyslog", "--print-address",
                   "--address=unix:path=" + self.path("bus"), *backend_options()]
        if not IS_ROOT:
            self.check_refused(subprocess.run(command, capture_output=True, text=True,
                                              timeout=PATIENCE_S, check=False), "messagebus")
            return
        with open(self.path("log"), "w", encoding="utf-8") as log:
            process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True,
                                       env=self.environment())
        self.clean_up(process)
        address = process.stdout.readline().strip()
        self.assertTrue(address.startswith("unix:path=" + self.path("bus") + ",guid="))
        self.check_user(process.pid, pwd.getpwnam("messagebus"))
        process.send_signal(signal.SIGUSR1)
        self.assertEqual(len(get_id(address)), 32)
        process.terminate()
        self.assertEqual(process.wait(PATIENCE_S), 0)
        with open(self.path("log"), encoding="utf-8") as log:
            self.assertIn("ringbus: [system] worker 0: ", log.read())

    # The configuration.

    def check_config(self, path):
        return subprocess.run([DAEMON, "--check-config", path], capture_output=True, text=True,
                              timeout=PATIENCE_S, check=False)

    def test_check_config_says_ok_and_warns(self):
        path = self.write("<listen>unix:path=bus</listen>\n<policy user='nobody-knows-me'/>")
        result = self.check_config(path)
        self.assertEqual(result.returncode, 0)
        self.assertEqual(result.stdout, path + ": OK\n")
        self.assertEqual(result.stderr, 'warning: %s:2:1: nobody knows the user "nobody-knows-me": '
                         "this rule or section is ignored\n" % path)
        self.assertNotIn("bus", os.listdir(self.folder))

    def test_check_config_lists_all_errors(self):
        path = self.write("\n<bees/>\n<limit name='max_bees'>3</limit>\n")
        result = self.check_config(path)
        self.assertEqual(result.returncode, 1)
        self.assertEqual(result.stdout, "")
        self.assertEqual(result.stderr, "%s:2:1: unknown element <bees>\n%s:3:1: there is no limit "
                         'called "max_bees"\n' % (path, path))

    def test_check_config_of_what_cannot_be_served_fails(self):
        for elements, reason in (
                ("<auth>DBUS_COOKIE_SHA1</auth>", "no mechanism but EXTERNAL is supported yet"),
                ("<apparmor mode='required'/>", "by AppArmor is not supported")):
            path = self.write("<listen>unix:path=bus</listen>" + elements)
            result = self.check_config(path)
            self.assertEqual(result.returncode, 1)
            self.assertIn(reason, result.stderr)
            result = self.run_daemon("--nofork", elements=elements)
            self.assertEqual(result.returncode, 1)
            self.assertIn(reason, result.stderr)

    def test_odd_files_are_refused_in_one_line(self):
        os.mkfifo(self.path("fifo"))
        with open(self.path("big"), "wb") as file:
            file.truncate(8 * 1024 * 1024 + 1)
        for path in (self.path("fifo"), self.path("big"), "/dev/zero", self.folder, "/nowhere"):
            result = self.check_config(path)
            self.assertEqual(result.returncode, 1)
            self.assertEqual(result.stderr.count("\n"), 1)
            self.assertTrue(result.stderr.startswith(path + ": "))

    def test_address_replaces_every_listen(self):
        process, address = self.start("--address=unix:path=" + self.path("other"),
                                      listen="<listen>bees:</listen><listen>tcp:</listen>")
        self.assertTrue(address.startswith("unix:path=" + self.path("other") + ",guid="))
        self.assertEqual(len(get_id(address)), 32)
        process.terminate()
        self.assertEqual(process.wait(PATIENCE_S), 0)
        result = self.run_daemon("--address=unix:path=x", "--nofork", listen="")
        self.assertEqual(result.returncode, 1)
        self.assertIn("one or more <listen> elements are needed", result.stderr)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
