#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Each knob of the scenarios call, oneway, signal and open does what it says: a fake bus counts."""

import os
import statistics
import unittest

from loadtest import LoadTest

HOOK = os.environ.get("COUNT_WRITES", "")


class CallTest(LoadTest):
    def test_call_window_bounds_the_outstanding_calls(self):
        for window in (1, 7):
            with self.subTest(window=window):
                result, seen = self.run_on_fake("call", "--callers=3", "--services=2",
                                                f"--window={window}", fake={"hold_ms": 20},
                                                is_enough=self.reaches(
                                                    "most_outstanding", 3, window))
                self.assert_all_accounted(result)
                self.assertEqual(set(seen["most_outstanding"].values()), {window})
                self.assertEqual(len(seen["most_outstanding"]), 3)
                os.unlink(self.folder + "/bus")

    def test_call_callers_and_services_are_connections(self):
        result, seen = self.run_on_fake("call", "--callers=5", "--services=2")
        self.assert_all_accounted(result)
        self.assertEqual(seen["connections"], 5 + 2 + 1)  # and the one that looks who is there
        self.assertEqual(len(seen["most_outstanding"]), 5)
        self.assertEqual(len(seen["senders"]), 7)

    def test_call_every_message_is_accounted_for(self):
        result, seen = self.run_on_fake("call")
        self.assert_all_accounted(result)
        self.assertEqual(result.json["begun_in_all"], seen["calls"])
        self.assertEqual(seen["calls"], seen["returns"])
        self.assertEqual(result.json["errors"], 0)

    def test_call_payload_is_the_size_of_the_body(self):
        for payload, body in (("0", "0"), ("5", "9"), ("1KiB", "1028")):
            with self.subTest(payload=payload):
                result, seen = self.run_on_fake("call", f"--payload={payload}")
                self.assert_all_accounted(result)
                self.assertEqual(set(seen["body_sizes"]), {body})
                os.unlink(self.folder + "/bus")

    def test_call_refused_calls_are_counted_by_name(self):
        result, seen = self.run_on_fake("call", fake={"refuse_every": 10},
                                        is_enough=lambda result, _: result.json["errors"] > 0)
        self.assert_all_accounted(result)
        self.assertGreater(seen["refused"], 0)
        self.assertEqual(result.json["errors_by_name"], {"com.example.Refused": seen["refused"]})
        self.assertGreater(result.json["errors"], 0)

    def test_call_only_errors_is_a_failure(self):
        result, _ = self.run_on_fake("call", fake={"refuse_every": 1},
                                     is_enough=lambda result, _: result.json["errors"] > 0)
        self.assertEqual(result.status, 1)
        self.assertIn("every operation failed", result.errors)

    def test_call_write_single_is_a_write_for_each_message(self):
        n_writes, n_messages = {}, {}
        for write in ("single", "coalesced"):
            path = f"{self.folder}/{write}"
            result, seen = self.run_on_fake(
                "call", "--callers=1", "--services=1", "--window=16", f"--write={write}",
                fake={"hold_ms": 20}, is_enough=lambda _, seen: seen["calls"] >= 160,
                environment={
                    "LD_PRELOAD": HOOK, "COUNT_WRITES_FILE": path,
                    "ASAN_OPTIONS": "verify_asan_link_order=0"})
            self.assert_all_accounted(result)
            with open(path, encoding="ascii") as file:
                n_writes[write] = int(file.read())
            n_messages[write] = seen["calls"] + seen["returns"]
            os.unlink(self.folder + "/bus")
        self.assertGreaterEqual(n_writes["single"], n_messages["single"])
        # 16 calls come back together, so hardly more than one write for 16
        self.assertLess(n_writes["coalesced"], n_messages["coalesced"] / 4)

    def test_call_threads_share_the_connections(self):
        self.start_fake()
        process = self.start("call", f"--address={self.address}", "--threads=3", "--warmup=100ms",
                             "--duration=10m", "--json")
        tasks = f"/proc/{process.pid}/task"
        # The main thread, and perhaps one of a sanitizer's.
        self.wait_for("four threads", lambda: len(os.listdir(tasks)) in (1 + 3, 2 + 3))

    def test_call_warmup_is_not_measured(self):
        result, seen = self.run_on_fake("call", seconds=(0.4, 0.2), is_enough=lambda result, seen:
                                        result.json["operations"] < seen["returns"])
        self.assert_all_accounted(result)
        self.assertLess(result.json["operations"], seen["returns"])
        self.assertLess(result.json["latency_ns"]["count"], seen["returns"])
        self.assertLess(result.json["messages"], seen["calls"] + seen["returns"])

    def test_call_duration_is_what_was_measured(self):
        for duration in (0.1, 0.5):
            result, _ = self.run_on_fake("call", f"--duration={duration}")
            self.assertGreaterEqual(result.json["seconds"], duration)
            self.assertLess(result.json["seconds"], duration + 30)
            os.unlink(self.folder + "/bus")

    def test_call_late_counts_what_takes_longer(self):
        result, _ = self.run_on_fake("call", "--late=1ns")
        self.assertEqual(result.json["late"], result.json["operations"])
        os.unlink(self.folder + "/bus")
        result, _ = self.run_on_fake("call", "--late=1m")
        self.assertEqual(result.json["late"], 0)

    def test_call_slow_bus_is_seen_as_slow(self):
        """200 us for each message: at least 400 us until a reply comes."""
        result, _ = self.run_on_fake("call", "--callers=1", "--services=1", "--window=1",
                                     fake={"delay_us": 200},
                                     is_enough=lambda result, _: result.json["operations"] > 0)
        self.assert_all_accounted(result)
        self.assertGreater(result.json["latency_ns"]["min"], 400_000)
        self.assertGreater(result.json["broker_use"]["cpu_ns_per_message"], 200_000)
        self.assertFalse(result.json["generator"]["bound"])


