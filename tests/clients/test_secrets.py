#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""secret-tool (libsecret) keeps a secret with gnome-keyring-daemon, over the bus that both find by
XDG_RUNTIME_DIR alone, as in a session. The keyring is in a home of the test's own (accounts.py)."""

import shutil
import sys
import tempfile

from accounts import ALICE, BOB, AccountsTest, main
from test_daemon import PATIENCE_S

NAME = "org.freedesktop.secrets"
SECRET = "open sesame, 12 €"
ATTRIBUTES = ("site", "t.ringbus", "user", "alice")


class SecretsTest(AccountsTest):
    def setUp(self):
        super().setUp()
        self.environment = {"XDG_RUNTIME_DIR": self.bus_folder}
        self.address = self.start_bus("unix:path=%s/bus" % self.bus_folder)

    def tearDown(self):
        super().tearDown()
        shutil.rmtree(self.folder + "/alice/.local", ignore_errors=True)

    def spawn_with(self, text, *command):
        """Alice's program, which reads this text."""
        with tempfile.TemporaryFile("w+", encoding="utf-8") as file:
            file.write(text)
            file.seek(0)
            return self.spawn(ALICE, *command, stdin=file,
                              environment={**self.environment, "LANG": "C.UTF-8"})

    def secret_tool(self, *arguments, uid=ALICE):
        return self.run_as(uid, "secret-tool", *arguments,
                           environment={**self.environment, "LANG": "C.UTF-8"})

    def start_keyring(self):
        """gnome-keyring-daemon with an unlocked keyring: else it would ask on a display."""
        keyring = self.spawn_with("a password", "gnome-keyring-daemon", "--foreground",
                                  "--components=secrets", "--unlock")
        status, said = self.run_as(ALICE, "gdbus", "wait", "--session", "--timeout",
                                   str(PATIENCE_S), NAME, environment=self.environment)
        self.assertEqual(status, 0, said)
        return keyring

    def test_a_secret_is_stored_found_and_removed(self):
        keyring = self.start_keyring()
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


if __name__ == "__main__":
    sys.exit(main())
