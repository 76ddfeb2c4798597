#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# gdbus (GDBus) on the bus driver and on a service.
. "$(dirname "$0")/lib.sh"

at=(--session --dest "$service" --object-path "$object")
driver=(--session --dest org.freedesktop.DBus --object-path /org/freedesktop/DBus)

start waiter gdbus wait --session --timeout 60 "$service"
waiter=${jobs[0]}
start_service
wait "$waiter" || fail 'wait for a name'
unset 'jobs[0]'
expect "('hello',)" 'call a method' gdbus call "${at[@]}" --method "$interface.Echo" hello
expect '(42,)' 'call with two arguments' gdbus call "${at[@]}" --method "$interface.Add" 40 2
expect "'two': <uint32 2>" 'call with a dictionary' gdbus call "${at[@]}" \
        --method "$interface.EchoDictionary" "{'one': <'1'>, 'two': <uint32 2>}"
refuse 't.ringbus.Error.Refused' 'an error of the service' \
        gdbus call "${at[@]}" --method "$interface.Refuse"
refuse 'NameHasNoOwner' 'an error of the driver' gdbus call "${driver[@]}" \
        --method org.freedesktop.DBus.GetNameOwner t.ringbus.Nobody
expect "<node name=\"$object\">" 'introspect the service as XML' \
        gdbus introspect "${at[@]}" --xml
expect 'Echo(in' 'introspect the service' gdbus introspect "${at[@]}"
expect 'RequestName' 'introspect the driver' gdbus introspect "${driver[@]}"
expect 'ConnectionCredentials' 'introspect the root recursively' \
        gdbus introspect --session --dest org.freedesktop.DBus --object-path / --recurse
expect "'ProcessID'" 'credentials' gdbus call "${driver[@]}" \
        --method org.freedesktop.DBus.GetConnectionCredentials "$service"

start monitor gdbus monitor --session --dest "$service"
await monitor 'is owned by' 'monitor a name'
owner=$(sed -n 's/.* is owned by //p' "$scratch/monitor")
await_rule "type='signal',sender='$owner'" 'monitor listens'
expect '()' 'let the service emit' gdbus call "${at[@]}" --method "$interface.Emit" one 'uint32 3'
await monitor "Noted \('one', (uint32 )?2\)" 'monitor sees the last signal'
await monitor 'Noted \(' 'monitor sees every signal' 3

start receiver dbus-monitor --session "type='signal',interface='$interface'"
await receiver 'NameAcquired' 'dbus-monitor starts'
expect '' 'emit a broadcast' gdbus emit --session --object-path "$object" \
        --signal "$interface.Noted" "'two'" 'uint32 7'
await receiver 'string "two"' 'the broadcast arrives'
expect '' 'emit a signal to one client' gdbus emit --session --dest "$owner" \
        --object-path "$object" --signal "$interface.Noted" "'three'" 'uint32 8'
start names gdbus monitor --session --dest org.freedesktop.DBus
await_rule "type='signal',sender='org.freedesktop.DBus'" 'monitor the driver'
expect "('again',)" 'call once more' gdbus call "${at[@]}" --method "$interface.Echo" again
await names "NameOwnerChanged \(':1\.[0-9]+', '', ':1\.[0-9]+'\)" 'monitor sees clients come'
await names "NameOwnerChanged \(':1\.[0-9]+', ':1\.[0-9]+', ''\)" 'monitor sees clients go'
done_testing
