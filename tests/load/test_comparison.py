#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""`ringbus-load compare` as a whole: a small suite on real brokers, its JSON, report and status."""

import html.parser
import json
import os
import signal
import unittest

import jsonschema

from loadtest import DAEMON, LoadTest, Result

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
COMPARISON_S = 500  # with a sanitizer, on a busy machine
SUITE = """
[suite]
duration = 500ms
warmup = 50ms
rounds = 2
[cell calls]
title = Calls & <answers>
run = call --callers=2 --services=2 --window=4
measures = cpu-per-message operations-per-second
latency = yes
[cell elsewhere]
title = Not on the floor
run = call --window=1
measures = latency-p50
without = floor
[sweep size]
title = Payload
run = oneway --payload={x}
x = 8 1048576
x-title = payload, bytes
x-scale = log
measures = cpu-per-message
rounds = 1
[sweep workers]
title = Workers
run = call --window=4
workers = {x}
x = 1 2
x-title = workers
only = ringbus
measures = operations-per-second
rounds = 1
"""
FAILING = """
[suite]
duration = 60ms
warmup = 10ms
rounds = 1
[cell refused]
title = A run that fails
run = call --payload=1TiB
measures = cpu-per-message
"""


def validator():
    with open(os.path.join(TOP, "docs", "ringbus-load.schema.json"), encoding="utf-8") as file:
        schema = json.load(file)
    jsonschema.Draft7Validator.check_schema(schema)
    return jsonschema.Draft7Validator(schema)


