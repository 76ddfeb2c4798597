#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What the command line and the configuration make the process do: going into the background, the
pid file, another user."""

import os
import pwd
import resource
import shutil
import signal
import stat
import subprocess
import sys
import unittest

from process import DAEMON, PATIENCE_S, ProcessTestCase, backend_options, get_id, status_of

IS_ROOT = os.getuid() == 0


class ProcessTest(ProcessTestCase):
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

    def test_fork_finds_its_relative_configuration_again(self):
        self.write("<listen>unix:path=bus</listen>")
        result = subprocess.run([DAEMON, "--config-file=conf", "--fork", "--print-pid",
                                 *backend_options()], cwd=self.folder, stdout=subprocess.PIPE,
                                text=True, check=True, timeout=PATIENCE_S)
        self.background.append(int(result.stdout))
        address = "unix:path=" + self.path("bus")
        reload_config = ["gdbus", "call", "--address", address, "--dest", "org.freedesktop.DBus",
                         "--object-path", "/org/freedesktop/DBus", "--method",
                         "org.freedesktop.DBus.ReloadConfig"]
        subprocess.run(reload_config, check=True, timeout=PATIENCE_S, capture_output=True)
        path = self.write("\n<bees/>\n<bees/>")
        result = subprocess.run(reload_config, check=False, timeout=PATIENCE_S, text=True,
                                capture_output=True)
        self.assertIn(path + ":2:1: unknown element <bees>", result.stderr)
        self.end(int(self.background[-1]))

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

    def test_user_other_owns_the_nonce_file_and_removes_it(self):
        """Also another user's programs read it; in a folder like /tmp, where only owners remove."""
        nonces = self.path("nonces")
        os.mkdir(nonces)
        os.chmod(nonces, 0o1777)
        environment = {**self.environment(), "TMPDIR": nonces}
        listen = "<listen>unix:path=bus</listen><listen>nonce-tcp:host=127.0.0.1</listen>"
        user = "nobody" if IS_ROOT else "root"
        process, address = self.start(elements="<user>%s</user>" % user, listen=listen,
                                      env=environment)
        if not IS_ROOT:
            self.assertEqual(process.wait(PATIENCE_S), 1)
            with open(self.path("log"), encoding="utf-8") as log:
                self.assertRegex(log.read(), "the nonce file %s/.* cannot be given to uid 0, as "
                                 "whom the bus is to run: Operation not permitted; start as root"
                                 % nonces)
            self.assertEqual(os.listdir(nonces), [])
            return
        nobody = pwd.getpwnam("nobody")
        path = address.split("noncefile=")[1].split(",")[0]
        for one, mode in ((path, 0o600), (os.path.dirname(path), 0o700)):
            about = os.lstat(one)
            self.assertEqual((about.st_uid, about.st_gid), (nobody.pw_uid, nobody.pw_gid))
            self.assertEqual(stat.S_IMODE(about.st_mode), mode)
        read = subprocess.run(["cat", path], user=nobody.pw_uid, group=nobody.pw_gid,
                              extra_groups=[], capture_output=True, timeout=PATIENCE_S, check=True)
        self.assertEqual(len(read.stdout), 16)
        process.terminate()
        self.assertEqual(process.wait(PATIENCE_S), 0)
        self.assertEqual(os.listdir(nonces), [])

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


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