class OnewayTest(LoadTest):
    def test_oneway_window_bounds_what_is_under_way(self):
        for window in (1, 9):
            with self.subTest(window=window):
                result, seen = self.run_on_fake("oneway", "--senders=3", "--receivers=2",
                                                f"--window={window}", "--threads=2",
                                                fake={"hold_ms": 20},
                                                is_enough=self.reaches("most_held", 3, window))
                self.assert_all_accounted(result)
                self.assertEqual(set(seen["most_held"].values()), {window})
                self.assertEqual(len(seen["most_held"]), 3)
                os.unlink(self.folder + "/bus")

    def test_oneway_every_message_is_accounted_for(self):
        result, seen = self.run_on_fake("oneway", "--senders=3", "--receivers=2")
        self.assert_all_accounted(result)
        self.assertEqual(result.json["begun_in_all"], seen["oneways"])
        self.assertEqual(seen["deliveries"], seen["oneways"])
        self.assertEqual(seen["calls"], 0)
        self.assertEqual(seen["connections"], 3 + 2 + 1)

    def test_oneway_payload_is_the_size_of_the_body(self):
        result, seen = self.run_on_fake("oneway", "--payload=100",
                                        is_enough=lambda result, _: result.json["operations"] > 0)
        self.assert_all_accounted(result)
        self.assertEqual(set(seen["body_sizes"]), {"104"})
        self.assertGreater(result.json["latency_ns"]["count"], 0)

    def test_oneway_without_room_for_a_stamp_has_no_latency(self):
        result, _ = self.run_on_fake("oneway", "--payload=7")
        self.assert_all_accounted(result)
        self.assertNotIn("latency_ns", result.json)

    def test_oneway_lost_message_is_counted_as_dropped(self):
        result, seen = self.run_on_fake("oneway", "--senders=1", "--receivers=1", "--window=8",
                                        seconds=(0, 1), fake={"lose": 30},
                                        is_enough=lambda _, seen: seen["lost"] == 1)
        self.assert_all_accounted(result)
        self.assertEqual(seen["lost"], 1)
        self.assertEqual(result.json["begun_in_all"], seen["deliveries"] + 1)


