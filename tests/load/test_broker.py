#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""`ringbus-load broker`: private brokers of each kind, with clients of other libraries."""

import os
import re
import signal
import subprocess
import unittest

from loadtest import DAEMON, PATIENCE_S, LoadTest

BROKERS = ("dbus-daemon", "dbus-broker", f"ringbus={DAEMON}", "floor")
PING = ("busctl --address=$DBUS_SESSION_BUS_ADDRESS call org.freedesktop.DBus /org/freedesktop/DBus"
        " org.freedesktop.DBus GetId")
ECHO = """
dbus-test-tool echo --session --name=t.Echo & echo=$!
until dbus-send --session --print-reply --dest=org.freedesktop.DBus / \
        org.freedesktop.DBus.NameHasOwner string:t.Echo | grep -q true; do sleep 0.05; done
gdbus call --session --dest t.Echo --object-path / --method t.T.M 1 &&
busctl --address=$DBUS_SESSION_BUS_ADDRESS call t.Echo / t.T M s text &&
dbus-test-tool spam --session --dest=t.Echo --count=2000 --queue=50; status=$?
kill $echo
exit $status
"""


class BrokerTest(LoadTest):
    def run_with(self, broker, script):
        """Runs the script with a broker whose directory has to be gone afterwards."""
        result = self.run_load("broker", broker, "sh", "-c", script,
                               environment={"TMPDIR": self.folder})
        self.assertEqual(os.listdir(self.folder), [], result.errors)
        return result

    def start_serving(self, broker):
        """A broker that serves until it is ended: the process, its address."""
        process = self.start("broker", broker, environment={"TMPDIR": self.folder})
        address = process.stdout.readline().strip()
        self.assertRegex(address, "^unix:")
        return process, address

    @staticmethod
    def pid_at(address):
        """The process that a client sees at the other end, asked as libraries ask."""
        return int(subprocess.run(
            ["busctl", f"--address={address}", "call", "org.freedesktop.DBus",
             "/org/freedesktop/DBus", "org.freedesktop.DBus", "GetConnectionUnixProcessID", "s",
             "org.freedesktop.DBus"],
            check=True, capture_output=True, text=True).stdout.split()[1])


class TestEachBroker(BrokerTest):
    def test_command_runs_on_it_and_its_status_is_returned(self):
        for broker in BROKERS:
            with self.subTest(broker):
                result = self.run_with(broker, f"{PING} && exit 7")
                self.assertEqual(result.status, 7, result.errors)
                self.assertRegex(result.output, '^s "[0-9a-f]{32}"')

    def test_clients_of_three_libraries_talk(self):
        for broker in BROKERS:
            with self.subTest(broker):
                result = self.run_with(broker, ECHO)
                self.assertEqual(result.status, 0, result.errors)

    def test_signal_ends_it_in_order(self):
        for broker in BROKERS:
            for number in (signal.SIGTERM, signal.SIGINT):
                with self.subTest(broker=broker, signal=number):
                    process, address = self.start_serving(broker)
                    subprocess.run(["sh", "-c", PING], check=True, stdout=subprocess.DEVNULL,
                                   env={**os.environ, "DBUS_SESSION_BUS_ADDRESS": address})
                    process.send_signal(number)
                    self.assertEqual(process.wait(PATIENCE_S), 0)
                    self.assertEqual(os.listdir(self.folder), [])

    def test_thousands_of_rules_and_names_are_allowed(self):
        """The limits are raised: those of a bus's own configuration would refuse these."""
        for broker in BROKERS:
            with self.subTest(broker):
                result = self.run_load("signal", f"--broker={broker}", "--subscribers=2",
                                       "--rules=6000", "--duration=100ms", "--warmup=0", "--json")
                self.assertEqual(result.status, 0, result.errors)
                self.assertEqual(result.json["errors"], 0)


class TestEnd(BrokerTest):
    def test_broker_that_dies_is_told_with_its_signal(self):
        process, address = self.start_serving(f"ringbus={DAEMON}")
        os.kill(self.pid_at(address), signal.SIGKILL)
        _, errors = process.communicate(timeout=PATIENCE_S)
        self.assertEqual(process.returncode, 1)
        self.assertIn("the broker was ended by signal 9", errors)
        self.assertEqual(os.listdir(self.folder), [])

    def test_broker_that_exits_is_told_with_its_status_and_log(self):
        script = os.path.join(self.folder, "dbus-daemon")
        with open(script, "w", encoding="utf-8") as file:
            file.write("#!/bin/sh\nfor a; do case $a in --print-address=*) "
                       "echo unix:path=/nowhere >&${a#*=};; esac; done\n"
                       "echo this is the reason >&2\nexit 3\n")
        os.chmod(script, 0o755)
        result = self.run_load("broker", script)
        self.assertEqual(result.status, 1)
        self.assertIn("the broker ended with exit status 3", result.errors)
        self.assertIn("its log: this is the reason", result.errors)

    def test_broker_that_does_not_start_is_told_with_its_log(self):
        script = os.path.join(self.folder, "ringbus")
        with open(script, "w", encoding="utf-8") as file:
            file.write("#!/bin/sh\necho no luck today >&2\nexit 1\n")
        os.chmod(script, 0o755)
        result = self.run_load("broker", script)
        self.assertEqual(result.status, 1)
        self.assertIn("its log: no luck today", result.errors)
        self.assertIn("did not start", result.errors)


class TestUsage(BrokerTest):
    def refuse(self, *words):
        result = self.run_load("broker", *words)
        self.assertEqual(result.status, 2)
        return result.errors

    def test_unknown_names_are_refused_with_the_known_ones(self):
        self.assertIn("dbus-daemon, dbus-broker, ringbus, floor", self.refuse("dbus-demon"))
        self.assertIn("/nowhere/ringbus", self.refuse("ringbus=/nowhere/ringbus"))
        self.assertIn("/nowhere/dbus-daemon", self.refuse("/nowhere/dbus-daemon"))
        self.assertIn("Usage:", self.refuse())

    def test_missing_broker_is_told_with_its_package(self):
        result = self.run_load("broker", "dbus-broker", environment={"PATH": self.folder})
        self.assertEqual(result.status, 2)
        self.assertIn("install the package dbus-broker", result.errors)

    def test_ringbus_is_found_beside_the_program(self):
        result = self.run_load("broker", "ringbus", "/bin/sh", "-c", "true",
                               environment={"PATH": self.folder})
        self.assertEqual(result.status, 0, result.errors)

    def test_help_tells_the_brokers(self):
        result = self.run_load("broker", "--help")
        self.assertEqual(result.status, 0)
        self.assertTrue(re.search("floor.*forward", result.output, re.S))


if __name__ == "__main__":
    unittest.main()
