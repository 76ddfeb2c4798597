# SPDX-License-Identifier: Apache-2.0
"""What the tests of ringbus-load share: run it, on a fake bus or on a real one.

$RINGBUS_LOAD is the program, $RINGBUS_DAEMON the daemon; both absolute paths.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

import jsonschema

LOAD = os.environ.get("RINGBUS_LOAD", "")
DAEMON = os.environ.get("RINGBUS_DAEMON", "")
SCHEMA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "docs",
                      "ringbus-load.schema.json")
FAKE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "fake_bus.py")
PATIENCE_S = 240  # only a failing test waits so long
ENOUGH_FACTORS = (1, 4, 16, 64)

CONFIG = """<busconfig>
  <type>session</type>
  <listen>unix:path={path}</listen>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/>
  </policy>
  {extra}
  <limit name="max_match_rules_per_connection">100000</limit>
</busconfig>
"""


class Result:
    """What a run of ringbus-load left behind."""

    def __init__(self, process, output, errors):
        self.status, self.output, self.errors = process.returncode, output, errors

    @property
    def json(self):
        return json.loads(self.output)


class LoadTest(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="rbload")
        self.addCleanup(shutil.rmtree, self.folder)
        self.address = f"unix:path={self.folder}/bus"

    def start(self, *words, environment=None, errors=subprocess.PIPE):
        """Starts ringbus-load. Its output goes to pipes."""
        process = subprocess.Popen(
            [LOAD, *words], stdout=subprocess.PIPE, stderr=errors, text=True,
            env={**os.environ, **(environment or {})})
        self.addCleanup(self.end, process)
        return process

    @staticmethod
    def end(process):
        if process.poll() is None:
            process.kill()
        process.communicate()

    def run_load(self, *words, environment=None):
        process = self.start(*words, environment=environment)
        output, errors = process.communicate(timeout=PATIENCE_S)
        return Result(process, output, errors)

    def start_fake(self, **options):
        """Starts the fake bus at self.address."""
        words = [f"{key}={value}" for key, value in options.items()]
        bus = subprocess.Popen([sys.executable, FAKE, f"{self.folder}/bus", *words],
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True)
        self.addCleanup(self.end, bus)
        self.assertEqual(bus.stdout.readline(), "ready\n")
        return bus

    @staticmethod
    def end_fake(bus):
        """Ends it: what it has counted."""
        output, _ = bus.communicate(timeout=PATIENCE_S)
        return json.loads(output)

    def run_on_fake(self, scenario, *knobs, fake=None, environment=None, seconds=(0.1, 0.5),
                    is_enough=None):
        """One run with --json: its Result, and what the fake bus has counted.

        It takes `seconds` of warm-up and measurement. On a busy machine a run may not get far in so
        little time: if is_enough(result, counted) is false there is another one, of more.
        """
        for factor in ENOUGH_FACTORS:
            times = [round(1000 * factor * part) for part in seconds]
            if os.path.exists(self.folder + "/bus"):
                os.unlink(self.folder + "/bus")
            bus = self.start_fake(**(fake or {}))
            result = self.run_load(scenario, f"--address={self.address}", "--json",
                                   f"--warmup={times[0]}ms", f"--duration={times[1]}ms", *knobs,
                                   environment=environment)
            counted = self.end_fake(bus)
            if is_enough is None or is_enough(result, counted):
                break
        return result, counted

    def start_daemon(self, daemon=DAEMON, extra="", arguments=()):
        """Starts a real bus at self.address; its process."""
        config = os.path.join(self.folder, "config")
        with open(config, "w", encoding="utf-8") as file:
            file.write(CONFIG.format(path=self.folder + "/bus", extra=extra))
        # The kernel closes the pipe when the test dies; the daemon is killed in any case.
        bus = subprocess.Popen([daemon, f"--config-file={config}", "--nofork", "--print-address",
                                *arguments],
                               stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.addCleanup(self.end, bus)
        self.assertTrue(bus.stdout.readline().startswith("unix:"))
        return bus

    @staticmethod
    def reaches(what, n_clients, n):
        """For is_enough: so many clients, each of which has reached n at least."""
        return lambda _, seen: (len(seen[what]) >= n_clients and
                                min(seen[what].values(), default=0) >= n)

    @classmethod
    def holds(cls, what, n_clients, n):
        """The same of those held by the fake bus, of the clients that `what` counts."""
        def is_enough(result, seen):
            held = {name: seen["most_held"].get(name, 0) for name in seen[what]}
            return (cls.reaches(what, n_clients, 1)(result, seen) and
                    cls.reaches("held", n_clients, n)(result, {"held": held}))
        return is_enough

    def wait_for(self, what, condition):
        until = time.monotonic() + PATIENCE_S
        while not condition():
            self.assertLess(time.monotonic(), until, f"waited in vain for {what}")
            time.sleep(0.01)

    def assert_schema(self, document):
        with open(SCHEMA, encoding="utf-8") as file:
            jsonschema.validate(document, json.load(file))

    def assert_all_accounted(self, result):
        self.assertEqual(result.status, 0, result.errors)
        self.assert_schema(result.json)
        self.assertGreater(result.json["begun_in_all"], 0)
        self.assertEqual(result.json["begun_in_all"], result.json["ended_in_all"])


def is_stopped(pid):
    """Whether none of its threads runs any more."""
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/stat", encoding="ascii") as file:
            if file.read().rsplit(")", 1)[1].split()[0] != "T":
                return False
    return True


def stop_for(process, seconds):
    """Stops a process; how long it was stopped at least."""
    process.send_signal(signal.SIGSTOP)
    while not is_stopped(process.pid):
        time.sleep(0.001)
    begun = time.monotonic()
    time.sleep(seconds)
    stopped_s = time.monotonic() - begun
    process.send_signal(signal.SIGCONT)
    return stopped_s
