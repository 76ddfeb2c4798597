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

# A short test may end before this shell knows the daemon's id: then the signal is passed on later.
daemon=
is_told_to_end=
is_interrupted=
# shellcheck disable=SC2317 # the trap calls it
end_daemon() {
        is_told_to_end=yes
        is_interrupted=yes
        [ -z "$daemon" ] || kill -TERM "$daemon" 2>/dev/null
}
trap end_daemon TERM

"$RINGBUS_DAEMON" "$@" &
daemon=$!
[ -z "$is_told_to_end" ] || kill -TERM "$daemon"
# Who started us reads the address until the last writer has closed the pipe; 255 is bash's own.
for fd in "/proc/$$/fd/"*; do
        fd=${fd##*/}
        [ "$fd" -gt 2 ] && [ "$fd" -ne 255 ] && exec {fd}>&-
done
# A signal ends the wait early with a status that is not the daemon's. Waiting again gives the
# daemon's own one, also of a daemon that has ended meanwhile.
while :; do
        is_interrupted=
        wait "$daemon"
        status=$?
        [ -n "$is_interrupted" ] || break
done
echo "$status" >"$RINGBUS_STATUS_FILE"
exit "$status"
