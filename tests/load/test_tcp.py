#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""ringbus-load over tcp: and nonce-tcp:, where it is ANONYMOUS."""

import itertools
import os
import subprocess
import sys
import unittest

from loadtest import DAEMON, LoadTest

REFERENCE = "/usr/bin/dbus-daemon"
CONFIG = """<busconfig>
  <type>session</type>
  <listen>{listen}</listen>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/>
  </policy>
  {extra}
</busconfig>
"""
OPEN = "<auth>ANONYMOUS</auth><allow_anonymous/>"


class TcpTest(LoadTest):
    def start_tcp(self, daemon, listen, extra):
        config = os.path.join(self.folder, "config")
        with open(config, "w", encoding="utf-8") as file:
            file.write(CONFIG.format(listen=listen, extra=extra))
        bus = subprocess.Popen([daemon, f"--config-file={config}", "--nofork", "--print-address"],
                               stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                               env={**os.environ, "TMPDIR": self.folder})
        self.addCleanup(self.end, bus)
        self.address = bus.stdout.readline().strip()
        self.assertTrue(self.address.startswith(listen), self.address)

    def run_calls(self, *knobs):
        return self.run_load("call", f"--address={self.address}", "--json", "--warmup=50ms",
                             "--duration=200ms", "--callers=2", "--services=2", *knobs)

    def test_tcp_calls_are_answered(self):
        for daemon, listen, payload in itertools.product(
                (REFERENCE, DAEMON), ("tcp:host=127.0.0.1", "nonce-tcp:host=127.0.0.1"),
                ("8", "100000")):  # in one segment, and in many
            with self.subTest(daemon=daemon, listen=listen, payload=payload):
                self.start_tcp(daemon, listen, OPEN)
                self.assert_all_accounted(self.run_calls("--payload=" + payload))

    def test_tcp_bus_that_admits_no_anonymous_client_says_what_is_needed(self):
        for daemon in (REFERENCE, DAEMON):
            self.start_tcp(daemon, "tcp:host=127.0.0.1", "<auth>EXTERNAL</auth>")
            result = self.run_calls()
            self.assertNotEqual(result.status, 0)
            self.assertIn('the bus said "REJECTED', result.errors)
            self.assertIn("<allow_anonymous/>", result.errors)

    def test_tcp_nonce_that_cannot_be_read_is_named(self):
        self.address = "nonce-tcp:host=127.0.0.1,port=1,noncefile=/nonexistent/nonce"
        result = self.run_calls()
        self.assertNotEqual(result.status, 0)
        self.assertIn('cannot read the nonce "/nonexistent/nonce"', result.errors)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
