#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Twenty processes on one keyring at once: ten that add keys with ringbus's code (keyring_hammer),
of which some are killed with -9, and ten buses of the reference, which have to add keys because the
others make all keys expire. At no moment may the file be one that a libdbus client could not read;
afterwards everybody gets in again.

    test_keyring_shared.py HAMMER"""

import os
import random
import re
import socket
import subprocess
import sys
import tempfile
import time

HAMMER, SECONDS, N_HAMMERS, N_BUSES = sys.argv[1], 8, 10, 10
ROUNDS_MAX = 15  # on a machine that has little time for them, one is not enough
PATIENCE_S = 60
ASK = b"\0AUTH DBUS_COOKIE_SHA1 " + str(os.geteuid()).encode().hex().encode() + b"\r\n"
LINE = re.compile(r"(\d{1,10}) (\d{10}) [0-9a-f]{48}")
CONFIG = """<busconfig><listen>unix:path=%s</listen><auth>DBUS_COOKIE_SHA1</auth>
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/>
<allow own="*"/></policy></busconfig>
"""


def start_bus(folder, index, environment):
    path = f"{folder}/bus{index}"
    with open(path + ".conf", "w", encoding="ascii") as config:
        config.write(CONFIG % path)
    bus = subprocess.Popen(["dbus-daemon", f"--config-file={path}.conf", "--nofork",
                            "--print-address"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                           env=environment)
    assert bus.stdout.readline()
    return path, bus


def ask(path):
    """Has the bus look for a young key, and add one if there is none; does not wait for it."""
    client = socket.socket(socket.AF_UNIX)
    client.connect(path)
    client.sendall(ASK)
    return client


def check_file(path, seen):
    """Reads the file as it is at this moment; notes the keys that libdbus has made."""
    try:
        with open(path, encoding="ascii") as file:
            text = file.read()
    except FileNotFoundError:
        assert not seen["reads"], "the file was there before, and is not any more"
        return
    assert text.endswith("\n"), f"cut off: {text!r}"
    lines = text.splitlines()
    assert len(lines) <= 256
    for line in lines:
        match = LINE.fullmatch(line)
        assert match, f"not a key: {line!r}"
        if abs(int(match[2]) - time.time()) < 60:
            seen["reference"].add(match[1])
        else:
            seen["ours"].add(match[1])
    seen["reads"] += 1


def hammer(folder, buses, environment, seen):
    """One round; how many keys were added by those who were not killed."""
    path = folder + "/.dbus-keyrings/org_freedesktop_general"
    hammers = [subprocess.Popen([HAMMER, folder, str(SECONDS * 1000)], stdout=subprocess.PIPE,
                                env=environment) for _ in range(N_HAMMERS)]
    chance = random.Random(4)
    clients = {}
    kills = [SECONDS * 0.3, SECONDS * 0.5]
    begin = time.monotonic()
    while time.monotonic() < begin + SECONDS:
        for bus_path, _ in buses:
            if bus_path in clients:
                clients.pop(bus_path).close()
            clients[bus_path] = ask(bus_path)
            check_file(path, seen)
        if kills and time.monotonic() > begin + kills[0]:
            kills.pop(0)
            hammers[chance.randrange(N_HAMMERS)].kill()
        time.sleep(0.01)
    for client in clients.values():
        client.close()
    added = 0
    for process in hammers:
        out, _ = process.communicate(timeout=PATIENCE_S)
        assert process.returncode in (0, -9), process.returncode
        added += int(out or 0)
    check_file(path, seen)
    return added


def is_enough(seen, added):
    return (seen["reads"] > 20 and added > 10 and len(seen["ours"]) > 5
            and len(seen["reference"]) > 1)


def main():
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "HOME": folder}
        buses = [start_bus(folder, index, environment) for index in range(N_BUSES)]
        try:
            seen, added, n_rounds = {"reference": set(), "ours": set(), "reads": 0}, 0, 0
            while not is_enough(seen, added) and n_rounds < ROUNDS_MAX:
                added += hammer(folder, buses, environment, seen)
                n_rounds += 1
            print(f"{seen['reads']} reads, all valid; {added} keys added by ringbus's code; seen "
                  f"{len(seen['ours'])} of those and {len(seen['reference'])} of the reference")
            assert is_enough(seen, added)
            # A lock that a killed process held goes stale after 8 s; then all get in.
            for path, _ in buses:
                done = subprocess.run(
                    ["dbus-send", "--bus=unix:path=" + path, "--print-reply",
                     "--dest=org.freedesktop.DBus", "/", "org.freedesktop.DBus.GetId"],
                    env=environment, capture_output=True, check=False, timeout=PATIENCE_S)
                assert done.returncode == 0, done.stderr
            left = sorted(os.listdir(folder + "/.dbus-keyrings"))
            assert left[0] == "org_freedesktop_general" and len(left) <= 2 + 2 * n_rounds, left
        finally:
            for _, bus in buses:
                bus.kill()
                bus.wait()


main()
