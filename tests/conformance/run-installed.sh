#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# run-installed.sh [--data] PROGRAM SUBTEST: runs one subtest of the reference's test suite, as
# Debian's package dbus-tests installs it, against $RINGBUS_DAEMON: as a session bus with the
# configuration of the system (/usr/share/dbus-1/session.conf), or with --data with the one that the
# suite has for that subtest; with --users as root, with clients and a bus of other users. They have
# to reach the daemon. `PROGRAM -l` prints the subtests. Passes only if
# the subtest passed (a skipped one did not) and each daemon it started ended with status 0. Exits
# with 77 if it is not root who is to become other users.
# RINGBUS_TEST_SUITE is the folder of the programs, if they are not where Debian has them.
here=$(cd "$(dirname "$0")" && pwd) || exit 1
suite=${RINGBUS_TEST_SUITE:-/usr/lib/dbus-1.0/installed-tests/dbus}
limit_s=100
end_s=60

data=
has_users=
while [[ ${1:-} == --* ]]; do
        case $1 in
        --data) data=$suite/data ;;
        --users) has_users=1 ;;
        *) break ;;
        esac
        shift
done
if [ $# -ne 2 ]; then
        echo "usage: $0 [--data] [--users] PROGRAM SUBTEST" >&2
        exit 2
fi
if [ -n "$has_users" ] && [ "$(id -u)" -ne 0 ]; then
        echo "skipped: only root can become another user"
        exit 77
fi
program=$suite/$1
subtest=$2
if [ ! -x "$program" ]; then
        echo "FAILED: there is no $program: install the Debian package dbus-tests" >&2
        exit 1
fi

scratch=$(mktemp -d) || exit 1
group=

# What a failed test leaves behind is in its process group, a daemon for example.
finish() {
        [ -z "$group" ] || kill -KILL -- "-$group" 2>/dev/null
        rm -rf "$scratch"
}
trap finish EXIT
trap 'exit 1' INT TERM

fail() {
        echo "FAILED: $program -p $subtest: $*" >&2
        cat "$scratch/log" >&2
        exit 1
}

# Waits until every daemon of the test has left its status.
await_daemons() {
        local tries
        for ((tries = 0; tries < end_s * 20; tries++)); do
                [ -s "$scratch/status" ] && ! kill -0 -- "-$group" 2>/dev/null && return
                sleep 0.05
        done
        fail "a daemon did not end within $end_s s"
}

unset DBUS_SESSION_BUS_ADDRESS DBUS_SYSTEM_BUS_ADDRESS DBUS_TEST_DAEMON_ADDRESS \
        DBUS_TEST_DATA DBUS_TEST_EXEC DBUS_TEST_HOMEDIR LISTEN_FDS LISTEN_PID NOTIFY_SOCKET
mkdir -m 0700 "$scratch/runtime"
export XDG_RUNTIME_DIR=$scratch/runtime
export RINGBUS_STATUS_FILE=$scratch/status
export DBUS_TEST_DAEMON=$here/daemon.sh
if [ -n "$has_users" ]; then
        chmod 0711 "$scratch"
        : >"$scratch/status"
        chmod 0666 "$scratch/status"
        cp "$here/daemon.sh" "$RINGBUS_DAEMON" "$scratch/"
        export DBUS_TEST_DAEMON=$scratch/daemon.sh
        export RINGBUS_DAEMON=$scratch/${RINGBUS_DAEMON##*/}
fi
if [ -n "$data" ]; then
        export DBUS_TEST_DATA=$data DBUS_TEST_EXEC=$suite
fi

set -m
timeout --foreground --kill-after=5 "$limit_s" "$program" --tap -p "$subtest" \
        >"$scratch/log" 2>&1 </dev/null &
group=$!
set +m
wait "$group"
status=$?
[ "$status" -eq 0 ] || fail "status $status (124: still running after $limit_s s)"
[ "$(grep -c '^ok ' "$scratch/log")" -eq 1 ] || fail "not exactly one subtest passed"
grep -qE "^ok 1 -? ?$subtest\$" "$scratch/log" || fail "it did not pass; skipped?"
await_daemons
if grep -qvx 0 "$scratch/status"; then
        fail "a daemon ended with status $(grep -vx 0 "$scratch/status" | head -n 1)"
fi
cat "$scratch/log"
