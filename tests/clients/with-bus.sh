#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# with-bus.sh PROGRAM [ARGUMENTS]: runs a test on a session bus of its own (see daemon.sh). The
# status is that of the program, or 1 if the daemon did not end with status 0 after it.
here=$(cd "$(dirname "$0")" && pwd) || exit 1
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
export RINGBUS_STATUS_FILE=$scratch/status

dbus-run-session --dbus-daemon="$here/daemon.sh" -- "$@"
status=$?
for ((tries = 0; tries < 600; tries++)); do
        [ -s "$RINGBUS_STATUS_FILE" ] && break
        sleep 0.1
done
if [ "$(cat "$RINGBUS_STATUS_FILE" 2>/dev/null)" != 0 ]; then
        echo "FAILED: the daemon ended with status $(cat "$RINGBUS_STATUS_FILE")" >&2
        [ "$status" -ne 0 ] || status=1
fi
exit "$status"
