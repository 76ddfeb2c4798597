#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Recording and replaying: on real buses, with a python3-dbusmock service and gdbus clients."""

import collections
import json
import os
import shutil
import signal
import subprocess
import unittest

import tracefile
from loadtest import DAEMON, PATIENCE_S, LoadTest

BROKERS = ("dbus-daemon", "dbus-broker", DAEMON)
KINDS = ("call", "return", "error", "signal")
BUS = "org.freedesktop.DBus"
NAME, PATH, INTERFACE = "com.example.Mock", "/com/example/Mock", "com.example.Mock"
SECRET = "nobody-must-read-this"
WATCHER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "watcher.py")


class TraceTest(LoadTest):
    def setUp(self):
        super().setUp()
        self.environment = {**os.environ, "DBUS_SESSION_BUS_ADDRESS": self.address}

    @staticmethod
    def end(process):
        """May be called again."""
        if process.poll() is None:
            process.kill()
        process.wait()
        for pipe in (process.stdout, process.stderr):
            if pipe:
                pipe.close()

    def tool(self, *words):
        return subprocess.run(words, env=self.environment, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, timeout=PATIENCE_S, check=False)

    def background(self, *words, output=subprocess.DEVNULL):
        process = subprocess.Popen(words, env=self.environment, stdout=output,
                                   stderr=subprocess.DEVNULL)
        self.addCleanup(self.end, process)
        return process

    def path(self, name):
        return os.path.join(self.folder, name)

    def start_service(self):
        service = self.background("/usr/bin/python3", "-m", "dbusmock", "--session", NAME, PATH,
                                  INTERFACE)
        self.assertEqual(self.tool("gdbus", "wait", "--session", "--timeout=200", NAME).returncode,
                         0)
        for name, result in (("Hello", 'ret = "hello"'), ("Echo", "ret = args[0]")):
            self.call("org.freedesktop.DBus.Mock.AddMethod", INTERFACE, name,
                      "s" if name == "Echo" else "", "s", result)
        return service

    def call(self, method, *words):
        return self.tool("gdbus", "call", "--session", "--dest", NAME, "--object-path", PATH,
                         "--method", method, *words)

    def make_traffic(self):
        """Calls, returns, an error, signals that somebody gets."""
        with open(self.path("monitor"), "wb") as file:
            monitor = self.background("gdbus", "monitor", "--session", "--dest", NAME, output=file)
        # It asks who owns the name after it has added its rules.
        self.wait_for("gdbus monitor", lambda: b"is owned by" in self.read("monitor"))
        for _ in range(5):
            self.assertIn("hello", self.call(INTERFACE + ".Hello").stdout)
        self.assertIn(SECRET, self.call(INTERFACE + ".Echo", SECRET).stdout)
        self.assertNotEqual(self.call(INTERFACE + ".Missing").returncode, 0)
        self.call("org.freedesktop.DBus.Mock.EmitSignal", INTERFACE, "Changed", "", "[]")
        self.mark("Between")
        self.end(monitor)

    def mark(self, member):
        self.assertEqual(self.tool("gdbus", "emit", "--session", "--object-path", "/mark",
                                   "--signal", "t.Mark." + member).returncode, 0)

    def start_recording(self, name, *knobs):
        recorder = self.start("record", "--address=" + self.address, *knobs, self.path(name))
        self.assertIn("recording", recorder.stderr.readline())
        return recorder

    def end_recording(self, recorder, name, last):
        """Ends it, once the last message is in its file."""
        self.wait_for("the last message", lambda: last.encode() in self.read(name))
        recorder.send_signal(signal.SIGINT)
        output, errors = recorder.communicate(timeout=PATIENCE_S)
        self.assertEqual(recorder.returncode, 0, errors)
        return output

    def start_monitor(self, name):
        """dbus-monitor --pcap, once it is a monitor: its own two signals are in the file."""
        with open(self.path(name), "wb") as file:
            monitor = self.background("dbus-monitor", "--session", "--pcap", output=file)
        self.wait_for("dbus-monitor", lambda: b"NameLost" in self.read(name))
        return monitor

    def end_monitor(self, monitor, name, last):
        self.wait_for("the last message", lambda: last.encode() in self.read(name))
        self.end(monitor)

    def read(self, name):
        with open(self.path(name), "rb") as file:
            return file.read()

    def info(self, name):
        result = self.run_load("trace-info", "--json", self.path(name))
        self.assertEqual(result.status, 0, result.errors)
        return result.json

    def messages(self, name):
        """What --messages lists, a dictionary for each line."""
        result = self.run_load("trace-info", "--messages", self.path(name))
        self.assertEqual(result.status, 0, result.errors)
        messages = []
        for line in result.output.splitlines():
            words = line.split()
            message = dict(word.split("=", 1) for word in words[2:] if "=" in word)
            messages.append({"kind": words[1], "sender": words[2], **message})
        return messages

    def between_marks(self, name):
        messages = self.messages(name)
        members = [message.get("member") for message in messages]
        inner = messages[members.index("MarkBegin"):members.index("MarkEnd") + 1]
        return [(message["kind"], message.get("member")) for message in inner]

    def record_traffic(self, daemon="dbus-daemon", arguments=()):
        """Files live.trace and pcap.trace of the same traffic."""
        bus = self.start_daemon(shutil.which(daemon), arguments=arguments)
        recorder = self.start_recording("live.trace")
        monitor = self.start_monitor("pcap")
        service = self.start_service()
        self.mark("MarkBegin")
        self.make_traffic()
        self.mark("MarkEnd")
        self.end_monitor(monitor, "pcap", "MarkEnd")
        self.end_recording(recorder, "live.trace", "MarkEnd")
        result = self.run_load("record", "--pcap=" + self.path("pcap"), self.path("pcap.trace"))
        self.assertEqual(result.status, 0, result.errors)
        self.end(service)
        self.end(bus)
        os.unlink(self.folder + "/bus")


