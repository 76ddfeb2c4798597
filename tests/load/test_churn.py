#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Each knob of the scenarios connect, names, match, fds and idle does what it says: a fake bus
counts. And a short run of each on a real bus."""

import os
import unittest

from loadtest import LoadTest


class ConnectTest(LoadTest):
    def test_connect_every_connection_is_accounted_for(self):
        result, seen = self.run_on_fake("connect", "--clients=3", "--idle=5")
        self.assert_all_accounted(result)
        self.assertEqual(result.json["begun_in_all"], seen["connections"] - 5 - 1)
        self.assertEqual(seen["bus_calls"]["Hello"], seen["connections"])
        self.assertEqual(result.json["errors"], 0)

    def test_connect_clients_are_those_that_connect_at_a_time(self):
        for clients in (1, 4):
            with self.subTest(clients=clients):
                result, seen = self.run_on_fake("connect", f"--clients={clients}",
                                                fake={"hold_ms": 30, "hold_bus": 2},
                                                is_enough=lambda _, seen, n=clients:
                                                seen["most_held_in_all"] >= n)
                self.assert_all_accounted(result)
                self.assertEqual(seen["most_held_in_all"], clients)
                os.unlink(self.folder + "/bus")

    def test_connect_handshake_is_one_write_or_many(self):
        # the one more is that of the connection that looks who is there
        for knobs, steps in ((["--handshake=pipelined"], "1"), (["--handshake=stepwise"], "3"),
                             (["--handshake=stepwise", "--without-fds"], "2")):
            with self.subTest(knobs=knobs):
                result, seen = self.run_on_fake("connect", "--clients=2", *knobs)
                self.assert_all_accounted(result)
                n = result.json["begun_in_all"] + (steps == "1")
                self.assertEqual(seen["steps_of_handshakes"][steps], n)
                os.unlink(self.folder + "/bus")


class NamesTest(LoadTest):
    def test_names_every_watcher_is_told_every_change(self):
        for threads in (1, 3):
            with self.subTest(threads=threads):
                result, seen = self.run_on_fake("names", "--owners=3", "--watchers=2",
                                                f"--threads={threads}")
                self.assert_all_accounted(result)
                n = result.json["begun_in_all"]
                calls = seen["bus_calls"]
                self.assertEqual(calls["RequestName"] + calls["ReleaseName"], n)
                self.assertEqual(seen["changes"], 2 * n)
                self.assertEqual(len(seen["most_names"]), 3)
                self.assertEqual(seen["connections"], 3 + 2 + 1)
                os.unlink(self.folder + "/bus")

    def test_names_window_is_names_and_outstanding_calls(self):
        for window in (1, 5):
            with self.subTest(window=window):
                result, seen = self.run_on_fake("names", "--owners=2", "--watchers=0",
                                                f"--window={window}",
                                                fake={"hold_ms": 20, "hold_bus": 1},
                                                is_enough=self.holds("most_names", 2, window))
                self.assert_all_accounted(result)
                self.assertEqual(list(seen["most_names"].values()), [window] * 2)
                held = [n for name, n in seen["most_held"].items() if name in seen["most_names"]]
                self.assertEqual(held, [window] * 2)
                os.unlink(self.folder + "/bus")

    def test_names_lost_change_fails_the_run(self):
        result, _ = self.run_on_fake("names", fake={"lose_change": 30},
                                     is_enough=lambda _, seen: seen["changes"] >= 30)
        self.assertEqual(result.status, 1)
        self.assertIn("a change was lost", result.errors)
        self.assertEqual(result.output, "")


class MatchTest(LoadTest):
    def test_match_rules_stand_and_others_come_and_go(self):
        result, seen = self.run_on_fake("match", "--clients=2", "--rules=5", "--window=3",
                                        "--differ=arg0",
                                        is_enough=self.reaches("most_rules", 2, 5 + 3))
        self.assert_all_accounted(result)
        calls = seen["bus_calls"]
        self.assertEqual(calls["AddMatch"] + calls["RemoveMatch"],
                         result.json["begun_in_all"] + 2 * 5)
        self.assertEqual(list(seen["most_rules"].values()), [5 + 3] * 2)
        self.assertEqual(list(seen["rule_keys"]), ["arg0 interface type"])
        self.assertEqual(seen["distinct_rules"], 5 + 3)

    def test_match_window_bounds_the_outstanding_calls(self):
        for window in (1, 6):
            with self.subTest(window=window):
                result, seen = self.run_on_fake("match", "--clients=3", "--rules=0",
                                                f"--window={window}",
                                                fake={"hold_ms": 20, "hold_bus": 1},
                                                is_enough=self.holds("rules", 3, window))
                self.assert_all_accounted(result)
                held = [n for name, n in seen["most_held"].items() if name in seen["rules"]]
                self.assertEqual(held, [window] * 3)
                os.unlink(self.folder + "/bus")


class FdsTest(LoadTest):
    def test_fds_are_in_each_call_and_come_back(self):
        for n_fds in (1, 4):
            for answer in ("close", "return"):
                with self.subTest(n_fds=n_fds, answer=answer):
                    result, seen = self.run_on_fake("fds", f"--fds={n_fds}", f"--answer={answer}",
                                                    "--callers=3", "--services=2")
                    self.assert_all_accounted(result)
                    n = result.json["begun_in_all"]
                    self.assertEqual(seen["calls"], n)
                    self.assertEqual(seen["fds"], {str(n_fds): 2 * n if answer == "return" else n})
                    self.assertEqual(seen["connections"], 3 + 2 + 1)
                    os.unlink(self.folder + "/bus")

    def test_fds_window_bounds_the_outstanding_calls(self):
        result, seen = self.run_on_fake("fds", "--callers=2", "--window=5", fake={"hold_ms": 20},
                                        is_enough=self.reaches("most_outstanding", 2, 5))
        self.assert_all_accounted(result)
        self.assertEqual(list(seen["most_outstanding"].values()), [5] * 2)

    def test_fds_payload_comes_before_them(self):
        result, seen = self.run_on_fake("fds", "--fds=3", "--payload=101")
        self.assert_all_accounted(result)
        # ay: 4 + 101, aligned; ah: 4 + 12. And the replies' ay.
        self.assertEqual(set(seen["body_sizes"]), {str(108 + 16), str(105)})

    def test_fds_refused_writes_are_counted(self):
        result, _ = self.run_on_fake("fds")
        self.assertIn("writes refused with ETOOMANYREFS", result.json["extra"])


class IdleTest(LoadTest):
    def test_idle_clients_and_rules_are_there(self):
        for alike in (False, True):
            with self.subTest(alike=alike):
                knobs = ["--alike"] if alike else []
                result, seen = self.run_on_fake("idle", "--clients=20", "--rules=4", *knobs)
                self.assertEqual(result.status, 0, result.errors)
                self.assertEqual(seen["connections"], 20 + 1)
                self.assertEqual(list(seen["most_rules"].values()), [4] * 20)
                self.assertEqual(seen["distinct_rules"], 4 if alike else 4 * 20)
                os.unlink(self.folder + "/bus")

    def test_idle_memory_is_told_for_each_connection_and_rule(self):
        bus = self.start_daemon()
        result = self.run_load("idle", f"--address={self.address}", "--clients=200", "--rules=50",
                               "--duration=100ms", "--json")
        self.assertEqual(result.status, 0, result.errors)
        extra = result.json["extra"]
        self.assertEqual(result.json["broker"]["pid"], bus.pid)
        self.assertGreaterEqual(extra["fds per connection"]["value"], 1)
        self.assertGreater(extra["memory per connection"]["value"], 0)
        # a rule's own text takes more than 32 bytes
        self.assertGreater(extra["memory per rule"]["value"], 32)


if __name__ == "__main__":
    unittest.main()
