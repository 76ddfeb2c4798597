# SPDX-License-Identifier: Apache-2.0
"""What the bench-* scripts share: how the programs of bench/micro are run, and on what machine."""

import json
import os
import platform
import re
import resource
import subprocess
import sys
import time

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD_REMEDY = "cmake --preset release && cmake --build --preset release"


def die(cause, remedy):
    sys.exit(f"error: {cause}\n  -> {remedy}")


def need_program(path):
    if not os.access(path, os.X_OK):
        die(f"there is no {path}", BUILD_REMEDY)
    return path


def run_program(program, *options):
    """What a benchmark program prints. A failed case (status 1) is for the caller to find."""
    done = subprocess.run([program, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, check=False)
    if done.returncode not in (0, 1) or not done.stdout:
        last = "\n".join(done.stderr.splitlines()[-10:])
        die(f"{program} ended with status {done.returncode}\n{last}",
            "run it by itself: it says which case it was in")
    return done.stdout


def list_cases(program):
    return run_program(program, "--benchmark_list_tests=true").split()


def run_cases(program, pattern, repetitions, min_time):
    """Google Benchmark's runs of the cases that match, as its JSON has them."""
    output = run_program(program, f"--benchmark_filter={pattern}",
                         f"--benchmark_repetitions={repetitions}",
                         f"--benchmark_min_time={min_time}", "--benchmark_format=json")
    return json.loads(output)["benchmarks"]


def first_line(*command):
    """The first line that a command prints, or None if it cannot be run or fails."""
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                              text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.split("\n")[0]


def read_match(path, pattern):
    """The pattern's first group in a file, or None."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            match = re.search(pattern, file.read(), re.M)
    except OSError:
        return None
    return match[1].strip() if match else None


def machine_facts():
    memory = read_match("/proc/meminfo", r"^MemTotal:\s*(\d+) kB")
    return {"kernel": f"{platform.system()} {platform.release()} {platform.machine()}",
            "cpu": read_match("/proc/cpuinfo", r"^model name\s*:(.*)$"),
            "n_cpus": os.cpu_count(),
            "n_cpus_allowed": len(os.sched_getaffinity(0)),
            "memory_bytes": int(memory) * 1024 if memory else None,
            "virtual": bool(read_match("/proc/cpuinfo", r"^flags\s*:.*\b(hypervisor)\b")),
            "governor": read_match("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor",
                                   r"(\w+)"),
            "load_average": os.getloadavg()[0]}


def build_facts(folder):
    """How the programs below a build folder were made."""
    def cached(name):
        return read_match(os.path.join(folder, "CMakeCache.txt"), rf"^{name}:\w+=(.*)$")

    compiler = cached("CMAKE_C_COMPILER")
    changed = first_line("git", "-C", TOP, "status", "--porcelain", "--untracked-files=no")
    return {"folder": folder,
            "type": cached("CMAKE_BUILD_TYPE"),
            "flags": cached("CMAKE_C_FLAGS"),
            "sanitizers": cached("RINGBUS_SANITIZE"),
            "compiler": first_line(compiler, "--version") if compiler else None,
            "commit": first_line("git", "-C", TOP, "rev-parse", "HEAD"),
            "tree_changed": None if changed is None else changed != ""}


class ForeignWork:
    """How many processors others have kept busy since this was made: figures are worth little when
    they have."""

    def __init__(self):
        self.start = self.look()

    @staticmethod
    def look():
        with open("/proc/stat", encoding="ascii") as file:
            fields = [int(field) for field in file.readline().split()[1:9]]
        busy = sum(fields) - fields[3] - fields[4]  # all but idle and waiting for disks
        mine = 0
        for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN):
            usage = resource.getrusage(who)
            mine += usage.ru_utime + usage.ru_stime
        return time.monotonic(), busy / os.sysconf("SC_CLK_TCK"), mine

    def cpus(self):
        seconds, busy, mine = (now - then for now, then in zip(self.look(), self.start))
        return max(0.0, (busy - mine) / seconds) if seconds > 0 else 0.0
