#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What ringbus-load says and returns when something is wrong, and when it is interrupted."""

import os
import pty
import signal
import subprocess
import unittest

from loadtest import LOAD, PATIENCE_S, LoadTest


def has_worked(process):
    """For half a second of CPU time: the load runs."""
    with open(f"/proc/{process.pid}/stat", encoding="ascii") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return int(fields[11]) + int(fields[12]) > 0.5 * os.sysconf("SC_CLK_TCK")


def is_asleep(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        return "(sleep) S " in file.read()


class UsageTest(LoadTest):
    def refused(self, *words):
        result = self.run_load(*words)
        self.assertEqual(result.status, 2, result.errors)
        self.assertEqual(result.output, "")
        return result.errors

    def test_usage_unknown_scenario_names_the_nearest(self):
        errors = self.refused("onewya")
        self.assertIn('the nearest is "oneway"', errors)
        self.assertIn("Usage: ringbus-load SCENARIO", errors)

    def test_usage_unknown_knob_names_the_nearest(self):
        errors = self.refused("call", "--windw=3")
        self.assertIn("the nearest is --window", errors)
        self.assertIn("Usage: ringbus-load call", errors)

    def test_usage_knob_of_another_scenario_is_unknown(self):
        self.assertIn("there is no --rate", self.refused("call", "--rate=3"))
        self.assertIn("there is no --seed", self.refused("call", "--seed=3"))

    def test_usage_bad_values_are_refused_with_what_is_expected(self):
        for knob, expected in (("--window=0", "must be"), ("--window=many", "a number"),
                               ("--payload=1GB", "a size"), ("--duration=soon", "a time"),
                               ("--write=twice", "coalesced single"), ("--quiet=1", "no value"),
                               ("--threads=65", "1 to 64"), ("--window", "needs a value")):
            with self.subTest(knob=knob):
                self.assertIn(expected, self.refused("call", knob))
        self.assertIn("a rate", self.refused("open", "--rate=fast"))

    def test_usage_a_word_too_many_is_refused(self):
        self.assertIn('"please"', self.refused("call", "please"))

    def test_usage_exactly_one_bus_must_be_named(self):
        self.assertIn("which bus?", self.refused("call"))
        self.assertIn("which bus?", self.refused("call", "--session", "--system"))
        self.assertIn("--broker=ringbus", self.refused("call", "--session", "--workers=2"))

    def test_usage_help_and_list_are_on_standard_output(self):
        listed = self.run_load("list")
        self.assertEqual(listed.status, 0)
        names = [line.split()[0] for line in listed.output.splitlines()]
        for name in ("call", "oneway", "signal", "open"):
            self.assertIn(name, names)
        for name in names:
            result = self.run_load(name, "--help")
            self.assertEqual(result.status, 0)
            self.assertIn(f"Usage: ringbus-load {name}", result.output)
            self.assertIn("--duration=TIME", result.output)
        self.assertIn("Usage:", self.run_load("--help").output)
        self.assertTrue(self.run_load("--version").output.startswith("ringbus-load "))

    def test_usage_without_arguments_is_an_error(self):
        self.assertIn("Usage:", self.refused())


class BusTest(LoadTest):
    def failed(self, *words, environment=None):
        result = self.run_load(*words, environment=environment)
        self.assertEqual(result.status, 1, result.errors)
        self.assertEqual(result.output, "")
        return result.errors

    def test_bus_that_is_not_there_is_named(self):
        errors = self.failed("call", f"--address={self.address}")
        self.assertIn(self.address, errors)
        self.assertIn("No such file", errors)

    def test_bus_address_that_is_none_is_refused(self):
        self.assertIn("not a bus address", self.failed("call", "--address=nonsense"))
        self.assertIn("carrier", self.failed("call", "--address=carrier:pigeon=1"))

    def test_bus_of_the_session_and_the_system_come_from_the_environment(self):
        for knob, name in (("--session", "DBUS_SESSION_BUS_ADDRESS"),
                           ("--system", "DBUS_SYSTEM_BUS_ADDRESS")):
            errors = self.failed("call", knob, environment={name: "unix:path=/no/such/bus"})
            self.assertIn("/no/such/bus", errors)

    def test_bus_broker_that_does_not_exist_is_named(self):
        self.assertIn("no-such-broker", self.failed("call", "--broker=no-such-broker"))

    def test_bus_that_dies_gives_no_figures(self):
        bus = self.start_fake(die_after=200)
        errors = self.failed("call", f"--address={self.address}", "--duration=10m")
        self.assertIn(f"pid {bus.pid}", errors)
        self.assertIn("has ended", errors)

    def test_bus_of_our_own_that_dies_tells_its_status_and_log(self):
        process = self.start("call", "--broker=ringbus", "--duration=10m")
        self.wait_for("load", lambda: has_worked(process))
        broker = self.children(process.pid)[0]
        os.kill(broker, signal.SIGUSR1)  # ringbus logs what its workers have routed
        self.wait_for("a log", lambda: "routed" in self.log_of(broker))
        os.kill(broker, signal.SIGKILL)
        output, errors = process.communicate(timeout=PATIENCE_S)
        self.assertEqual(process.returncode, 1)
        self.assertEqual(output, "")
        self.assertIn("ended by signal 9", errors)
        self.assertIn("routed", errors)

    @staticmethod
    def log_of(broker):
        with open(f"/proc/{broker}/fd/2", encoding="utf-8") as file:
            return file.read()

    @staticmethod
    def children(pid):
        """Those that have become ringbus."""
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
            found = file.read().split()
        return [int(child) for child in found
                if os.readlink(f"/proc/{child}/exe").endswith("/ringbus")]

    def test_bus_that_stalls_fails_with_the_state_of_its_clients(self):
        self.start_fake(stall_after=500)
        errors = self.failed("call", f"--address={self.address}", "--callers=2", "--services=1",
                             "--window=4", "--duration=10m")
        self.assertIn("2 clients have stalled: nothing came for 3 s", errors)
        self.assertIn("caller 0 :1.", errors)
        self.assertIn("waits for 4", errors)

    def test_bus_that_loses_a_call_fails_by_stall(self):
        self.start_fake(lose=50)
        errors = self.failed("call", f"--address={self.address}", "--callers=1", "--services=1",
                             "--window=1", "--duration=10m")
        self.assertIn("1 client has stalled", errors)

    def test_bus_that_stops_in_the_drain_fails_by_stall(self):
        self.start_fake(lose=40)
        errors = self.failed("open", f"--address={self.address}", "--rate=100", "--duration=2s",
                             "--warmup=0", "--callers=1")
        self.assertIn("1 client has stalled", errors)


class InterruptTest(LoadTest):
    def interrupt(self, *knobs, scenario="call"):
        process = self.start(scenario, "--broker=ringbus", "--json", *knobs)
        self.wait_for("load", lambda: has_worked(process))
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=PATIENCE_S)
        return process.returncode, output, errors

    def test_interrupt_prints_what_was_measured(self):
        status, output, errors = self.interrupt("--warmup=0", "--duration=10m")
        self.assertEqual(status, 0, errors)
        self.assertIn('"interrupted": true', output)

    def test_interrupt_in_the_warmup_gives_no_figures(self):
        status, output, errors = self.interrupt("--warmup=10m")
        self.assertEqual(status, 1)
        self.assertEqual(output, "")
        self.assertIn("interrupted before anything was measured", errors)

    def test_interrupt_amid_broadcasts_ends_in_order(self):
        """What arrived in the last turn is told after the parts have ended."""
        status, _, errors = self.interrupt("--warmup=10m", "--threads=2", scenario="signal")
        self.assertEqual(status, 1, errors)