class SignalTest(LoadTest):
    def run_signal(self, *knobs, **options):
        result, seen = self.run_on_fake("signal", "--emitters=2", "--subscribers=3", *knobs,
                                        **options)
        self.assert_all_accounted(result)
        self.assertEqual(seen["deliveries"], 3 * seen["signals"])
        self.assertEqual(result.json["begun_in_all"], seen["signals"])
        return result, seen

    def test_signal_rules_are_added_and_one_of_them_matches(self):
        for key in ("interface", "member", "path", "arg0", "path_namespace", "sender"):
            for n_rules in (2, 5):
                with self.subTest(key=key, n_rules=n_rules):
                    _, seen = self.run_signal(f"--rules={n_rules}", f"--differ={key}")
                    self.assertEqual(list(seen["rules"].values()), [n_rules] * 3)
                    self.assertEqual(set(seen["matches_of_a_delivery"]), {"1"})
                    os.unlink(self.folder + "/bus")

    def test_signal_by_sender_needs_a_rule_for_each_emitter(self):
        result = self.run_load("signal", f"--address={self.address}", "--emitters=3", "--rules=2",
                               "--differ=sender")
        self.assertEqual(result.status, 2)
        self.assertIn("--rules", result.errors)

    def test_signal_window_bounds_what_is_under_way(self):
        for window in (1, 5):
            with self.subTest(window=window):
                _, seen = self.run_signal(f"--window={window}", "--threads=2",
                                          fake={"hold_ms": 20},
                                          is_enough=self.reaches("most_held", 2, window))
                self.assertEqual(list(seen["most_held"].values()), [window] * 2)
                os.unlink(self.folder + "/bus")

    def test_signal_emitters_and_subscribers_are_connections(self):
        result, seen = self.run_signal(is_enough=lambda result, _: result.json["messages"] > 100)
        self.assertEqual(seen["connections"], 2 + 3 + 1)
        self.assertEqual(len(seen["senders"]), 2)
        self.assertGreater(result.json["deliveries"], 2 * result.json["messages"])

    def test_signal_payload_is_the_size_of_the_array(self):
        _, seen = self.run_signal("--payload=16")
        self.assertEqual(set(seen["body_sizes"]), {"20"})

    def test_signal_lost_signal_fails_the_run(self):
        result, _ = self.run_on_fake("signal", "--window=4", fake={"lose": 50},
                                     is_enough=lambda _, seen: seen["lost"] == 1)
        self.assertEqual(result.status, 1)
        self.assertIn("was due", result.errors)
        self.assertEqual(result.output, "")


class OpenTest(LoadTest):
    def distances(self, *knobs):
        result, seen = self.run_on_fake("open", "--rate=1000", *knobs, seconds=(0.1, 0.4),
                                        fake={"stamps": 1},
                                        is_enough=lambda _, seen: len(seen["stamps"]) > 301)
        self.assert_all_accounted(result)
        self.assertEqual(result.json["begun_in_all"], seen["calls"])
        os.unlink(self.folder + "/bus")
        stamps = sorted(seen["stamps"])
        return [after - before for before, after in zip(stamps, stamps[1:])]

    def test_open_calls_are_due_at_the_rate(self):
        distances = self.distances("--callers=3", "--services=2")
        self.assertGreater(len(distances), 300)
        for distance in distances:
            self.assertAlmostEqual(distance, 1_000_000, delta=2)

    def test_open_poisson_arrivals_are_random_by_seed(self):
        first = self.distances("--arrivals=poisson", "--seed=5")
        again = self.distances("--arrivals=poisson", "--seed=5")
        other = self.distances("--arrivals=poisson", "--seed=6")
        n = min(len(first), len(again), 100)
        self.assertGreater(n, 50)
        for a, b in zip(first[:n], again[:n]):
            self.assertAlmostEqual(a, b, delta=2)
        self.assertNotEqual(first[:n], other[:n])
        self.assertAlmostEqual(statistics.mean(first), 1_000_000, delta=300_000)
        spread = statistics.pstdev(first) / statistics.mean(first)
        self.assertAlmostEqual(spread, 1, delta=0.4)

    def test_open_threads_share_the_rate(self):
        def is_rate_met(result, _):
            return result.json["operations"] > 0.7 * 500 * result.json["seconds"]

        result, seen = self.run_on_fake("open", "--rate=500", "--threads=2", "--callers=4",
                                        is_enough=is_rate_met)
        self.assert_all_accounted(result)
        self.assertTrue(is_rate_met(result, seen), result.output)
        self.assertEqual(len([n for n in seen["most_outstanding"].values() if n > 0]), 4)

    def test_open_callers_and_services_are_connections(self):
        result, seen = self.run_on_fake("open", "--callers=6", "--services=3")
        self.assert_all_accounted(result)
        self.assertEqual(seen["connections"], 6 + 3 + 1)


if __name__ == "__main__":
    unittest.main()
