#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""secret-tool (libsecret) stores, finds and removes a secret over the bus that it finds by
XDG_RUNTIME_DIR alone, as in a session: with interop/secret_service.py and, where it is installed,
with gnome-keyring-daemon, whose keyring is in a home of the test's own (accounts.py)."""

import os
import shutil
import sys
import tempfile

from accounts import ALICE, BOB, AccountsTest, main
from test_daemon import PATIENCE_S

HERE = os.path.dirname(os.path.abspath(__file__))
NAME = "org.freedesktop.secrets"
SECRET = "open sesame, 12 €"
ATTRIBUTES = ("site", "t.ringbus", "user", "alice")
# Unlocked, for it would ask for the password on a display.
GNOME = ("gnome-keyring-daemon", "--foreground", "--components=secrets", "--unlock")


class SecretsTest(AccountsTest):
    def setUp(self):
        super().setUp()
        self.environment = {"XDG_RUNTIME_DIR": self.bus_folder, "LANG": "C.UTF-8"}
        self.address = self.start_bus("unix:path=%s/bus" % self.bus_folder)

    def tearDown(self):
        super().tearDown()
        shutil.rmtree(self.folder + "/alice/.local", ignore_errors=True)

    def spawn_with(self, text, *command):
        """Alice's program, which reads this text."""
        with tempfile.TemporaryFile("w+", encoding="utf-8") as file:
            file.write(text)
            file.seek(0)
            return self.spawn(ALICE, *command, stdin=file, environment=self.environment)

    def secret_tool(self, *arguments, uid=ALICE):
        return self.run_as(uid, "secret-tool", *arguments, environment=self.environment)

    def start_keyring(self, command=None):
        if not command:
            program = shutil.copy(HERE + "/interop/secret_service.py", self.folder)
            command = ("/usr/bin/python3", program)
        keyring = self.spawn_with("a password", *command)
        status, said = self.run_as(ALICE, "gdbus", "wait", "--session", "--timeout",
                                   str(PATIENCE_S), NAME, environment=self.environment)
        self.assertEqual(status, 0, said)
        return keyring

    def check(self, keyring):
        _, said = self.dbus_send(ALICE, self.address, "GetConnectionUnixProcessID",
                                 "string:" + NAME)
        self.assertIn("uint32 %d\n" % keyring.pid, said)
        _, said = self.dbus_send(ALICE, self.address, "GetConnectionUnixUser", "string:" + NAME)
        self.assertIn("uint32 %d\n" % ALICE, said)
        store = self.spawn_with(SECRET, "secret-tool", "store", "--label=a label", *ATTRIBUTES)
        said, _ = store.communicate(timeout=PATIENCE_S)
        self.assertEqual((store.returncode, said), (0, ""))
        self.assertEqual(self.secret_tool("lookup", *ATTRIBUTES), (0, SECRET))
        status, said = self.secret_tool("search", "--all", *ATTRIBUTES[:2])
        self.assertEqual(status, 0, said)
        for line in ("label = a label\n", "secret = %s\n" % SECRET, "attribute.user = alice\n"):
            self.assertIn(line, said)
        self.assertEqual(self.secret_tool("lookup", "site", "another"), (1, ""))
        self.assertEqual(self.secret_tool("clear", *ATTRIBUTES), (0, ""))
        self.assertEqual(self.secret_tool("lookup", *ATTRIBUTES), (1, ""))

    def test_a_secret_is_stored_found_and_removed(self):
        self.check(self.start_keyring())

    def test_another_account_does_not_come_as_far_as_the_keyring(self):
        self.start_keyring()
        self.environment = {"DBUS_SESSION_BUS_ADDRESS": self.address}  # GLib would not even ask
        status, said = self.secret_tool("lookup", *ATTRIBUTES, uid=BOB)
        self.assertEqual(status, 1)
        self.assertIn("secret-tool: ", said)  # an error, not just nothing found
        self.bus.terminate()
        said, _ = self.bus.communicate(timeout=PATIENCE_S)
        self.assertEqual(self.bus.returncode, 0, said)
        self.assertIn("Refused a connection of uid %d" % BOB, said)

    if shutil.which(GNOME[0]):
        def test_gnome_keyring_keeps_it(self):
            self.check(self.start_keyring(GNOME))


if __name__ == "__main__":
    sys.exit(main())
