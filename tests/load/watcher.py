#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""watcher.py: has match rules, until it is killed.

Usage: watcher.py RULE...

Says "ready" when the bus of $DBUS_SESSION_BUS_ADDRESS has them all.
"""

import sys
import time

import dbus


def main():
    bus = dbus.SessionBus()
    for rule in sys.argv[1:]:
        bus.add_match_string(rule)
    print("ready", flush=True)
    while True:
        time.sleep(3600)


if __name__ == "__main__":
    main()
