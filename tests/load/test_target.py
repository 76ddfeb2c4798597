#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""`ringbus-load target` against a service of python3-dbus, and against the bus itself."""

import json
import os
import signal
import subprocess
import sys
import unittest

import dbus
from loadtest import PATIENCE_S, LoadTest

SERVICE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "target_service.py")
NAME = "com.example.Target"
PREFIX = "org.freedesktop.DBus.Error."
WHO = ("--dest=" + NAME, "--path=/com/example/Target")


class TargetTest(LoadTest):
    def setUp(self):
        super().setUp()
        self.service = None

    def start_service(self, *words):
        self.start_daemon()
        self.service = subprocess.Popen(
            [sys.executable, "-B", SERVICE, *words], stdout=subprocess.PIPE, text=True,
            env={**os.environ, "DBUS_SESSION_BUS_ADDRESS": self.address})
        self.addCleanup(self.end, self.service)
        self.assertEqual(self.service.stdout.readline(), "ready 0\n")

    def start_activating_daemon(self, *words):
        """The reference, as a bus that starts services."""
        services = self.folder + "/services"
        os.mkdir(services)
        self.start_daemon("/usr/bin/dbus-daemon", f"<servicedir>{services}</servicedir>")
        with open(self.folder + "/services/target.service", "w", encoding="utf-8") as file:
            command = " ".join([sys.executable, "-B", SERVICE, *words])
            file.write(f"[D-BUS Service]\nName={NAME}\nExec={command}\n")

    def target(self, method, *words, who=WHO):
        """One run with --json: its Result."""
        return self.run_load("target", f"--address={self.address}", "--json", *who,
                             f"--method={NAME}.{method}" if "." not in method
                             else f"--method={method}", *words)

    def ask_report(self):
        """How many calls the service has got, and the last arguments."""
        connection = dbus.bus.BusConnection(self.address)
        report = connection.get_object(NAME, "/com/example/Target").Report(dbus_interface=NAME)
        connection.close()
        return int(report[0]), str(report[1])

    def test_target_count_is_never_exceeded(self):
        self.start_service()
        for knobs in ([], ["--concurrency=3", "--window=4"], ["--concurrency=3", "--threads=2"],
                      ["--rate=2000", "--concurrency=2"]):
            with self.subTest(knobs=knobs):
                before = self.ask_report()[0]
                result = self.target("Echo", "--count=50", "--duration=10m", *knobs, "s", "hello")
                self.assert_all_accounted(result)
                self.assertEqual(self.ask_report()[0] - before, 50)
                self.assertEqual(result.json["operations"], 50)
                self.assertEqual(result.json["extra"]["calls answered"]["value"], 50)
                self.assertLess(result.json["seconds"], 200)

    def test_target_duration_ends_the_calls(self):
        self.start_service()
        result = self.target("Echo", "--duration=300ms", "s", "hello")
        self.assert_all_accounted(result)
        self.assertEqual(self.ask_report()[0], result.json["begun_in_all"])

    def test_target_rate_is_not_exceeded(self):
        self.start_service()
        result = self.target("Echo", "--duration=500ms", "--rate=100", "s", "hello")
        self.assert_all_accounted(result)
        n = self.ask_report()[0]
        self.assertEqual(n, result.json["begun_in_all"])
        self.assertLessEqual(n, result.json["seconds"] * 100 + 2)
        self.assertGreater(n, 0)
        self.assertEqual(result.json["latency_of"], "due time to reply")

    def test_target_arguments_arrive_as_typed(self):
        self.start_service()
        result = self.target("Take", "--count=1", "sa{sv}(ix)adyb", "text", "2", "one", "u", "1",
                             "two", "s", "zwei", "-3", "0x10", "2", "1.5", "-2", "255", "yes")
        self.assert_all_accounted(result)
        self.assertEqual(self.ask_report()[1], repr(
            ["text", {"one": "1", "two": "zwei"}, [-3, 16], [1.5, -2.0], 255, True]))

    def test_target_wrong_method_is_counted_by_name(self):
        self.start_service()
        result = self.target("NoSuch", "--count=7")
        self.assertEqual(result.status, 1)
        self.assertIn("every operation failed", result.errors)
        self.assertEqual(result.json["errors_by_name"], {PREFIX + "UnknownMethod": 7})

    def test_target_wrong_signature_is_counted_by_name(self):
        self.start_service()
        result = self.target("Echo", "--count=7", "ss", "one", "two")
        self.assertEqual(result.status, 1)
        self.assertEqual(sum(result.json["errors_by_name"].values()), 7)
        self.assertEqual(list(result.json["errors_by_name"]),
                         ["org.freedesktop.DBus.Python.TypeError"])

    def test_target_malformed_words_are_usage_errors_and_nothing_is_sent(self):
        self.start_service()
        for words, said in ((["s"], "argument 1 is missing"), (["s", "a", "b"], "one too many"),
                            (["u", "x"], "expected u"), (["a{s", "1"], "not a signature"),
                            (["h", "0"], "no file descriptors"), (["--cuont=1"], "--count")):
            with self.subTest(words=words):
                result = self.target("Echo", *words)
                self.assertEqual(result.status, 2)
                self.assertIn(said, result.errors)
        for who in (WHO[:1], WHO[1:], ("--dest=nodot", WHO[1]), (WHO[0], "--path=relative")):
            with self.subTest(who=who):
                self.assertEqual(self.target("Echo", who=who).status, 2)
        self.assertEqual(self.target("not.a.method-name").status, 2)
        self.assertEqual(self.ask_report()[0], 0)

    def test_target_service_that_dies_half_way_is_told_with_its_answers(self):
        self.start_service("50")
        result = self.target("Echo", "--count=1000", "--duration=10m", "s", "hello")
        self.assertEqual(result.status, 1)
        self.assertIn(f"{NAME} has left the bus: 49 calls were answered", result.errors)
        self.assertIn(f"1 ended with {PREFIX}NoReply", result.errors)
        self.assertEqual(result.json["extra"]["calls answered"]["value"], 49)
        self.assertEqual(result.json["errors_by_name"][PREFIX + "NoReply"], 1)
        self.assertEqual(result.json["begun_in_all"], result.json["ended_in_all"])
        self.assertLess(result.json["begun_in_all"], 1000)
        self.assertEqual(self.service.wait(timeout=PATIENCE_S), 3)

    def test_target_activatable_service_is_started(self):
        self.start_activating_daemon()
        result = self.target("Echo", "--count=20", "--duration=10m", "s", "hello")
        self.assert_all_accounted(result)
        self.assertEqual(result.json["errors"], 0)
        self.assertEqual(self.ask_report()[0], 20)

    def test_target_keep_going_has_a_dead_service_activated_again(self):
        self.start_activating_daemon("15")
        result = self.target("Echo", "--count=40", "--duration=10m", "--keep-going", "s", "hello")
        self.assert_all_accounted(result)
        self.assertEqual(result.json["begun_in_all"], 40)
        self.assertEqual(result.json["errors_by_name"], {PREFIX + "NoReply": 2})

    def test_target_calls_without_a_reply_time_out(self):
        self.start_service()
        result = self.target("Never", "--count=6", "--concurrency=2", "--window=3",
                             "--timeout=300ms", "--duration=10m")
        self.assertEqual(result.status, 1)
        self.assertEqual(result.json["errors_by_name"], {"(no reply in time)": 6})
        self.assertEqual(self.ask_report()[0], 6)

    def test_target_interrupted_prints_what_there_is(self):
        self.start_service()
        process = self.start("target", f"--address={self.address}", "--json", *WHO,
                             f"--method={NAME}.Never", "--window=4", "--duration=10m")
        self.wait_for("four calls", lambda: self.ask_report()[0] == 4)
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=PATIENCE_S)
        self.assertTrue(json.loads(output)["interrupted"])
        self.assertEqual(json.loads(output)["errors_by_name"], {"(interrupted)": 4})

    def test_target_the_bus_itself_answers(self):
        bus = ("--dest=org.freedesktop.DBus", "--path=/org/freedesktop/DBus")
        self.start_daemon()
        name_has_owner = "org.freedesktop.DBus.NameHasOwner"
        result = self.target(name_has_owner, "--count=100", "s", NAME, who=bus)
        self.assert_all_accounted(result)
        self.assertEqual(result.json["operations"], 100)
        self.assertEqual(result.json["messages"], 200)
        result = self.target("org.freedesktop.DBus.NoSuch", "--count=5", who=bus)
        self.assertEqual(result.json["errors_by_name"], {PREFIX + "UnknownMethod": 5})
        result = self.target(name_has_owner, "--count=5", "u", "1", who=bus)
        self.assertEqual(result.json["errors_by_name"], {PREFIX + "InvalidArgs": 5})

    def test_target_nobody_with_that_name_is_an_error(self):
        self.start_daemon()
        result = self.target("Echo", "--count=3", "s", "hello")
        self.assertEqual(result.status, 1)
        self.assertEqual(result.json["errors_by_name"], {PREFIX + "ServiceUnknown": 3})


class TargetWindowTest(LoadTest):
    def test_target_concurrency_and_window_bound_what_is_outstanding(self):
        for clients, window, knobs in ((1, 1, []), (3, 4, []), (2, 3, ["--rate=100000"])):
            with self.subTest(clients=clients, window=window, knobs=knobs):
                result, seen = self.run_on_fake(
                    "target", *WHO, f"--method={NAME}.Echo", f"--concurrency={clients}",
                    f"--window={window}", *knobs, fake={"hold_ms": 20},
                    is_enough=self.reaches("most_held", clients, window))
                self.assertEqual(list(result.json["errors_by_name"]), ["com.example.Refused"])
                self.assertEqual(list(seen["most_held"].values()), [window] * clients)
                self.assertEqual(result.json["begun_in_all"], seen["calls"])
                os.unlink(self.folder + "/bus")


if __name__ == "__main__":
    unittest.main()
