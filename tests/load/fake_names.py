# SPDX-License-Identifier: Apache-2.0
"""The fake bus's well-known names, and the signals about them."""

from fake_wire import (
    BUS, DESTINATION, INTERFACE, MEMBER, NO_REPLY, PATH, SENDER, SIGNAL, SIGNATURE, Message,
    body_text, body_texts, build)


def change_name(bus, client, message):
    """RequestName and ReleaseName: 1, or 3 if that name is not to be had or not there."""
    name = message.text()
    is_request = message.fields[MEMBER] == "RequestName"
    if bus.names.get(name) is not (None if is_request else client):
        return 3
    if is_request:
        bus.names[name] = client
    else:
        del bus.names[name]
    owned = [name for name, owner in bus.names.items() if owner is client]
    most = bus.counted["most_names"]
    most[client.name] = max(most.get(client.name, 0), len(owned))
    tell_of_change(bus, client, name, is_request)
    return 1


def tell_of_change(bus, client, name, is_request):
    fields = {PATH: "/org/freedesktop/DBus", INTERFACE: BUS, SENDER: BUS,
              MEMBER: "NameAcquired" if is_request else "NameLost", SIGNATURE: "s",
              DESTINATION: client.name}
    bus.send(client, build(SIGNAL, bus.next_serial(), fields, body_text(name), NO_REPLY))
    del fields[DESTINATION]
    fields.update({MEMBER: "NameOwnerChanged", SIGNATURE: "sss"})
    texts = (name, "", client.name) if is_request else (name, client.name, "")
    data = build(SIGNAL, bus.next_serial(), fields, body_texts(*texts), NO_REPLY)
    for receiver in bus.clients.values():
        if any(bus.matches(rule, BUS, Message(data)) for rule in receiver.rules):
            bus.counted["changes"] += 1
            if bus.counted["changes"] != bus.options.get("lose_change"):
                bus.send(receiver, data)
