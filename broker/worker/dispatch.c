/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/worker/dispatch.h"

#include "broker/base/log.h"
#include "broker/base/stage.h"
#include "broker/base/trace.h"
#include "broker/router/busmessage.h"
#include "broker/router/judge.h"
#include "broker/router/send.h"

/* Made while the registry lock is held: nobody sees the name come up and then this. */
static Message *dispatch_refuse_no_owner(RouterThread *thread, Endpoint *sender,
                                         const Incoming *incoming)
{
        const Header *header = &incoming->header;

        if (STAGE_AWAITS_OWNER(thread, sender, incoming))
                return NULL;
        if (header->frame.flags & FRAME_FLAG_NO_AUTO_START)
                return driver_build_error(thread, sender, header->frame.serial, "NameHasNoOwner",
                                          "Name \"%.*s\" does not exist",
                                          TEXT_FORMAT(header->destination));
        return driver_build_error(thread, sender, header->frame.serial, "ServiceUnknown",
                                  "The name %.*s was not provided by any .service files",
                                  TEXT_FORMAT(header->destination));
}

/* Errors are always sent, also for signals and replies that go nowhere; monitors see the message
 * first. */
static void dispatch_refuse(RouterThread *thread, Endpoint *sender, Incoming *incoming,
                            SendResult result)
{
        const Header *header = &incoming->header;
        const char *name = "AccessDenied", *text = NULL;
        Message *error;

        switch (result) {
        case SEND_OK:
        case SEND_NO_OWNER:
                return;
        case SEND_FULL:
                error = driver_build_error(
                        thread, sender, header->frame.serial, "LimitsExceeded",
                        "Rejected: destination has a full message queue; destination=\"%.*s\"",
                        TEXT_FORMAT(header->destination));
                send_refuse(thread, sender, incoming, error);
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
        case SEND_NO_MEMORY: /* monitors may have the message already, or nobody can */
                driver_push_error(thread, sender, header->frame.serial, "NoMemory",
                                  "Out of memory");
                return;
        }
        error = driver_build_error(thread, sender, header->frame.serial, name, "%s", text);
        send_refuse(thread, sender, incoming, error);
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
                dispatch_refuse(thread, &peer->endpoint, incoming, result);
        TRACE_WINDOW(result == SEND_OK ? TRACE_ORDINARY : TRACE_EXEMPT);
}

/* Whoever speaks before Hello, to anybody but the bus, is not worth an answer. */
static void dispatch_premature(Shard *shard, Peer *peer, Incoming *incoming)
{
        RouterThread *thread = &shard->thread;
        Message *shown = send_capture(thread, &peer->endpoint, incoming);

        send_end_capture(thread, &peer->endpoint, incoming, shown, false);
        peer_close(peer);
}

/* A monitor that sends something takes what it overhears for messages to itself and answers them:
 * its author is to hear of that. */
static void dispatch_from_monitor(Peer *peer, const Header *header)
{
        char who[CREDENTIALS_TEXT_MAX];

        log_warning("closing the monitor %s of %s: monitors are not allowed to "
                    "send messages, and it sent one (type %u, interface %.*s, member %.*s, "
                    "destination %.*s)",
                    peer->endpoint.unique_name, credentials_text(&peer->credentials, who),
                    header->frame.type, TEXT_FORMAT(header->interface), TEXT_FORMAT(header->member),
                    TEXT_FORMAT(header->destination));
        peer_close(peer);
}

void dispatch_message(Driver *driver, Shard *shard, Peer *peer, Incoming *incoming)
{
        const Header *header = &incoming->header;
        const Text destination = header->destination;

        TRACE_HOP();
        if (UNLIKELY(peer->endpoint.monitor)) {
                dispatch_from_monitor(peer, header);
        } else if (text_equal(destination, BUSMESSAGE_BUS_NAME)) {
                driver_handle(driver, shard, peer, incoming);
        } else if (!text_present(destination) && header->frame.type != FRAME_TYPE_SIGNAL) {
                driver_handle_local(driver, shard, peer, incoming);
        } else if (peer->endpoint.id == ENDPOINT_NO_ID) {
                dispatch_premature(shard, peer, incoming);
        } else if (text_present(destination)) {
                dispatch_unicast(shard, peer, incoming);
        } else if (send_broadcast(&shard->thread, &peer->endpoint, incoming) != SEND_OK) {
                dispatch_refuse(&shard->thread, &peer->endpoint, incoming, SEND_NO_MEMORY);
        }
}
