#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The daemon under test, for programs which start one without extra options (dbus-run-session):
# runs $RINGBUS_DAEMON, and gives ringbus, but not the reference, the options that
# RINGBUS_TEST_IO and RINGBUS_TEST_WORKERS ask for. Writes the status it ended with into
# $RINGBUS_STATUS_FILE, so that with-bus.sh notices a daemon that crashed or leaked.
: "${RINGBUS_DAEMON:?set it to the path of a bus daemon}"
: "${RINGBUS_STATUS_FILE:?with-bus.sh sets it}"
if [ "${RINGBUS_DAEMON##*/}" = ringbus ]; then
        [ -n "${RINGBUS_TEST_IO:-}" ] && set -- "$@" "--io=$RINGBUS_TEST_IO"
        [ -n "${RINGBUS_TEST_WORKERS:-}" ] && set -- "$@" "--workers=$RINGBUS_TEST_WORKERS"
fi
"$RINGBUS_DAEMON" "$@" &
daemon=$!
# Who started us reads the address until the last writer has closed the pipe; 255 is bash's own.
for fd in "/proc/$$/fd/"*; do
        fd=${fd##*/}
        [ "$fd" -gt 2 ] && [ "$fd" -ne 255 ] && exec {fd}>&-
done
trap 'kill -TERM "$daemon"' TERM
wait "$daemon"
status=$?
# A signal interrupts the first wait; the daemon's own status is that of the last one.
while [ "$status" -gt 128 ]; do
        before=$status
        wait "$daemon"
        status=$?
        # The shell remembers how its child ended: a signal that killed it stays the answer.
        [ "$status" -ne "$before" ] || kill -0 "$daemon" 2>/dev/null || break
done
echo "$status" >"$RINGBUS_STATUS_FILE"
exit "$status"