class OutputTest(LoadTest):
    def test_output_json_into_a_file_leaves_the_table(self):
        self.start_fake()
        path = self.folder + "/result"
        result = self.run_load("call", f"--address={self.address}", f"--json={path}",
                               "--duration=200ms")
        self.assertEqual(result.status, 0, result.errors)
        self.assertIn("operations per second", result.output)
        with open(path, encoding="utf-8") as file:
            result.output = file.read()
        self.assertEqual(result.json["scenario"], "call")

    def test_output_of_a_pid_is_that_process(self):
        self.start_fake()
        with subprocess.Popen(["sleep", "600"]) as other:
            self.wait_for("sleep", lambda: is_asleep(other.pid))
            result = self.run_load("call", f"--address={self.address}", "--json",
                                   "--duration=200ms", f"--pid={other.pid}")
            other.kill()
        self.assertEqual(result.json["broker"]["pid"], other.pid)
        self.assertEqual(result.json["broker_use"]["switches"], 0)

    def test_output_progress_only_on_a_terminal_and_not_if_quiet(self):
        self.start_fake()
        knobs = ["call", f"--address={self.address}", "--warmup=0"]
        self.assertEqual(self.run_load(*knobs, "--duration=300ms").errors, "")
        self.assertEqual(self.on_terminal(*knobs, "--duration=300ms", "--quiet"), "")
        # A line a second: on a busy machine the first second may be over before the load begins.
        self.assertIn("measuring", self.on_terminal(*knobs, "--duration=2s"))

    @staticmethod
    def on_terminal(*words):
        terminal, slave = pty.openpty()
        with subprocess.Popen([LOAD, *words], stdout=subprocess.DEVNULL, stderr=slave) as process:
            os.close(slave)
            text = b""
            while True:
                try:
                    data = os.read(terminal, 4096)
                except OSError:  # nobody holds its other end any more
                    break
                if not data:
                    break
                text += data
            process.wait(timeout=PATIENCE_S)
        os.close(terminal)
        return text.decode()


if __name__ == "__main__":
    unittest.main()