class RecordTest(TraceTest):
    def test_record_live_and_pcap_have_the_same_messages(self):
        self.record_traffic()
        live, pcap = self.between_marks("live.trace"), self.between_marks("pcap.trace")
        self.assertEqual(live, pcap)
        kinds = collections.Counter(kind for kind, _ in live)
        # the calls of traffic alone; each gdbus has its Hello and more
        self.assertGreaterEqual(kinds["call"], 8)
        self.assertGreaterEqual(kinds["error"], 1)
        self.assertIn(("signal", "Changed"), live)
        self.assertEqual(sum(member == "Hello" and kind == "call" for kind, member in live) >= 10,
                         True, live)
        info = self.info("live.trace")
        self.assertEqual(info["facts"]["source"], "monitor")
        self.assertEqual(info["facts"]["rules before"], "known")
        self.assertIn("D-Bus Message Bus Daemon", info["facts"]["bus"])
        self.assertIn(NAME, [sender["owns"] for sender in info["senders"]])

    def test_record_of_ringbus_is_one_of_the_reference(self):
        self.record_traffic(DAEMON)
        live, pcap = self.between_marks("live.trace"), self.between_marks("pcap.trace")
        self.assertEqual(live, pcap)
        # With one worker, like the reference, it notices who left before who comes next.
        self.record_traffic(DAEMON, ["--workers=1"])
        live = self.between_marks("live.trace")
        self.record_traffic()
        reference = self.between_marks("live.trace")
        # Not the answers: without activation StartServiceByName is answered differently.
        told = [[pair for pair in pairs if pair[0] in ("call", "signal")]
                for pairs in (live, reference)]
        self.assertEqual(*map(collections.Counter, told))
        wanted = ("EmitSignal", "Echo", "Changed", "Missing", "Between")
        self.assertEqual(*([member for _, member in pairs if member in wanted] for pairs in told))

    def test_record_contents_only_with_payloads(self):
        self.start_daemon(shutil.which("dbus-daemon"))
        self.start_service()
        recorders = [self.start_recording("without"), self.start_recording("with", "--payloads")]
        self.assertIn(SECRET, self.call(INTERFACE + ".Echo", SECRET).stdout)
        self.mark("MarkEnd")
        for recorder, name in zip(recorders, ("without", "with")):
            self.end_recording(recorder, name, "MarkEnd")
        self.assertNotIn(SECRET.encode(), self.read("without"))
        self.assertIn(SECRET.encode(), self.read("with"))
        self.assertIn(b"Echo", self.read("without"))
        self.assertEqual(os.stat(self.path("with")).st_mode & 0o777, 0o600)

    def test_record_arguments_that_rules_ask_for(self):
        """Of a signal's contents only what a rule names, and nothing of what no rule names."""
        self.start_daemon(shutil.which("dbus-daemon"))
        rules = ["type='signal',interface='t.Mark',arg0='asked-for'",
                 "type='signal',interface='t.Mark',arg1path='/asked/'"]
        watcher = self.background("/usr/bin/python3", "-B", WATCHER, *rules,
                                  output=subprocess.PIPE)
        self.assertEqual(watcher.stdout.readline(), b"ready\n")
        recorder = self.start_recording("trace")
        for words in (("asked-for", "/none"), (SECRET, "/asked/more"), (SECRET, "/other")):
            self.tool("gdbus", "emit", "--session", "--object-path", "/mark", "--signal",
                      "t.Mark.Given", f"'{words[0]}'", f"objectpath '{words[1]}'")
        self.mark("MarkEnd")
        self.end_recording(recorder, "trace", "MarkEnd")
        data = self.read("trace")
        self.assertIn(b"asked-for", data)
        for secret in (SECRET.encode(), b"/asked/more", b"/other", b"/none"):
            self.assertNotIn(secret, data)
        result = self.run_load("replay", "--json", "--broker=dbus-daemon", self.path("trace"))
        self.assertEqual(result.status, 0, result.errors)
        self.assertEqual(result.json["extra"]["broadcasts received"]["value"], 2)

    def test_record_without_monitors_is_refused_by_name(self):
        self.start_daemon(shutil.which("dbus-daemon"),
                          '<policy context="mandatory"><deny send_interface='
                          '"org.freedesktop.DBus.Monitoring"/></policy>')
        result = self.run_load("record", "--address=" + self.address, self.path("trace"))
        self.assertEqual(result.status, 1)
        self.assertIn("the bus refuses BecomeMonitor", result.errors)
        self.assertFalse(os.path.exists(self.path("trace")))

    def test_record_ends_with_the_bus_and_after_its_duration(self):
        bus = self.start_daemon(shutil.which("dbus-daemon"))
        recorder = self.start_recording("short", "--duration=200ms")
        _, errors = recorder.communicate(timeout=PATIENCE_S)
        self.assertEqual(recorder.returncode, 0, errors)
        recorder = self.start_recording("broken")
        self.mark("MarkBegin")
        self.wait_for("the mark", lambda: b"MarkBegin" in self.read("broken"))
        self.end(bus)
        _, errors = recorder.communicate(timeout=PATIENCE_S)
        self.assertEqual(recorder.returncode, 1)
        self.assertIn("the bus closed the connection", errors)
        self.assertIn("MarkBegin", [message.get("member") for message in self.messages("broken")])

    def test_record_bad_pcap_names_file_offset_and_reason(self):
        with open(self.path("bad"), "wb") as file:
            file.write(tracefile.pcap([b"l\1\0\1not a message....."]))
        result = self.run_load("record", "--pcap=" + self.path("bad"), self.path("trace"))
        self.assertEqual(result.status, 1)
        self.assertIn(self.path("bad") + ": offset 24: ", result.errors)
        result = self.run_load("record", "--pcap=" + self.path("none"), self.path("trace"))
        self.assertEqual(result.status, 1)
        self.assertIn("No such file", result.errors)


