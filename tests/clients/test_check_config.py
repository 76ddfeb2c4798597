#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""--check-config, and which configurations keep the daemon from starting."""

import os
import subprocess
import sys
import unittest

from process import DAEMON, PATIENCE_S, ProcessTestCase, get_id


class CheckConfigTest(ProcessTestCase):
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
                ("<listen>launchd:env=A</listen>", 'unknown address type "launchd"'),
                ("<listen>bees:</listen>", 'unknown address type "bees"'),
                ("<listen>unix</listen>", "bad address"),
                ("<user>nobody-knows-me</user>", "nobody knows this user")):
            path = self.write("<listen>unix:path=bus</listen>" + elements)
            result = self.check_config(path)
            self.assertEqual(result.returncode, 1)
            self.assertIn(reason, result.stderr)
            result = self.run_daemon("--nofork", elements=elements)
            self.assertEqual(result.returncode, 1)
            self.assertIn(reason, result.stderr)

    def test_apparmor_is_required_in_vain_where_the_kernel_has_it_not(self):
        if os.path.exists("/sys/kernel/security/apparmor/features/dbus/mask"):
            self.assert_checked("<apparmor mode='required'/>", 0, "")
        else:
            self.assert_checked("<apparmor mode='required'/>", 1, 'mode="required"/>, but ')
        self.assert_checked("<apparmor mode='enabled'/>", 0, "")
        self.assert_checked("<apparmor mode='disabled'/>", 0, "")

    def assert_checked(self, elements, status, reason):
        result = self.check_config(self.write("<listen>unix:path=bus</listen>" + elements))
        self.assertEqual(result.returncode, status)
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