class Page(html.parser.HTMLParser):
    """Counts elements, and notes whatever a page would fetch."""

    VOID = {"meta", "br", "link", "img", "input", "hr"}

    def __init__(self, text):
        super().__init__()
        self.counts, self.open, self.fetched, self.text = {}, [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.counts[tag] = self.counts.get(tag, 0) + 1
        for name, value in attrs:
            if name in ("src", "href", "srcset") or "url(" in (value or ""):
                self.fetched.append(value)
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.counts[tag] = self.counts.get(tag, 0) + 1

    def handle_endtag(self, tag):
        assert self.open and self.open[-1] == tag, f"</{tag}> while {self.open[-3:]} are open"
        self.open.pop()

    def handle_data(self, data):
        self.text.append(data)


class ComparisonTest(LoadTest):
    def path(self, name, text=None):
        path = os.path.join(self.folder, name)
        if text is not None:
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
        return path

    def load(self, name):
        with open(self.path(name), encoding="utf-8") as file:
            return json.load(file)

    def compare(self, *words, environment=None):
        process = self.start("compare", *words, environment=environment)
        output, errors = process.communicate(timeout=COMPARISON_S)
        return Result(process, output, errors)


class TestComparison(ComparisonTest):
    """One comparison, looked at from all sides: it takes a while."""

    def test_small_suite_is_measured_and_reported(self):
        result = self.compare(
            "--suite=" + self.path("suite", SUITE), f"--brokers=dbus-daemon,ringbus={DAEMON},floor",
            "--repeats=0", "--json=" + self.path("json"), "--html=" + self.path("html"))
        self.assertEqual(result.status, 0, result.errors)
        document = self.load("json")
        validator().validate(document)
        self.check_cells(document)
        self.check_progress(result)
        with open(self.path("html"), encoding="utf-8") as file:
            text = file.read()
        self.check_page(Page(text))
        # Every colour is one of the page's: it follows light and dark.
        self.assertNotIn("rgb(", text)
        for colour in ("--axis", "--grid", "--text", "--c0", "--c2", "--c3"):
            self.assertRegex(text, f"=.var.{colour}.")
        self.check_again(document)

    def check_cells(self, document):
        runs = {(cell["name"], place["broker"]): place["n_runs"]
                for cell in document["cells"] for place in cell["results"]}
        all_of = ("dbus-daemon", "ringbus", "floor")
        self.assertEqual(runs, {
            **{("calls", broker): 2 for broker in all_of},
            ("elsewhere", "dbus-daemon"): 2, ("elsewhere", "ringbus"): 2,
            **{(f"size/{x}", broker): 1 for x in (8, 1048576) for broker in all_of},
            ("workers/1", "ringbus"): 1, ("workers/2", "ringbus"): 1})
        for cell in document["cells"]:
            for place in cell["results"]:
                self.assertEqual(place["n_failed"], 0, place["errors"])
                for figure in place["figures"].values():
                    self.assertEqual(len(figure["values"]), place["n_runs"])
                    self.assertLessEqual(figure["min"], figure["median"])
                    self.assertLessEqual(figure["median"], figure["max"])
                self.assertTrue(set(cell["measures"]) <= set(place["figures"]), place)
        self.assertEqual([cell.get("x") for cell in document["cells"]],
                         [None, None, 8, 1048576, 1, 2])
        self.assertIn("1.14", document["brokers"][0]["version"])

    def check_progress(self, result):
        """The plan first, then one line for each finished cell; the table on standard output."""
        lines = result.errors.splitlines()
        self.assertRegex(lines[0], r"6 cells on dbus-daemon, ringbus, floor: 18 runs, about 0 min")
        self.assertEqual([line.split("] ")[1].split(":")[0] for line in lines[1:7]],
                         ["calls", "elsewhere", "size/8", "size/1048576", "workers/1", "workers/2"])
        self.assertIn("[100 %, 0:00 left] workers/2", result.errors)
        self.assertRegex(result.output, r"calls +cpu-per-message +µs +[0-9.]+[*°]* \([0-9.]+-")

    def check_page(self, page):
        self.assertEqual(page.open, [])
        # Two sweeps, of one measure each, and the percentiles of one cell.
        self.assertEqual(page.counts["svg"], 3)
        self.assertEqual(page.counts["figure"], 3)
        self.assertEqual([value for value in page.fetched if not value.startswith("#")], [])
        self.assertEqual(page.counts.get("script", 0), 0)
        self.assertIn("Calls & <answers>", "".join(page.text))

    def check_again(self, document):
        """What was written can be read, reported and compared with itself."""
        result = self.compare("--from=" + self.path("json"), "--against=" + self.path("json"),
                              "--json")
        self.assertEqual(result.status, 0, result.errors)
        self.assertEqual(json.loads(result.output), document)
        self.assertIn("6 of 6 cells compared", result.errors)
        self.assertIn(" 0 got worse", result.errors)
        # Slower by half, beyond any run: told, and the status says so.
        place = document["cells"][0]["results"][0]
        figure = place["figures"]["cpu-per-message"]
        figure["median"] = figure["max"] * 1.5
        self.path("worse", json.dumps(document))
        result = self.compare("--from=" + self.path("worse"), "--against=" + self.path("json"))
        self.assertEqual(result.status, 1, result.errors)
        self.assertIn("worse: calls, dbus-daemon: broker CPU per message", result.output)
        self.assertIn(" 1 got worse", result.output)


class TestTrouble(ComparisonTest):
    def test_failed_runs_are_told_and_have_no_figures(self):
        result = self.compare("--suite=" + self.path("suite", FAILING), f"--brokers={DAEMON}",
                              "--quiet", "--json=" + self.path("json"))
        self.assertEqual(result.status, 1)
        document = self.load("json")
        validator().validate(document)
        place = document["cells"][0]["results"][0]
        self.assertEqual((place["n_runs"], place["n_failed"], place["figures"]), (0, 1, {}))
        self.assertIn("payload", place["errors"][0])
        self.assertRegex(result.output, "refused +cpu-per-message +µs +failed")
        self.assertIn("! refused, ringbus: ", result.output)

    def test_disturbed_runs_are_repeated_and_marked(self):
        """No share of foreign CPU time is small enough for a limit of 0 on a busy machine; on an
        idle one the runs are simply not disturbed: either way it must add up."""
        result = self.compare("--suite=" + self.path("suite", SUITE), "--cells=calls",
                              "--brokers=floor", "--foreign=0", "--repeats=1", "--rounds=4",
                              "--json=" + self.path("json"))
        self.assertEqual(result.status, 0, result.errors)
        place = self.load("json")["cells"][0]["results"][0]
        self.assertEqual(place["n_runs"], 4)
        self.assertLessEqual(place["n_disturbed"], 4)
        self.assertLessEqual(place["n_repeated"], 1)  # a quarter of the runs at most
        foreign = place["figures"]["foreign-cpu"]["values"]
        self.assertEqual(place["n_disturbed"], sum(share > 0 for share in foreign))
        self.assertEqual("*" in result.output, place["n_disturbed"] > 0)

    def test_two_of_a_kind_get_names_of_their_own(self):
        result = self.compare("--suite=" + self.path("suite", SUITE), "--cells=workers",
                              f"--brokers=ringbus={DAEMON},ringbus={DAEMON}", "--quiet",
                              "--json=" + self.path("json"))
        self.assertEqual(result.status, 0, result.errors)
        document = self.load("json")
        self.assertEqual([broker["name"] for broker in document["brokers"]],
                         ["ringbus", "ringbus-2"])
        self.assertEqual(len(document["cells"][0]["results"]), 2)

    def test_interrupt_keeps_what_was_measured(self):
        words = ["compare", "--suite=" + self.path("suite", SUITE), "--brokers=floor",
                 "--rounds=8", "--repeats=0", "--json=" + self.path("json")]
        process = self.start(*words)
        process.stderr.readline()  # the plan
        process.stderr.readline()  # the first cell is complete
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=COMPARISON_S)
        self.assertEqual(process.returncode, 1, errors)
        self.assertIn("interrupted after", errors)
        self.assertIn("calls", output)
        document = self.load("json")
        validator().validate(document)
        self.assertTrue(document["interrupted"])
        self.assertEqual(document["cells"][0]["results"][0]["n_runs"], 8)

    def test_report_without_gnuplot_says_what_to_install(self):
        self.path("json", json.dumps({
            "format": "ringbus-load comparison 1", "suite": "s", "command_line": "c",
            "started": "2026-01-01T00:00:00Z", "seconds": 1, "interrupted": False,
            "foreign_cpu_share_max": 0.05, "brokers": [{"name": "floor", "program": "floor"}],
            "sweeps": [], "cells": []}))
        result = self.compare("--from=" + self.path("json"), "--html=" + self.path("html"),
                              environment={"PATH": self.folder})
        self.assertEqual(result.status, 0, result.errors)
        self.assertIn("install the package gnuplot-nox", result.errors)
        with open(self.path("html"), encoding="utf-8") as file:
            page = Page(file.read())
        self.assertIn("gnuplot-nox", "".join(page.text))
        self.assertNotIn("svg", page.counts)


