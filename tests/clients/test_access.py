#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Who can reach a user's bus, and as whom: what docs/AUTHENTICATION.md says, with real programs of
two accounts (accounts.py)."""

import hashlib
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import time

from accounts import (ALICE, BOB, BUS_CALL, CONFIG, COOKIE, EXTERNAL, AccountsTest, call,
                      is_true_as, main)
from test_credentials import hello_message, read_name, say_hello
from test_daemon import PATIENCE_S, read_line

SCM_CREDENTIALS, SO_PASSCRED, SO_PEERCRED = 2, 16, 17


class AccessTest(AccountsTest):
    def test_another_account_is_refused_at_an_abstract_socket(self):
        address = self.start_abstract_bus()
        environment = {"DBUS_SESSION_BUS_ADDRESS": address}
        self.assert_let_in(ALICE, address)
        self.spawn(ALICE, "/usr/bin/python3", "-m", "dbusmock", "--session", "--template",
                   "notification_daemon", environment=environment)
        until = time.monotonic() + PATIENCE_S
        while True:  # it has its name before it has its methods
            status, output = self.run_as(ALICE, "notify-send", "hello", environment=environment)
            if status == 0:
                break
            self.assertLess(time.monotonic(), until, output)
        self.assert_refused(BOB, address)
        status, output = self.check_access(ALICE, address)
        self.assertEqual(status, 0, output)
        self.assertIn("the bus takes this connection for uid %d\n" % ALICE, output)
        status, output = self.check_access(BOB, address)
        self.assertEqual(status, 1, output)
        self.assertIn("served by uid %d" % ALICE, output)
        self.assertIn("Hello: NO: ", output)
        self.bus.terminate()
        said, _ = self.bus.communicate(timeout=PATIENCE_S)
        self.assertEqual(self.bus.returncode, 0, said)
        self.assertIn("Refused a connection of uid %d" % BOB, said)

    def test_a_copied_keyring_does_not_help_at_a_session_bus(self):
        self.make_keyring()
        self.copy_keyring()
        address = self.start_abstract_bus()
        self.assert_refused(BOB, address)
        with socket.socket(socket.AF_UNIX) as client:  # cookies are not even offered
            client.connect("\0" + self.name)
            client.sendall(b"\0AUTH DBUS_COOKIE_SHA1 %s\r\n" % str(ALICE).encode().hex().encode())
            self.assertEqual(client.recv(4096), b"REJECTED EXTERNAL\r\n")

    def test_a_copied_cookie_is_alice_where_cookies_are_offered(self):
        address = self.start_abstract_bus(EXTERNAL + COOKIE)
        self.make_keyring()
        self.copy_keyring()
        self.assert_refused(BOB, address)  # these claim to be bob
        self.assertTrue(is_true_as(BOB, self.is_alice_by_cookie))

    def is_alice_by_cookie(self):
        """Bob, with a program of his own and the copy of her file."""
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(PATIENCE_S)
            client.connect("\0" + self.name)
            client.sendall(b"\0AUTH DBUS_COOKIE_SHA1 %s\r\n" % str(ALICE).encode().hex().encode())
            answer = client.recv(4096).split()
            context, number, challenge = bytes.fromhex(answer[1].decode()).decode().split()
            with open("%s/bob/.dbus-keyrings/%s" % (self.folder, context),
                      encoding="ascii") as file:
                cookies = {line.split()[0]: line.split()[2] for line in file}
            proof = hashlib.sha1(("%s:x:%s" % (challenge, cookies[number])).encode()).hexdigest()
            client.sendall(b"DATA %s\r\n" % ("x " + proof).encode().hex().encode())
            if not client.recv(4096).startswith(b"OK "):
                return False
            client.sendall(b"BEGIN\r\n" + hello_message())
            name = read_name(client).decode()
            told = call(client, "GetConnectionCredentials", name).get_body().unpack()[0]
            return told["UnixUserID"] == ALICE and told["ProcessID"] == os.getpid()

    def test_a_directory_of_ones_own_keeps_others_away(self):
        os.chmod(self.bus_folder, 0o700)
        address = self.start_bus("unix:path=%s/bus" % self.bus_folder)
        self.assert_let_in(ALICE, address)
        self.assert_refused(BOB, address)
        status, output = self.check_access(BOB, address)
        self.assertEqual(status, 1, output)
        self.assertIn("path: NO: %s: mode 0700, owner %d:%d: this account may not go through"
                      % (self.bus_folder, ALICE, ALICE), output)

    def test_a_forwarder_lets_anybody_in_as_its_own_user(self):
        self.start_abstract_bus()
        address, port, socat = self.start_forwarder()
        self.assert_let_in(ALICE, address)  # claims alice's uid, and the bus sees alice's socat
        self.assert_refused(BOB, address)  # claims bob's uid: that is not what the bus sees
        # bob, who claims nothing, or to be alice: both are believed
        self.assertTrue(is_true_as(BOB, lambda: self.is_alice_to_the_bus(port, socat.pid)))

    @staticmethod
    def is_alice_to_the_bus(port, socat):
        for claim in (b"", b" " + str(ALICE).encode().hex().encode()):
            with socket.create_connection(("127.0.0.1", port)) as client:
                client.settimeout(PATIENCE_S)
                name = say_hello(client, claim).decode()
                told = call(client, "GetConnectionCredentials", name).get_body().unpack()[0]
                with open("/proc/%d/status" % told["ProcessID"], encoding="ascii") as status:
                    parents = [line.split()[1] for line in status if line.startswith("PPid")]
                if told["UnixUserID"] != ALICE or parents != [str(socat)]:
                    return False  # the process that the bus sees is socat's child
        return True

    def start_unix_forwarder(self, path):
        """Alice's socat, from a socket file that everybody may write to."""
        self.spawn(ALICE, "socat", "UNIX-LISTEN:%s,fork,mode=777" % path,
                   "ABSTRACT-CONNECT:" + self.name)
        until = time.monotonic() + PATIENCE_S
        while not os.path.exists(path) or os.stat(path).st_mode & 0o777 != 0o777:
            self.assertLess(time.monotonic(), until, "socat does not listen")
            time.sleep(0.02)

    def test_a_forwarder_in_a_directory_of_ones_own_is_ones_own(self):
        self.start_abstract_bus()
        path = self.folder + "/alice/forwarded"
        self.start_unix_forwarder(path)
        self.assert_let_in(ALICE, "unix:path=" + path)
        self.assert_refused(BOB, "unix:path=" + path)
        status, output = self.check_access(BOB, "unix:path=" + path)
        self.assertEqual(status, 1, output)
        self.assertIn("path: NO: %s/alice: mode 0700" % self.folder, output)

    def test_check_access_tells_of_a_forwarder(self):
        self.start_abstract_bus()
        path = self.bus_folder + "/forwarded"
        self.start_unix_forwarder(path)
        status, output = self.check_access(BOB, "unix:path=" + path)
        self.assertEqual(status, 0, output)
        self.assertIn('heard "REJECTED EXTERNAL"', output)
        self.assertIn("the bus takes this connection for uid %d\n" % ALICE, output)
        self.assertIn("as uid %d it was refused. Something of uid %d forwards" % (BOB, ALICE),
                      output)

    def test_tcp_admits_whoever_has_the_cookie(self):
        address = self.start_bus("tcp:host=127.0.0.1", COOKIE)
        self.assert_let_in(ALICE, address)
        status, output = self.check_access(ALICE, address)
        self.assertEqual(status, 0, output)
        self.assertIn("cookie: %s/alice/.dbus-keyrings/org_freedesktop_general: holds cookie"
                      % self.folder, output)
        self.assertIn("the bus takes this connection for uid %d\n" % ALICE, output)
        self.assert_refused(BOB, address)
        status, output = self.check_access(BOB, address)
        self.assertEqual(status, 1, output)
        self.assertIn("over TCP this bus wants DBUS_COOKIE_SHA1", output)
        self.copy_keyring()  # libdbus claims to be bob, whom the bus does not know
        self.assert_refused(BOB, address)
        # alice herself, where she has another home, as on another machine
        status, output = self.run_as(
            None, "unshare", "--mount", "--propagation=unchanged", "sh", "-c",
            'mount -t tmpfs -o mode=0700,uid=%d tmpfs "$0" && exec setpriv --reuid=%d --regid=%d '
            '--clear-groups "$@"' % (ALICE, ALICE, ALICE), self.folder + "/alice",
            "dbus-send", "--bus=" + address, *BUS_CALL, "org.freedesktop.DBus.GetId")
        self.assertNotEqual(status, 0, output)
        self.assert_let_in(ALICE, address)

    def test_nonce_is_for_the_user_of_the_bus_only(self):
        address = self.start_bus("nonce-tcp:host=127.0.0.1", COOKIE)
        self.assert_let_in(ALICE, address)
        status, output = self.check_access(BOB, address)
        self.assertEqual(status, 1, output)
        self.assertIn("nonce: NO: ", output)
        self.assertIn("Permission denied", output)

    def test_a_monitor_sees_what_others_say(self):
        address = self.start_abstract_bus()
        monitor = self.spawn(ALICE, "dbus-monitor", "--address", address)
        seen = ""
        until = time.monotonic() + PATIENCE_S
        while "a.secret.word" not in seen:  # until it has begun, it sees nothing
            self.assertLess(time.monotonic(), until, seen)
            self.dbus_send(ALICE, address, "NameHasOwner", "string:a.secret.word")
            while select.select([monitor.stdout], [], [], 0.1)[0]:
                piece = os.read(monitor.stdout.fileno(), 4096).decode()
                self.assertTrue(piece, "the monitor ended: " + seen)
                seen += piece

    def test_kernel_peercred_is_who_connected_scm_credentials_who_writes(self):
        path = self.bus_folder + "/kernel"
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(path)
            os.chmod(path, 0o777)
            listener.listen()
            listener.setsockopt(socket.SOL_SOCKET, SO_PASSCRED, 1)
            child = os.fork()
            if child == 0:  # root connects; bob writes, and attaches nothing
                with socket.socket(socket.AF_UNIX) as client:
                    client.connect(path)
                    os.setresuid(BOB, 0, 0)  # the real one, not the effective one
                    client.sendall(b"x")
                os._exit(0)
            server, _ = listener.accept()
            with server:
                peer = struct.unpack("iII", server.getsockopt(socket.SOL_SOCKET, SO_PEERCRED, 12))
                _, control, _, _ = server.recvmsg(1, socket.CMSG_SPACE(12))
            self.assertEqual(os.waitpid(child, 0)[1], 0)
        self.assertEqual(peer[:2], (child, 0))
        self.assertEqual(control[0][:2], (socket.SOL_SOCKET, SCM_CREDENTIALS))
        self.assertEqual(struct.unpack("iII", control[0][2])[:2], (child, BOB))

    def test_users_of_another_namespace_are_refused_if_asked(self):
        """The bus in a user namespace that knows root only; bob outside has no uid there."""
        if subprocess.run(["unshare", "--user", "--map-root-user", "true"],
                          check=False).returncode != 0:
            self.skipTest("no user namespace can be made here")
        os.chown(self.bus_folder, 0, 0)
        for option, is_let_in in (((), True), (("--refuse-overflow-uid",), False)):
            path = self.bus_folder + "/namespace"
            config = self.bus_folder + "/config"
            with open(config, "w", encoding="ascii") as file:
                file.write(CONFIG % ("<listen>unix:path=%s</listen>" % path, EXTERNAL,
                                     '<allow user="*"/>'))
            bus = subprocess.Popen(
                ["unshare", "--user", "--map-root-user", self.folder + "/ringbus",
                 "--config-file=" + config, "--nofork", "--print-address", *option],
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            self.processes.append(bus)
            address = read_line(bus.stdout)
            self.assertTrue(address.startswith("unix:path="), address)
            status, output = self.check_access(BOB, address)
            self.assertEqual(status, 0 if is_let_in else 1, output)
            if is_let_in:  # as everybody else who has no uid there
                self.assertIn("the bus takes this connection for uid 65534\n", output)
            bus.send_signal(signal.SIGTERM)
            said, _ = bus.communicate(timeout=PATIENCE_S)
            self.assertEqual(bus.returncode, 0, said)
            self.assertEqual("(--refuse-overflow-uid)" in said, not is_let_in, said)


if __name__ == "__main__":
    sys.exit(main())
