#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Tests the scripts in tools/ that are no checks, as far as a tree that is not built allows.
#
# Usage: test-scripts.sh [count|refusal|quickstart|plan...]    (default: all)

set -euo pipefail
TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck source=tests/tools/lib.sh
source "$TOP/tests/tools/lib.sh"

test_count() {
        cat >"$TREE/run.xml" <<'XML'
<testsuite tests="6">
  <testcase name="good" status="run"><system-out>[  SKIPPED ] test_uring_send_refused
[  SKIPPED ] 1 test(s), listed below:
[  SKIPPED ] test_uring_send_refused</system-out></testcase>
  <testcase name="fine" status="run"/>
  <testcase name="bad" status="fail"><failure message="Failed"/><system-out>[ RUN      ] test_b
[  ERROR   ] --- 1 != 2
[   LINE   ] --- b.c:7: error: Failure!
[  FAILED  ] test_b</system-out></testcase>
  <testcase name="gone" status="notrun"><skipped message="Unable to find executable"/></testcase>
  <testcase name="off" status="disabled"><skipped message="Disabled"/></testcase>
  <testcase name="asked" status="notrun"><skipped message="SKIP_RETURN_CODE=77"/></testcase>
</testsuite>
XML
        same "$("$TOP/tools/ctest-count" "$TREE/run.xml")" "2 2 2"
        same "$("$TOP/tools/ctest-count" --skipped "$TREE/run.xml" | tr '\n' ' ')" \
                "good: test_uring_send_refused off asked "
        same "$("$TOP/tools/ctest-count" --failed "$TREE/run.xml")" "bad
    [  ERROR   ] --- 1 != 2
    [   LINE   ] --- b.c:7: error: Failure!
gone
    Unable to find executable"
        echo '<testsuite>' >"$TREE/run.xml"
        same "$("$TOP/tools/ctest-count" "$TREE/run.xml" 2>/dev/null || echo refused)" refused
}

# What io_uring_setup(2) and another call answer under the filter.
test_refusal() {
        same "$("$TOP/tools/without-io-uring" python3 -c '
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
answers = []
for number in (424, 425, 426, 427, 428):
    ctypes.set_errno(0)
    libc.syscall(number, -1, None, 0, 0, 0, 0)
    answers.append(ctypes.get_errno() == 1)
print(answers)')" "[False, True, True, True, False]"
        same "$("$TOP/tools/without-io-uring" sh -c 'exit 7' || echo $?)" 7
}

test_quickstart() {
        local output
        output=$(RINGBUS=/bin/false "$TOP/tools/quickstart" --no-packages 2>&1) ||
                output+=$'\nit failed'
        same "$(grep -c '^error: starting /bin/false: the process ended' <<<"$output")" 1
        same "$(grep -c '^it failed' <<<"$output")" 1
        rm -rf "$(sed -n 's/^logs: //p' <<<"$output")"
        output=$(RINGBUS=/usr/bin/dbus-daemon "$TOP/tools/quickstart" --no-packages 2>&1) || true
        same "$(grep -c '^      ok  ' <<<"$output")" 8
        # A bus that refuses signals: exactly the listener fails.
        cat >"$TREE/mute" <<'SH'
#!/bin/sh
exec /usr/bin/dbus-daemon --config-file="$0.conf" --nofork --address="$ADDRESS" --print-address=3
SH
        cat >"$TREE/mute.conf" <<'XML'
<busconfig>
  <type>session</type>
  <listen>unix:tmpdir=/tmp</listen>
  <policy context="default">
    <allow user="*"/>
    <allow own="*"/>
    <allow send_destination="*"/>
    <allow receive_sender="*"/>
    <deny send_type="signal" send_interface="org.ringbus.Echo"/>
  </policy>
</busconfig>
XML
        chmod +x "$TREE/mute"
        output=$(ADDRESS="unix:path=$TREE/bus" RINGBUS="$TREE/mute" \
                "$TOP/tools/quickstart" --no-packages 2>&1) || output+=$'\nit failed'
        same "$(grep -c '^      ok  ' <<<"$output")" 7
        same "$(grep -c '^      FAILED  gdbus monitor' <<<"$output")" 1
        same "$(grep -c '^it failed' <<<"$output")" 1
        rm -rf "$(sed -n 's/^logs: //p' <<<"$output")"
}

# ctest_json PROPERTY: two programs, one of them of a daemon, a script, and another kind of test.
ctest_json() {
        local limit='{"name": "TIMEOUT", "value": 10.0}'
        local folder='{"name": "WORKING_DIRECTORY", "value": "/some where"}'
        local daemon='{"name": "ENVIRONMENT", "value": ["RINGBUS_DAEMON=/bin/true"]}'
        cat <<JSON
{"tests": [
  {"name": "unit/a", "command": ["/bin/true", "/etc", "it's"],
   "properties": [{"name": "LABELS", "value": ["unit"]}, $limit, $folder]},
  {"name": "wire/b", "command": ["/bin/false"],
   "properties": [{"name": "LABELS", "value": ["wire"]}, $limit, $folder, $daemon]},
  {"name": "order/c", "command": ["/usr/bin/ldd"],
   "properties": [{"name": "LABELS", "value": ["order"]}, $limit, $folder]},
  {"name": "fuzz/d", "command": ["/bin/true"],
   "properties": [{"name": "LABELS", "value": ["fuzz"]}, $1]}]}
JSON
}

# What tools/test-kernel runs in its guest, and takes there.
test_plan() {
        local output
        output=$(ctest_json '{"name": "PASS_REGULAR_EXPRESSION", "value": "x"}' |
                python3 -B "$TOP/tools/kernel/plan.py" . 2 "$TREE")
        same "$(tr '\n' '|' <<<"$output")" \
                "3 runs|left out: order/c: ldd is not a program of ours, or was not built|"
        same "$(tr '\n' '|' <"$TREE/tests")" "$(printf '%s|' \
                "run unit unit/a 20 '/some where' env /bin/true /etc 'it'\"'\"'s'" \
                "run wire 'wire/b (uring)' 20 '/some where' env RINGBUS_DAEMON=/bin/true \
RINGBUS_TEST_IO=uring /bin/false" \
                "run wire 'wire/b (epoll)' 20 '/some where' env RINGBUS_DAEMON=/bin/true \
RINGBUS_TEST_IO=epoll /bin/false")"
        same "$(tr '\n' ' ' <"$TREE/files")" "/bin/false /bin/true /etc "
        same "$(cat "$TREE/folders")" "/some where"
        # What is not understood might change a verdict.
        output=$(ctest_json '{"name": "WILL_FAIL", "value": true}' | sed 's/"fuzz"/"unit"/' |
                python3 -B "$TOP/tools/kernel/plan.py" . 2 "$TREE" 2>&1) || output+=" refused"
        same "${output/$'\n'*refused/ refused}" "error: fuzz/d has the property WILL_FAIL refused"
}

if (($# == 0)); then
        set -- count refusal quickstart plan
fi
run_subjects "$@"
