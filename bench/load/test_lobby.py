#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: Apache-2.0
"""Tests bench_lobby: that each attack does what it says, as the bus answers it; no times.

Usage: test_lobby.py BENCH_LOBBY RINGBUS
"""

import json
import os
import subprocess
import sys
import tempfile
import unittest

BENCH = None
RINGBUS = None
HELD = 100
PLACES = 16
ROUNDS = 1


def run(*arguments):
    done = subprocess.run([BENCH, f"--daemon={RINGBUS}", *arguments], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, timeout=500, check=False)
    return done.returncode, done.stdout, done.stderr


class Attacked(unittest.TestCase):
    """One run of all attacks, whose document the tests look at."""

    @classmethod
    def setUpClass(cls):
        with tempfile.TemporaryDirectory(prefix="bench-lobby.") as folder:
            path = os.path.join(folder, "lobby.json")
            cls.status, cls.printed, cls.errors = run(
                "--seconds=200ms", f"--rounds={ROUNDS}", f"--held={HELD}", "--rate=500",
                f"--max-incomplete={PLACES}", "--auth-timeout=500ms", f"--json={path}")
            with open(path, encoding="ascii") as file:
                cls.document = json.load(file)
        cls.rows = {row["attack"]: row for row in cls.document["rows"]}

    def least(self, attack, figure):
        figures = self.rows[attack]["figures"]
        self.assertEqual(len(figures[figure]["values"]), ROUNDS, (attack, figure))
        return figures[figure]["min"]

    def test_all_are_there_and_the_bus_meets_what_is_asked(self):
        self.assertEqual(self.status, 0, self.printed + self.errors)
        names = {"vanish", "silent", "half", "share", "trickle", "nohello", "long", "reject",
                 "nul", "eight", "fds"}
        self.assertEqual(set(self.rows) | set(self.document["left_out"]), names)
        self.assertEqual(self.document["left_out"], [] if os.geteuid() == 0 else ["share"])
        for attack, row in self.rows.items():
            self.assertEqual((row["rounds"], row["failed"]), (ROUNDS, 0))
            self.assertGreater(self.least(attack, "tried"), 0)
            for figure in ("quiet_p99_us", "decoy_p99_us", "attack_p99_us", "p99_over_quiet",
                           "attack_bus_cpu", "newcomer_after_ms"):
                self.assertGreater(self.least(attack, figure), 0, (attack, figure))

    def test_the_bus_closes_those_who_send_too_much(self):
        for attack in ("long", "reject"):
            self.assertGreater(self.least(attack, "closed_by_bus"), 0)
            self.assertEqual(self.rows[attack]["figures"]["left"]["max"], 0)
            self.assertEqual(self.rows[attack]["figures"]["let_in"]["max"], 0)

    def test_errors_in_lines_end_nobody(self):
        for attack in ("vanish", "nul", "eight"):
            self.assertGreater(self.least(attack, "left"), 0)
            self.assertEqual(self.rows[attack]["figures"]["closed_by_bus"]["max"], 0)
            self.assertEqual(self.rows[attack]["figures"]["let_in"]["max"], 0)

    def test_those_who_wait_fill_all_places_and_are_timed_out(self):
        for attack in ("silent", "half", "trickle", "nohello"):
            figures = self.rows[attack]["figures"]
            self.assertEqual(self.least(attack, "open_at_most"), HELD)
            self.assertGreaterEqual(figures["fds_at_most"]["max"],
                                    figures["fds_before"]["min"] + PLACES)
            self.assertGreater(figures["closed_by_bus"]["max"], 0)
        self.assertGreater(self.least("nohello", "let_in"), 0)
        self.assertEqual(self.rows["half"]["figures"]["let_in"]["max"], 0)

    def test_a_handshake_with_fds_is_let_in(self):
        self.assertGreater(self.least("fds", "let_in"), 0)

    def test_another_user_has_a_share_and_newcomers_come_in(self):
        if "share" in self.document["left_out"]:
            self.assertIn("'share' needs root", self.errors)
            return
        figures = self.rows["share"]["figures"]
        self.assertLessEqual(figures["fds_at_most"]["max"],
                             figures["fds_before"]["max"] + PLACES // 2 + 4)
        self.assertGreater(self.least("share", "closed_by_bus"), 0)
        self.assertEqual(len(figures["newcomer_ms"]["values"]), ROUNDS)


class Asked(unittest.TestCase):

    SHORT = ("--seconds=100ms", "--rounds=1", "--held=10", "--attacks=vanish")

    def test_a_limit_that_cannot_be_met_is_status_1(self):
        status, printed, _ = run(*self.SHORT, "--limit=0.001")
        self.assertEqual(status, 1)
        self.assertIn("NOT MET: the pair's p99", printed)
        self.assertIn("at most 0.00", printed)

    def test_without_a_decoy_and_with_the_document_printed(self):
        status, printed, errors = run(*self.SHORT, "--decoy=none", "--limit=1000", "--json")
        self.assertEqual(status, 0, errors)
        figures = json.loads(printed)["rows"][0]["figures"]
        self.assertNotIn("decoy_p99_us", figures)
        self.assertIn("attack_p99_us", figures)
        self.assertIn("that of quiet, at most 1000", errors)

    def test_the_floor_is_a_decoy(self):
        status, _, errors = run(*self.SHORT, "--decoy=floor", "--against=decoy", "--limit=1000")
        self.assertEqual(status, 0, errors)

    def test_help_and_wrong_usage(self):
        status, printed, _ = run("--help")
        self.assertEqual(status, 0)
        for word in ("trickle", "--limit", "--peers", "--rate"):
            self.assertIn(word, printed)
        for wrong in ("--attacks=vanis", "--io=poll", "--nonsense", "--rounds=0",
                      "--daemon=/nowhere/ringbus"):
            self.assertEqual(run(wrong)[0], 2, wrong)
        self.assertEqual(run("--decoy=none", "--against=decoy")[0], 2)
        self.assertIn("the nearest is vanish", run("--attacks=vanis")[2])


if __name__ == "__main__":
    BENCH, RINGBUS = sys.argv[1:3]
    unittest.main(argv=sys.argv[:1], verbosity=2)
