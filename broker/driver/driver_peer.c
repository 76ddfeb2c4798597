/* SPDX-License-Identifier: Apache-2.0 */
/* org.freedesktop.DBus.Peer, also for calls that have no destination. */
#include <stdio.h>

#include "broker/driver/driver_private.h"
#include "broker/router/step.h"

const DriverMethod driver_peer_methods[] = {
        {"GetMachineId", "", "s", DRIVER_ANY_PATH, driver_get_machine_id},
        {"Ping", "", "", DRIVER_ANY_PATH, driver_ping},
        {NULL, NULL, NULL, 0, NULL},
};

void driver_ping(DriverCall *call)
{
        driver_reply_empty(call);
}

void driver_get_machine_id(DriverCall *call)
{
        if (call->driver->machine_id[0] == '\0')
                driver_fail(call, "FileNotFound",
                            "This machine has no id: neither /var/lib/dbus/machine-id nor "
                            "/etc/machine-id holds one; dbus-uuidgen --ensure makes it");
        else
                driver_reply_text(call, text_from(call->driver->machine_id));
}

/* The two ends of a connection talk without the bus: no sender, no destination, not shown to
 * eavesdroppers. */
static void driver_push_local(RouterThread *thread, Endpoint *to, WriterHeader *header, Text text)
{
        Message *message;

        if (text_present(text))
                header->signature = TEXT("s");
        message = busmessage_build(thread, header,
                                   text_present(text) ? driver_write_text : driver_write_nothing,
                                   &text);
        if (!message)
                return;
        if (!step_is_pushed(step_deliver(thread, to, message, NULL, STEP_PLAIN)))
                message_unref(&thread->pool, message, 1);
}

void driver_handle_local(Driver *driver, Shard *shard, Peer *peer, const Incoming *incoming)
{
        const Header *header = &incoming->header;
        const bool to_peer = text_equal(header->interface, TEXT("org.freedesktop.DBus.Peer"));
        const bool wants_ack = !(header->frame.flags & FRAME_FLAG_NO_REPLY_EXPECTED);
        WriterHeader reply = {.type = FRAME_TYPE_METHOD_RETURN,
                              .reply_serial = header->frame.serial};
        Text interface = text_present(header->interface) ? header->interface : TEXT("(null)");
        char text[1024];

        if (header->frame.type != FRAME_TYPE_METHOD_CALL)
                return;
        if (to_peer && text_equal(header->member, TEXT("Ping"))) {
                if (wants_ack)
                        driver_push_local(&shard->thread, &peer->endpoint, &reply, TEXT_NONE);
                return;
        }
        if (to_peer && text_equal(header->member, TEXT("GetMachineId")) &&
            driver->machine_id[0] != '\0') {
                driver_push_local(&shard->thread, &peer->endpoint, &reply,
                                  text_from(driver->machine_id));
                return;
        }
        snprintf(text, sizeof(text),
                 "Method \"%.*s\" with signature \"%.*s\" on interface \"%.*s\" doesn't exist\n",
                 TEXT_FORMAT(header->member), TEXT_FORMAT(header->signature),
                 TEXT_FORMAT(interface));
        reply.type = FRAME_TYPE_ERROR;
        reply.error_name = TEXT("org.freedesktop.DBus.Error.UnknownMethod");
        driver_push_local(&shard->thread, &peer->endpoint, &reply, text_from(text));
}
