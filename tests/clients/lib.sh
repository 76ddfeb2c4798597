# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034
# Helpers of the client tests, to be sourced. A test runs to its end, says what failed, and fails.

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
scratch=$(mktemp -d)
failures=0
jobs=()

# Ends what the test left running, by process id, and removes its files.
finish() {
        local job
        for job in "${jobs[@]}"; do
                kill "$job" 2>/dev/null && wait "$job" 2>/dev/null
        done
        rm -rf "$scratch"
}
trap finish EXIT

fail() {
        echo "FAILED: $*" >&2
        failures=$((failures + 1))
}

# expect PATTERN WHAT COMMAND...: the command succeeds and its output contains the fixed string.
expect() {
        local pattern=$1 what=$2 output status
        shift 2
        output=$(timeout 90 "$@" 2>&1)
        status=$?
        if [ $status -ne 0 ]; then
                fail "$what: status $status: $output"
        elif [[ $output != *"$pattern"* ]]; then
                fail "$what: no \"$pattern\" in: $output"
        else
                echo "ok: $what"
        fi
}

# refuse PATTERN WHAT COMMAND...: the command fails and its output contains the fixed string.
refuse() {
        local pattern=$1 what=$2 output status
        shift 2
        output=$(timeout 90 "$@" 2>&1)
        status=$?
        if [ $status -eq 0 ]; then
                fail "$what: succeeded: $output"
        elif [[ $output != *"$pattern"* ]]; then
                fail "$what: no \"$pattern\" in: $output"
        else
                echo "ok: $what"
        fi
}

# start FILE COMMAND...: runs it in the background, its output in $scratch/FILE.
start() {
        local file=$1
        shift
        "$@" >"$scratch/$file" 2>&1 &
        jobs+=($!)
}

# await FILE PATTERN WHAT [COUNT]: until the pattern (extended regular expression) has come COUNT
# times in $scratch/FILE.
await() {
        local file=$scratch/$1 pattern=$2 what=$3 count=${4:-1} tries
        for ((tries = 0; tries < 600; tries++)); do
                if [ -e "$file" ] && [ "$(grep -cE -e "$pattern" "$file")" -ge "$count" ]; then
                        echo "ok: $what"
                        return 0
                fi
                sleep 0.1
        done
        fail "$what: no \"$pattern\" ($count times) in: $(cat "$file")"
        return 1
}

# await_rule RULE WHAT: until a connection has this match rule, word for word. A program that says
# that it is ready may have its AddMatch still to send.
await_rule() {
        local rule=$1 what=$2 tries
        for ((tries = 0; tries < 600; tries++)); do
                if dbus-send --session --reply-timeout=60000 --print-reply \
                        --dest=org.freedesktop.DBus /org/freedesktop/DBus \
                        org.freedesktop.DBus.Debug.Stats.GetAllMatchRules |
                        grep -qF -e "string \"$rule\""; then
                        echo "ok: $what"
                        return 0
                fi
                sleep 0.1
        done
        fail "$what: nobody has the rule $rule"
        return 1
}

# await_capture FILE TEXT COUNT WHAT: until $scratch/FILE is a pcap file in which that many whole
# D-Bus messages contain the text.
await_capture() {
        local file=$scratch/$1 text=$2 count=$3 what=$4 tries
        for ((tries = 0; tries < 600; tries++)); do
                if [ "$(/usr/bin/python3 "$here/pcap.py" "$file" "$text")" -ge "$count" ]; then
                        echo "ok: $what"
                        return 0
                fi
                sleep 0.1
        done
        fail "$what: not $count messages with \"$text\" in $file"
        return 1
}

# start_service: the object that the tools are tried on (see service.py).
service=t.ringbus.Service
object=/t/ringbus/Object
interface=t.ringbus.Interface
start_service() {
        start service /usr/bin/python3 "$here/service.py"
        await service '^ready$' 'the service starts'
}

# Ends the script with the status of the test.
done_testing() {
        [ "$failures" -eq 0 ] || echo "$failures failed" >&2
        exit $((failures > 0))
}
