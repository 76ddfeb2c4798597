/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/worker/dispatch.h"

#include "broker/base/stage.h"
#include "broker/base/trace.h"
#include "broker/router/busmessage.h"
#include "broker/router/judge.h"
#include "broker/router/send.h"

/* Pushed while the registry lock is held: nobody sees the name come up and then this. */
static void dispatch_refuse_no_owner(RouterThread *thread, Endpoint *sender,
                                     const Incoming *incoming)
{
        const Header *header = &incoming->header;

        if (STAGE_AWAITS_OWNER(thread, sender, incoming))
                return;
        if (header->frame.flags & FRAME_FLAG_NO_AUTO_START)
                driver_push_error(thread, sender, header->frame.serial, "NameHasNoOwner",
                                  "Name \"%.*s\" does not exist", TEXT_FORMAT(header->destination));
        else
                driver_push_error(thread, sender, header->frame.serial, "ServiceUnknown",
                                  "The name %.*s was not provided by any .service files",
                                  TEXT_FORMAT(header->destination));
}

/* Errors are always sent, also for signals and replies that go nowhere. */
static void dispatch_refuse(RouterThread *thread, Endpoint *sender, const Header *header,
                            SendResult result)
{
        const char *name = "AccessDenied", *text = NULL;

        switch (result) {
        case SEND_OK:
        case SEND_NO_OWNER:
                return;
        case SEND_FULL:
                driver_push_error(thread, sender, header->frame.serial, "LimitsExceeded",
                                  "The destination \"%.*s\" has a full message queue",
                                  TEXT_FORMAT(header->destination));
                return;
        case SEND_NO_FDS:
                name = "NotSupported";
                text = "Tried to send message with Unix file descriptors to a client that doesn't "
                       "support that.";
                break;
        case SEND_DENIED:
                text = judge_refusal(thread);
                break;
        case SEND_UNKNOWN_TYPE:
                text = "Message bus will not accept messages of unknown type";
                break;
        case SEND_DUPLICATE_SERIAL:
                text = "Message has the same reply serial as a currently-outstanding existing "
                       "method call";
                break;
        case SEND_TOO_MANY_REPLIES:
                name = "LimitsExceeded";
                text = "The maximum number of pending replies per connection has been reached";
                break;
        case SEND_CALLEE_GONE:
                name = "NoReply";
                text = "Message recipient disconnected from message bus without replying";
                break;
        case SEND_NO_MEMORY:
                name = "NoMemory";
                text = "Out of memory";
                break;
        }
        driver_push_error(thread, sender, header->frame.serial, name, "%s", text);
}

static void dispatch_unicast(Shard *shard, Peer *peer, Incoming *incoming)
{
        RouterThread *thread = &shard->thread;
        SendResult result;

        TRACE_HOP();
        do
                result = send_unicast(thread, &peer->endpoint, incoming);
        while (result == SEND_NO_OWNER &&
               !send_refuse_without_owner(thread, &peer->endpoint, incoming,
                                          dispatch_refuse_no_owner));
        if (UNLIKELY(result != SEND_OK))
                dispatch_refuse(thread, &peer->endpoint, &incoming->header, result);
        TRACE_WINDOW(result == SEND_OK ? TRACE_ORDINARY : TRACE_EXEMPT);
}

void dispatch_message(Driver *driver, Shard *shard, Peer *peer, Incoming *incoming)
{
        const Header *header = &incoming->header;
        const Text destination = header->destination;

        TRACE_HOP();
        if (text_equal(destination, BUSMESSAGE_BUS_NAME)) {
                driver_handle(driver, shard, peer, incoming);
        } else if (!text_present(destination) && header->frame.type != FRAME_TYPE_SIGNAL) {
                driver_handle_local(driver, shard, peer, incoming);
        } else if (peer->endpoint.id == ENDPOINT_NO_ID) {
                peer_close(peer); /* before Hello there is nothing to say to anybody else */
        } else if (text_present(destination)) {
                dispatch_unicast(shard, peer, incoming);
        } else if (send_broadcast(&shard->thread, &peer->endpoint, incoming) != SEND_OK) {
                dispatch_refuse(&shard->thread, &peer->endpoint, header, SEND_NO_MEMORY);
        }
}
