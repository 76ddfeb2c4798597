#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# run-script.sh SCRIPT N: runs a shell script of the reference's test suite, as Debian's package
# dbus-tests installs it, against $RINGBUS_DAEMON, with the configuration of the system. Passes only
# if all of its N tests passed. RINGBUS_TEST_SUITE is the folder of the scripts; of those of the
# debugging build, only that build's dbus-launch lets itself be told which daemon to start.
debug=/usr/lib/dbus-1.0/debug-build
if [ $# -ne 2 ]; then
        echo "usage: $0 SCRIPT N" >&2
        exit 2
fi
script=$1
suite=${RINGBUS_TEST_SUITE:-/usr/lib/dbus-1.0/installed-tests/dbus}
[ -x "$suite/$script" ] || suite=$debug/libexec/installed-tests/dbus
if [ ! -x "$suite/$script" ]; then
        echo "FAILED: there is no $script: install the Debian package dbus-tests" >&2
        exit 1
fi

scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
: "${RINGBUS_DAEMON:?set it to the path of a bus daemon}"
options=
if [ "${RINGBUS_DAEMON##*/}" = ringbus ]; then
        options="${RINGBUS_TEST_IO:+--io=$RINGBUS_TEST_IO}"
        options+=" ${RINGBUS_TEST_WORKERS:+--workers=$RINGBUS_TEST_WORKERS}"
fi
# The process that is started must be the daemon's own: its descriptors are closed, and it forks.
printf '#!/bin/sh\nexec "%s" "$@" %s\n' "$RINGBUS_DAEMON" "$options" >"$scratch/daemon"
chmod 755 "$scratch/daemon"

unset DBUS_SESSION_BUS_ADDRESS DBUS_SYSTEM_BUS_ADDRESS DBUS_TEST_DATA DBUS_TEST_DATADIR LISTEN_FDS \
        LISTEN_PID NOTIFY_SOCKET
mkdir -m 0700 "$scratch/runtime"
export XDG_RUNTIME_DIR=$scratch/runtime
export DBUS_TEST_DAEMON=$scratch/daemon
export DBUS_TEST_DBUS_LAUNCH=$debug/bin/dbus-launch
timeout --kill-after=5 100 "$suite/$script" >"$scratch/log" 2>&1 </dev/null
status=$?
cat "$scratch/log"
if [ "$status" -ne 0 ]; then
        echo "FAILED: $script: status $status (124: still running after 100 s)" >&2
        exit 1
fi
if [ "$(grep -c '^ok ' "$scratch/log")" -ne "$2" ] || grep -q '^not ok\|SKIP' "$scratch/log"; then
        echo "FAILED: $script: not exactly $2 tests passed" >&2
        exit 1
fi
