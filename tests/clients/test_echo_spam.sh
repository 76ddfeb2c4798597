#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# dbus-test-tool spam against dbus-test-tool echo: every call is answered. RINGBUS_SPAM_COUNT is the
# number of calls of each round (100000), for runs under a sanitizer.
. "$(dirname "$0")/lib.sh"

count=${RINGBUS_SPAM_COUNT:-100000}

spam() {
        local what=$1 begin end output status
        shift
        begin=$(date +%s%N)
        output=$(dbus-test-tool spam --session --dest=t.ringbus.Echo --count="$count" "$@" 2>&1)
        status=$?
        end=$(date +%s%N)
        # The tool reports a refused or lost reply on stderr and ends with status 0 all the same.
        if [ $status -ne 0 ] || [ -n "$output" ]; then
                fail "$what: status $status: $(head -n 5 <<<"$output")"
        else
                echo "ok: $what: $count calls in $(((end - begin) / 1000000)) ms"
        fi
}

start echo dbus-test-tool echo --session --name=t.ringbus.Echo
gdbus wait --session --timeout 60 t.ringbus.Echo || fail 'the echo service starts'
refusal=$(dbus-test-tool spam --session --dest=t.ringbus.Nobody --count=1 2>&1)
[[ $refusal == *ServiceUnknown* ]] || fail "a refused call is reported, but: $refusal"
spam 'empty, 64 in flight' --queue=64 --empty
spam 'payload of 1 KiB, 64 in flight' --queue=64 --payload="$(printf '%01024d' 0)"
spam 'one call at a time' --queue=1 --empty
spam 'reconnecting after each 100 calls' --queue=50 --messages-per-conn=100 --payload=x
done_testing
