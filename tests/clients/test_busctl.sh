#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# busctl (sd-bus) on the bus driver and on a service.
. "$(dirname "$0")/lib.sh"

run=(busctl --address="$DBUS_SESSION_BUS_ADDRESS" --no-pager --timeout=60)
driver=(org.freedesktop.DBus /org/freedesktop/DBus)

start_service
expect "$service" 'list shows the service' "${run[@]}" list
expect 'org.freedesktop.DBus' 'list shows the driver' "${run[@]}" list
expect ':1.0' 'list shows unique names' "${run[@]}" list --unique
expect "$object" 'tree of the service' "${run[@]}" tree "$service"
expect '/org/freedesktop/DBus' 'tree of the driver' "${run[@]}" tree org.freedesktop.DBus
expect '.Echo' 'introspect the service' "${run[@]}" introspect "$service" "$object"
expect '.NameOwnerChanged' 'introspect the driver' "${run[@]}" introspect "${driver[@]}"
expect 's "hello"' 'call a method' "${run[@]}" call "$service" "$object" "$interface" Echo s hello
expect 'i 42' 'call with two arguments' \
        "${run[@]}" call "$service" "$object" "$interface" Add ii 40 2
expect 'a{sv} 2' 'call with a dictionary' \
        "${run[@]}" call "$service" "$object" "$interface" EchoDictionary 'a{sv}' 2 one s 1 two u 2
refuse 'as asked' 'an error of the service' \
        "${run[@]}" call "$service" "$object" "$interface" Refuse
refuse 'no such name' 'the owner of nobody' \
        "${run[@]}" call "${driver[@]}" org.freedesktop.DBus GetNameOwner s t.ringbus.Nobody
refuse 'not provided' 'a call to nobody' "${run[@]}" call t.ringbus.Nobody / t.I M
expect 'i 5' 'get a property' "${run[@]}" get-property "$service" "$object" "$interface" Level
expect '' 'set a property' "${run[@]}" set-property "$service" "$object" "$interface" Level i 6
expect 'i 6' 'get the property that was set' \
        "${run[@]}" get-property "$service" "$object" "$interface" Level
expect 'HeaderFiltering' 'get a property of the driver' \
        "${run[@]}" get-property "${driver[@]}" org.freedesktop.DBus Features
expect 'b true' 'ask for a name' \
        "${run[@]}" call "${driver[@]}" org.freedesktop.DBus NameHasOwner s "$service"
# What the bus says of them; /proc, which busctl would add, may have no cgroups in a container.
expect "PID=" 'status of the service' "${run[@]}" --augment-creds=no status "$service"
expect "PID=" 'status of the bus' "${run[@]}" --augment-creds=no status
expect '' 'emit a signal' "${run[@]}" emit "$object" "$interface" Noted su text 1

start monitor "${run[@]}" monitor
await monitor 'Monitoring bus message stream' 'monitor starts'
expect 's "watched"' 'call a method' \
        "${run[@]}" call "$service" "$object" "$interface" Echo s watched
refuse 'not provided' 'call nobody once more' "${run[@]}" call t.ringbus.Nobody / t.I M
await monitor 'STRING "watched"' 'monitor sees the request and the answer' 2
await monitor 'Destination=t.ringbus.Nobody' 'monitor sees what is refused'
await monitor 'ErrorName=org.freedesktop.DBus.Error.ServiceUnknown' 'monitor sees the refusal'
start few "${run[@]}" monitor --match="type='method_call',interface='$interface'"
await few 'Monitoring bus message stream' 'monitor with a rule starts'
start capture stdbuf --output=0 "${run[@]}" capture
await capture 'Monitoring bus message stream' 'capture starts'
expect 's "again"' 'call a method again' \
        "${run[@]}" call "$service" "$object" "$interface" Echo s again
await few 'STRING "again"' 'monitor with a rule sees the request'
await capture 'again' 'capture has the request' # a pcapng file
[ "$(grep -c 'STRING "again"' "$scratch/few")" -eq 1 ] ||
        fail 'monitor sees what it did not ask for'
done_testing