class ReplayTest(TraceTest):
    def replay(self, name, *knobs):
        result = self.run_load("replay", "--json", *knobs, self.path(name))
        self.assertEqual(result.status, 0, result.errors)
        self.assertEqual(result.json["errors"], 0)
        self.assertEqual(result.json["dropped"], 0)
        self.assertEqual(result.json["begun_in_all"], result.json["ended_in_all"])
        return result.json

    def counts(self, figures, what):
        return {kind: figures["extra"][f"{kind}s {what}"]["value"] for kind in KINDS}

    def test_replay_has_the_same_number_of_messages(self):
        self.record_traffic()
        for name in ("live.trace", "pcap.trace"):
            peers = collections.Counter()
            for message in self.messages(name):
                if message["sender"] != BUS:
                    peers[message["kind"]] += 1
            for broker in BROKERS:
                for speed in ("1", "10"):
                    with self.subTest(trace=name, broker=broker, speed=speed):
                        figures = self.replay(name, "--broker=" + broker, "--speed=" + speed)
                        recorded = self.counts(figures, "recorded")
                        self.assertEqual(self.counts(figures, "replayed"), recorded)
                        self.assertEqual(recorded["signal"], peers["signal"])
                        self.assertGreaterEqual(recorded["call"], 20)
                        self.assertGreaterEqual(recorded["error"], 1)
                        names = {what: figures["extra"]["name changes " + what]["value"]
                                 for what in ("recorded", "replayed")}
                        self.assertEqual(names["replayed"], names["recorded"])
                        # the signal of the service, and what gdbus monitor's other rule lets in
                        self.assertGreaterEqual(figures["extra"]["broadcasts received"]["value"], 1)
                        seconds = self.info(name)["seconds"]
                        self.assertGreaterEqual(figures["seconds"], seconds / float(speed) * 0.9)

    def test_replay_recorded_again_is_the_same(self):
        """The replayed traffic, recorded: the same calls and signals, answered the same way."""
        self.record_traffic()
        self.start_daemon(shutil.which("dbus-daemon"))
        recorder = self.start_recording("again.trace")
        self.replay("live.trace", "--address=" + self.address, "--speed=10")
        self.mark("Replayed")
        self.end_recording(recorder, "again.trace", "Replayed")

        def peers_traffic(name):
            return collections.Counter(
                (message["kind"], message.get("member"), message.get("path"), message["body"])
                for message in self.messages(name)
                if message["kind"] != "return" and message["sender"] != BUS
                and not message.get("interface", BUS).startswith(BUS)
                and message.get("member") != "Replayed")

        self.assertGreaterEqual(sum(peers_traffic("live.trace").values()), 10)
        self.assertEqual(peers_traffic("again.trace"), peers_traffic("live.trace"))