class TestUsage(ComparisonTest):
    def refuse(self, *words):
        result = self.compare(*words)
        self.assertEqual(result.status, 2, result.errors)
        self.assertEqual(result.output, "")
        return result.errors

    def test_mistakes_are_told_before_anything_is_measured(self):
        suite = "--suite=" + self.path("suite", SUITE)
        broken = "--suite=" + self.path("broken", SUITE.replace("rounds = 2", "round = 2"))
        self.assertIn("is 'rounds' meant?", self.refuse(broken))
        self.assertIn("no suite 'nowhere'", self.refuse("--suite=nowhere"))
        self.assertIn('the nearest is "calls"', self.refuse(suite, "--cells=call"))
        self.assertIn("there is no broker 'dbus'", self.refuse(suite, "--brokers=floor,dbus"))
        self.assertIn("--brokers names none", self.refuse(suite, "--brokers="))
        self.assertIn("rounds", self.refuse(suite, "--round=3"))
        self.assertIn("/nowhere/x", self.refuse(suite, "--json=/nowhere/x"))
        self.assertIn("/nowhere/x", self.refuse(suite, "--html=/nowhere/x"))
        self.assertIn("/nowhere/x", self.refuse(suite, "--against=/nowhere/x"))
        self.assertIn("(line 1)", self.refuse("--from=" + self.path("no.json", "[1")))
        self.assertIn("not what 'ringbus-load compare --json' writes",
                      self.refuse("--from=" + self.path("other.json", "{}")))
        self.assertIn("standard and quick", self.refuse("--print-suite=slow"))

    def test_builtin_suites_are_printed_and_can_be_read_again(self):
        for name in ("standard", "quick"):
            result = self.compare(f"--print-suite={name}")
            self.assertEqual(result.status, 0)
            self.assertIn("[cell calls]", result.output)
            errors = self.refuse("--suite=" + self.path("copy", result.output), "--cells=nothing")
            self.assertIn("no cell and no sweep", errors)


if __name__ == "__main__":
    unittest.main()
