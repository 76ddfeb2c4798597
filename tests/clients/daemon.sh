#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The daemon under test, for programs which start one without extra options (dbus-run-session):
# runs $RINGBUS_DAEMON, and gives ringbus, but not the reference, the options that
# RINGBUS_TEST_IO and RINGBUS_TEST_WORKERS ask for.
: "${RINGBUS_DAEMON:?set it to the path of a bus daemon}"
if [ "${RINGBUS_DAEMON##*/}" = ringbus ]; then
        [ -n "${RINGBUS_TEST_IO:-}" ] && set -- "$@" "--io=$RINGBUS_TEST_IO"
        [ -n "${RINGBUS_TEST_WORKERS:-}" ] && set -- "$@" "--workers=$RINGBUS_TEST_WORKERS"
fi
exec "$RINGBUS_DAEMON" "$@"
