#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: Apache-2.0
"""Tests tools/bench-micro: that it says what the programs measured, and what is wrong.

Usage: test_tool.py BUILD     (the build folder, with the programs in bench/micro)
"""

import json
import os
import subprocess
import sys
import tempfile
import unittest

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TOOL = os.path.join(TOP, "tools", "bench-micro")
PROGRAMS = [name[:-2] for name in sorted(os.listdir(os.path.join(TOP, "bench/micro")))
            if name.startswith("bench_") and name.endswith(".c")]
BUILD = None

# Lists two cases and reports three runs of the first, but the second as failed.
FAKE = """#!/bin/sh
case "$*" in
*list_tests*) printf 'good/1\\nbad/1\\n' ;;
*) cat "$(dirname "$0")/answer"; exit 1 ;;
esac
"""


def run(*arguments):
    done = subprocess.run([TOOL, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, timeout=300, check=False)
    return done.returncode, done.stdout, done.stderr


def fake_run(case, **more):
    return {"run_name": case, "run_type": "iteration", "threads": 1, "real_time": 70.0,
            "cpu_time": 60.0, "iterations": 9, **more}


class FakeBuild(tempfile.TemporaryDirectory):
    """A build folder in which every program is a script that gives the same answer."""

    def __init__(self, runs):
        super().__init__(prefix="bench-micro.")
        folder = os.path.join(self.name, "bench", "micro")
        os.makedirs(folder)
        with open(os.path.join(folder, "answer"), "w", encoding="ascii") as file:
            json.dump({"benchmarks": runs}, file)
        for program in PROGRAMS:
            path = os.path.join(folder, program)
            with open(path, "w", encoding="ascii") as file:
                file.write(FAKE)
            os.chmod(path, 0o755)


class Measured(unittest.TestCase):

    def test_cases_that_match_are_in_the_file(self):
        pattern = "^(policy|mailbox)/"
        status, listed, _ = run(f"--build={BUILD}", f"--filter={pattern}", "--list")
        self.assertEqual(status, 0)
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "out.json")
            status, output, errors = run(f"--build={BUILD}", f"--filter={pattern}",
                                         "--repetitions=3", "--min-time=0.001", f"--json={path}")
            self.assertEqual((status, errors), (0, ""))
            self.assertEqual(os.listdir(folder), ["out.json"])
            with open(path, encoding="utf-8") as file:
                result = json.load(file)
        names = [case["name"] for case in result["cases"]]
        self.assertEqual(names, listed.split())
        self.assertEqual({name.split("/")[0] for name in names}, {"policy", "mailbox"})
        for case in result["cases"]:
            self.check_case(case, output)
        self.assertEqual(result["schema"], "ringbus-bench-micro/1")
        self.assertIn("Linux", result["machine"]["kernel"])
        self.assertGreater(result["machine"]["n_cpus_allowed"], 0)
        self.assertGreaterEqual(result["foreign_cpus"], 0)

    def check_case(self, case, output):
        threads = 2 if "threads:2" in case["name"] else 1
        self.assertEqual(case["threads"], threads)
        self.assertEqual(case["clock"], "elapsed" if threads == 2 else "cpu")
        self.assertIn(case["name"], output)
        for key in ("ns_per_iteration", "ns_per_item"):
            spread = case[key]
            self.assertEqual(len(spread["runs"]), 3)
            self.assertEqual(sorted(spread["runs"]),
                             [spread["min"], spread["median"], spread["max"]])
            self.assertGreater(spread["min"], 0)

    def test_every_program_has_cases(self):
        status, listed, _ = run(f"--build={BUILD}", "--list")
        self.assertEqual(status, 0)
        self.assertEqual(sorted({"bench_" + name.split("/")[0] for name in listed.split()}),
                         PROGRAMS)


class Refused(unittest.TestCase):

    def refused(self, arguments, *texts):
        status, _, errors = run(*arguments)
        self.assertEqual(status, 1)
        for text in texts:
            self.assertIn(text, errors)
        self.assertNotIn("Traceback", errors)

    def test_missing_build_names_the_remedy(self):
        self.refused(["--build=/nowhere"], "there is no /nowhere/bench/micro/bench_",
                     "cmake --preset release && cmake --build --preset release")

    def test_unknown_option_names_the_nearest(self):
        self.refused(["--repetition=3"], "unknown argument", "did you mean --repetitions?")
        self.refused(["--json"], "--json needs a value")
        self.refused(["--repetitions=0"], "--repetitions=0")
        self.refused(["--min-time=much"], "--min-time=much")

    def test_filter_without_sense_is_told(self):
        self.refused([f"--build={BUILD}", "--filter=("], "no regular expression")
        self.refused([f"--build={BUILD}", "--filter=^nothing$"], "no case's name", "--list")

    def test_file_that_cannot_be_written_is_told_at_once(self):
        self.refused([f"--build={BUILD}", "--json=/nowhere/out.json"], "cannot be written")


class Failed(unittest.TestCase):

    def test_failed_and_missing_cases_are_told(self):
        runs = [fake_run("good/1", items_per_second=1e9 / time, bytes_per_second=1024e9 / time)
                for time in (10.0, 30.0, 20.0)]
        runs.append(fake_run("bad/1", error_occurred=True, error_message="it lies"))
        with FakeBuild(runs) as build:
            status, output, _ = run(f"--build={build}", "--repetitions=3", "--filter=^policy/")
        self.assertEqual(status, 1)
        self.assertRegex(output, r"policy/good/1 +20.00 \(10.00-30.00\) +20.00 \(10.00-30.00\)")
        self.assertRegex(output, r"policy/bad/1 +FAILED: it lies")
        self.assertIn("1 cases measured, 1 failed", output)
        with FakeBuild(runs[:3]) as build:
            status, output, _ = run(f"--build={build}", "--filter=^policy/")
        self.assertEqual(status, 1)
        self.assertRegex(output, r"policy/bad/1 +FAILED: the program did not report it")

    def test_program_that_crashes_is_named(self):
        with FakeBuild([]) as build, tempfile.TemporaryDirectory() as folder:
            path = os.path.join(build, "bench/micro/bench_policy")
            with open(path, "w", encoding="ascii") as file:
                file.write(FAKE.replace("exit 1", "echo assertion >&2; kill -9 $$"))
            status, _, errors = run(f"--build={build}", "--filter=^policy/",
                                    f"--json={folder}/out.json")
            self.assertEqual(os.listdir(folder), [])
        self.assertEqual(status, 1)
        self.assertIn(f"{path} ended with status -9\nassertion", errors)


if __name__ == "__main__":
    BUILD = sys.argv.pop(1)
    unittest.main()
