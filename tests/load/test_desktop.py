#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Each knob of the scenarios mixed and neighbour does what it says: a fake bus counts."""

import os
import unittest

from loadtest import LoadTest

DRIVER = ("GetNameOwner", "NameHasOwner", "GetConnectionUnixProcessID", "AddMatch", "RemoveMatch")


class MixedTest(LoadTest):
    def test_mixed_shares_are_those_of_the_profile(self):
        result, seen = self.run_on_fake("mixed", "--clients=4", "--subscriptions=2", "--services=2",
                                        seconds=(0.1, 2), is_enough=lambda result, _:
                                        result.json["begun_in_all"] > 1000)
        self.assert_all_accounted(result)
        self.assertEqual(result.json["errors"], 0)
        members = seen["members"]
        total = result.json["begun_in_all"]
        # without the rules of the subscriptions, and the connection that looks who is there
        driver = sum(seen["bus_calls"].get(member, 0) for member in DRIVER) - 4 * 2 - 1
        properties = members["Get"] + members["GetAll"]
        peers = members["Ask"] + members["AskMore"] + members["AskMuch"]
        self.assertEqual(driver + properties + peers + seen["signals"], total)
        self.assertGreater(total, 1000)
        for n, percent in ((driver, 30), (properties, 30), (peers, 25), (seen["signals"], 15)):
            self.assertAlmostEqual(100 * n / total, percent, delta=6)
        self.assertEqual(seen["matches_of_a_delivery"], {"1": 2 * seen["signals"]})
        for kind in ("driver calls", "property calls", "peer calls", "signals"):
            self.assertGreater(result.json["extra"][kind + ": median"]["value"], 0)

    def test_mixed_clients_and_services_are_connections(self):
        result, seen = self.run_on_fake("mixed", "--clients=5", "--services=3", "--threads=2")
        self.assert_all_accounted(result)
        self.assertEqual(seen["connections"], 5 + 3 + 1)
        self.assertEqual(len(seen["most_names"]), 3)

    def test_mixed_subscriptions_are_rules_and_deliveries(self):
        for n in (0, 3):
            with self.subTest(n=n):
                result, seen = self.run_on_fake("mixed", "--clients=4", f"--subscriptions={n}")
                self.assert_all_accounted(result)
                deliveries = seen["matches_of_a_delivery"].get("1", 0)
                self.assertEqual(deliveries, n * seen["signals"])
                os.unlink(self.folder + "/bus")

    def test_mixed_subscriptions_are_to_others(self):
        result = self.run_load("mixed", f"--address={self.address}", "--clients=3",
                               "--subscriptions=3")
        self.assertEqual(result.status, 2)
        self.assertIn("--subscriptions", result.errors)

    def test_mixed_window_bounds_the_outstanding_calls(self):
        for window in (1, 4):
            with self.subTest(window=window):
                result, seen = self.run_on_fake("mixed", "--clients=3", "--subscriptions=1",
                                                f"--window={window}", "--duration=1s")
                self.assert_all_accounted(result)
                self.assertLessEqual(max(seen["most_outstanding"].values()), window)
                os.unlink(self.folder + "/bus")

    def test_mixed_seed_decides_what_is_done(self):
        def members(seen):
            return [member for member in seen["order"] if member != "Hello"]

        orders = []
        for seed in (1, 1, 2):
            _, seen = self.run_on_fake("mixed", "--clients=1", "--services=1", "--subscriptions=0",
                                       f"--seed={seed}", fake={"order": 1},
                                       is_enough=lambda _, seen: len(members(seen)) >= 60)
            orders.append(members(seen)[:60])
            os.unlink(self.folder + "/bus")
        self.assertEqual(len(orders[0]), 60)
        self.assertEqual(orders[0], orders[1])
        self.assertNotEqual(orders[0], orders[2])


class NeighbourTest(LoadTest):
    def run_neighbour(self, *knobs, is_enough=None):
        result, seen = self.run_on_fake("neighbour", "--backlog=50KiB", *knobs, seconds=(0.1, 0.9),
                                        is_enough=is_enough)
        self.assert_all_accounted(result)
        os.unlink(self.folder + "/bus")
        return result.json, seen

    @staticmethod
    def has_all_phases(result, seen):
        return (seen["members"].get("Take", 0) >= 50 * 1024 // 500 and
                sorted(seen["most_outstanding"].values())[-2:] == [6, 6] and
                seen["body_sizes"].get("503", 0) > 50 * 1024 // 500 and
                all(result.json["extra"][phase + ": pings"]["value"] > 0
                    for phase in ("quiet", "flood", "non-reader")))

    def test_neighbour_flooders_flood_and_the_backlog_is_read_in_the_end(self):
        for threads in (1, 2):
            with self.subTest(threads=threads):
                result, seen = self.run_neighbour("--flooders=2", "--window=6",
                                                  "--flood-payload=499", f"--threads={threads}",
                                                  is_enough=self.has_all_phases)
                self.assertEqual(seen["connections"], 2 + 2 * 2 + 2 + 1)
                self.assertEqual(seen["members"]["Take"], 50 * 1024 // 500)
                self.assertEqual(result["extra"]["of these read in the end"]["value"],
                                 50 * 1024 // 500)
                self.assertEqual(result["dropped"], 0)
                self.assertEqual(sorted(seen["most_outstanding"].values()), [1, 1, 6, 6])
                self.assertGreater(seen["body_sizes"]["503"], 50 * 1024 // 500)
                for phase in ("quiet", "flood", "non-reader"):
                    self.assertGreater(result["extra"][phase + ": pings"]["value"], 0)

    def test_neighbour_without_flooders_nobody_floods(self):
        result, seen = self.run_neighbour("--flooders=0")
        self.assertEqual(result["extra"]["flooders' calls"]["value"], 0)
        self.assertEqual(seen["connections"], 2 + 2 + 1)

    def test_neighbour_without_a_backlog_nothing_is_sent_to_the_non_reader(self):
        result, seen = self.run_neighbour("--backlog=0")
        self.assertEqual(result["extra"]["messages to the non-reader"]["value"], 0)
        self.assertNotIn("Take", seen["members"])

    def test_neighbour_backlog_that_a_bus_drops_is_counted(self):
        """A bus that keeps only 127 KiB for a connection: what is over is thrown away, or the
        receiver thrown out."""
        self.start_daemon(extra='<limit name="max_outgoing_bytes">130000</limit>')
        for duration in ("900ms", "3600ms", "15s", "60s"):
            result = self.run_load("neighbour", f"--address={self.address}", "--warmup=0",
                                   f"--duration={duration}", "--backlog=4MiB", "--json")
            self.assert_all_accounted(result)
            extra = result.json["extra"]
            n_sent = extra["messages to the non-reader"]["value"]
            n_read = extra["of these read in the end"]["value"]
            if n_sent > n_read:  # on a busy machine it may not get so far at once
                break
        self.assertGreater(n_sent - n_read, 0)
        self.assertEqual(result.json["ended_in_all"], result.json["begun_in_all"])


if __name__ == "__main__":
    unittest.main()