class FormatTest(TraceTest):
    """Files made by hand, as docs/TRACE.md describes them."""

    def write(self, name, data):
        with open(self.path(name), "wb") as file:
            file.write(data)

    def test_format_as_documented_is_read(self):
        self.write("trace", tracefile.example())
        messages = self.messages("trace")
        self.assertEqual([message["kind"] for message in messages], ["call", "return", "signal"])
        self.assertEqual(messages[0]["sender"], ":1.7")
        self.assertEqual(messages[0]["member"], "Frobnicate")
        self.assertEqual(messages[1]["answers"], "1")
        self.assertEqual(messages[2]["body"], "300")
        info = self.info("trace")
        self.assertEqual(info["facts"], {"bus": "by hand"})
        self.assertEqual((info["peers"], info["rules_before"], info["name_owners"]), (2, 1, 1))
        self.assertEqual(info["answers_ns"]["max"], 250_000_000)

    def test_format_recorded_is_as_documented(self):
        """What the recorder writes, decoded by the description alone."""
        self.record_traffic()
        decoded = tracefile.decode(self.read("live.trace"))
        listed = self.messages("live.trace")
        self.assertEqual(len(decoded.messages), len(listed))
        for message, line in zip(decoded.messages, listed):
            self.assertEqual(decoded.strings[message.member], line.get("member"))
            self.assertEqual(message.body_size, int(line["body"]))

    def test_format_replay_keeps_delays_and_order(self):
        """A return comes as long after its call as recorded, divided by the speed."""
        self.write("trace", tracefile.example())
        for speed, seconds in (("1", 0.25), ("5", 0.05)):
            result = self.run_load("replay", "--json", "--broker=" + DAEMON, "--speed=" + speed,
                                   self.path("trace"))
            self.assertEqual(result.status, 0, result.errors)
            self.assertGreaterEqual(result.json["seconds"], seconds)
            extra = result.json["extra"]
            self.assertEqual(extra["returns replayed"]["value"], 1)
            # by the rule from before, in which :1.8 has become another name
            self.assertEqual(extra["broadcasts received"]["value"], 1)

    def test_format_that_was_cut_is_used_up_to_there(self):
        self.write("trace", tracefile.example()[:-10])
        result = self.run_load("trace-info", "--json", self.path("trace"))
        self.assertEqual(result.status, 0)
        self.assertIn("offset", result.errors)
        self.assertIn("ends without an end record", result.errors)
        self.assertEqual(json.loads(result.output)["cut_off"], True)

    def test_format_of_nonsense_is_refused_with_offset_and_reason(self):
        good = tracefile.example()
        for name, data, reason in (
                ("magic", b"nonsense" + good[8:], "offset 0: not a trace"),
                ("version", good[:8] + b"\x09" + good[9:], "offset 0: a trace of another version"),
                ("kind", good + b"\x00\x00", f"offset {len(good)}: bytes behind the end record"),
                ("string", good[:16] + b"\x02\x01\xff" + good[16:], "offset 16: a string is not"),
                ("peer", good[:16] + b"\x04\x02\x00\x05" + good[16:], "offset 16: a number is out"),
                ("empty", b"", "offset 0: not a trace")):
            with self.subTest(name):
                self.write(name, data)
                for command in (("trace-info",), ("replay", "--address=" + self.address)):
                    result = self.run_load(*command, self.path(name))
                    self.assertEqual(result.status, 1)
                    self.assertIn(f"{self.path(name)}: {reason}", result.errors)


class UsageTest(TraceTest):
    def test_usage_errors_are_told(self):
        for words, reason in (
                (("record",), "one file"),
                (("record", "--pcap=a", "--session", "b"), "exclude each other"),
                (("record", "--payload", "b"), "payloads"),
                (("replay", "--session"), "one trace"),
                (("replay", "--speed=0", "--session", "a"), "--speed=0"),
                (("trace-info",), "one file")):
            with self.subTest(words):
                result = self.run_load(*words)
                self.assertEqual(result.status, 2, result.errors)
                self.assertIn(reason, result.errors)


if __name__ == "__main__":
    unittest.main(verbosity=2)
