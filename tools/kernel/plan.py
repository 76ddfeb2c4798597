# SPDX-License-Identifier: Apache-2.0
"""Reads what `ctest --show-only=json-v1` prints; writes what a guest without ctest has to run.

Usage: plan.py NAMES SLOWNESS FOLDER < JSON

Takes the tests with one of the labels below whose names match the regular expression NAMES. Writes
FOLDER/tests, a piece of shell with a call of run() for each (see tools/kernel/init), and
FOLDER/files, the files and folders that their commands and environments name, and FOLDER/folders,
where they run. A test of a daemon that does not choose its backend itself comes twice, once for
each. Limits of time are multiplied by SLOWNESS. Prints what is run, and what is left out because it
is a script: the guest has no interpreter but busybox.
"""

import json
import os
import re
import shlex
import sys

LABELS = {"unit", "race", "wire", "order"}
UNDERSTOOD = {"COST", "ENVIRONMENT", "LABELS", "PROCESSORS", "RUN_SERIAL", "TIMEOUT",
              "WORKING_DIRECTORY"}
BACKENDS = ("uring", "epoll")


def is_program(path):
    try:
        with open(path, "rb") as file:
            return file.read(4) == b"\x7fELF"
    except OSError:
        return False


def variants(environment):
    """What a test is to be run with: pairs of what its name gets and its environment."""
    names = {variable.partition("=")[0] for variable in environment}
    if "RINGBUS_DAEMON" not in names or "RINGBUS_TEST_IO" in names:
        return [("", environment)]
    return [(f" ({backend})", [*environment, f"RINGBUS_TEST_IO={backend}"])
            for backend in BACKENDS]


class Plan:
    def __init__(self, slowness):
        self.slowness = slowness
        self.lines = []
        self.files = set()
        self.folders = set()
        self.left_out = []

    def add(self, test, label, properties):
        unknown = set(properties) - UNDERSTOOD
        if unknown:
            sys.exit(f"error: {test['name']} has the property {', '.join(sorted(unknown))}\n"
                     "  -> teach it to tools/kernel/plan.py")
        command = test.get("command", [""])
        if not is_program(command[0]):
            self.left_out.append(f"{test['name']}: {os.path.basename(command[0]) or 'nothing'} "
                                 "is not a program of ours, or was not built")
            return
        if test["name"].startswith("race/explore_"):
            self.left_out.append(f"{test['name']}: schedules and remembers by itself, "
                                 "no kernel is involved")
            return
        limit = int(properties.get("TIMEOUT", 1500) * self.slowness)
        environment = properties.get("ENVIRONMENT", [])
        values = [variable.partition("=")[2] for variable in environment]
        self.files |= {path for path in command + values
                       if path.startswith("/") and os.path.exists(path)}
        self.folders.add(properties["WORKING_DIRECTORY"])
        for suffix, extended in variants(environment):
            words = ["run", label, test["name"] + suffix, str(limit),
                     properties["WORKING_DIRECTORY"], "env", *extended, *command]
            self.lines.append(shlex.join(words))


def main():
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    names, slowness, folder = re.compile(sys.argv[1]), float(sys.argv[2]), sys.argv[3]
    plan = Plan(slowness)
    for test in json.load(sys.stdin)["tests"]:
        properties = {each["name"]: each["value"] for each in test.get("properties", [])}
        labels = LABELS.intersection(properties.pop("LABELS", []))
        if labels and names.search(test["name"]):
            plan.add(test, min(labels), properties)
    for name, lines in (("tests", plan.lines), ("files", sorted(plan.files)),
                        ("folders", sorted(plan.folders))):
        with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
            file.writelines(line + "\n" for line in lines)
    print(f"{len(plan.lines)} runs")
    for name in plan.left_out:
        print(f"left out: {name}")


if __name__ == "__main__":
    main()
