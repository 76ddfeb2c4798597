#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# with-bus.sh PROGRAM [ARGUMENTS]: runs a test on a session bus of its own (see daemon.sh).
# The status is that of the program.
here=$(cd "$(dirname "$0")" && pwd) || exit 1
exec dbus-run-session --dbus-daemon="$here/daemon.sh" -- "$@"
