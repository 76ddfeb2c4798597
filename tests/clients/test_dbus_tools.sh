#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# dbus-send and dbus-monitor (libdbus).
. "$(dirname "$0")/lib.sh"

run=(dbus-send --session --print-reply --reply-timeout=60000)

start_service
expect 'string "hello"' 'call a method' \
        "${run[@]}" --dest="$service" "$object" "$interface.Echo" string:hello
expect 'int32 42' 'call with two arguments' \
        "${run[@]}" --dest="$service" "$object" "$interface.Add" int32:40 int32:2
expect 'int32 5' 'get a property' "${run[@]}" --dest="$service" "$object" \
        org.freedesktop.DBus.Properties.Get "string:$interface" string:Level
expect "string \"$service\"" 'list names' \
        "${run[@]}" --dest=org.freedesktop.DBus / org.freedesktop.DBus.ListNames
expect '' 'ping the driver' \
        "${run[@]}" --dest=org.freedesktop.DBus / org.freedesktop.DBus.Peer.Ping
expect '' 'ping the service' "${run[@]}" --dest="$service" / org.freedesktop.DBus.Peer.Ping
refuse 'Error t.ringbus.Error.Refused' 'an error of the service' \
        "${run[@]}" --dest="$service" "$object" "$interface.Refuse"
refuse 'Error org.freedesktop.DBus.Error.ServiceUnknown' 'a call to nobody' \
        "${run[@]}" --dest=t.ringbus.Nobody / t.I.M
refuse 'Error org.freedesktop.DBus.Error.UnknownMethod' 'an unknown method of the driver' \
        "${run[@]}" --dest=org.freedesktop.DBus / org.freedesktop.DBus.Nonsense

start signals dbus-monitor --session "type='signal',interface='$interface'"
await signals 'NameAcquired' 'dbus-monitor starts'
expect '' 'emit a broadcast' dbus-send --session --type=signal "$object" "$interface.Noted" \
        string:from-dbus-send uint32:1
await signals 'string "from-dbus-send"' 'dbus-monitor sees the broadcast'
expect '' 'let the service emit' \
        "${run[@]}" --dest="$service" "$object" "$interface.Emit" string:many uint32:50
await signals 'string "many"' 'dbus-monitor sees all broadcasts of the service' 50

start calls dbus-monitor --session "type='method_call',interface='$interface'"
await calls 'NameAcquired' 'a second dbus-monitor starts'
expect 'string "overheard"' 'call again' \
        "${run[@]}" --dest="$service" "$object" "$interface.Echo" string:overheard
await calls 'string "overheard"' 'dbus-monitor sees the call of others'

# Everything: requests, answers, what is refused, what the bus says, those who come and go.
start all dbus-monitor --session
await all 'member=NameLost' 'a third dbus-monitor starts'
expect 'string "answered"' 'call once more' \
        "${run[@]}" --dest="$service" "$object" "$interface.Echo" string:answered
refuse 'Error org.freedesktop.DBus.Error.ServiceUnknown' 'call nobody once more' \
        "${run[@]}" --dest=t.ringbus.Nobody / t.I.M
await all 'string "answered"' 'dbus-monitor sees the request and the answer' 2
await all '^method call .* destination=t.ringbus.Nobody ' 'dbus-monitor sees what is refused'
await all '^error .* error_name=org.freedesktop.DBus.Error.ServiceUnknown' \
        'dbus-monitor sees the refusal'
await all 'member=Hello' 'dbus-monitor sees everybody come' 2
await all 'member=NameOwnerChanged' 'dbus-monitor sees everybody go' 4
expect 'string ":1.' 'monitors are not listed' "${run[@]}" --dest=org.freedesktop.DBus / \
        org.freedesktop.DBus.ListNames
grep -q 'AddMatch' "$scratch/all" && fail 'dbus-monitor fell back to match rules'

start pcap dbus-monitor --session --pcap
await pcap 'NameLost' 'dbus-monitor --pcap starts'
expect 'string "captured"' 'call for the capture' \
        "${run[@]}" --dest="$service" "$object" "$interface.Echo" string:captured
await_capture pcap captured 2 'dbus-monitor --pcap has the request and the answer'
done_testing
