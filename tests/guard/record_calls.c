/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hops in folders that have no trace points: the linker (--wrap) leads calls from other files here
 * first.
 *
 * EXCEPTION: __wrap_ and __real_ are the linker's names.
 */
#include "broker/base/trace.h"
#include "broker/peer/peer.h"
#include "broker/router/replies.h"
#include "proto/body.h"

/* A signature that has changed is an error here, at the definition. */
#define HOP(file, type, name, parameters, arguments)                                               \
        __typeof__(name) __real_##name, __wrap_##name;                                             \
        type __wrap_##name parameters                                                              \
        {                                                                                          \
                trace_hop(file, #name);                                                            \
                return __real_##name arguments;                                                    \
        }

HOP("proto/frame.c", FrameResult, frame_cut,
    (const uint8_t *data, size_t size, uint32_t size_max, Frame *ret_frame),
    (data, size, size_max, ret_frame))
HOP("proto/body.c", BodyResult, body_validate,
    (const uint8_t *body, size_t size, Text signature, bool big_endian),
    (body, size, signature, big_endian))
HOP("broker/router/replies.c", RepliesResult, replies_expect,
    (RouterThread * thread, Endpoint *caller, uint64_t callee_id, uint32_t serial, Owed **ret_owed),
    (thread, caller, callee_id, serial, ret_owed))
HOP("broker/router/replies.c", bool, replies_assign,
    (RouterThread * thread, Owed *owed, Endpoint *callee), (thread, owed, callee))
HOP("broker/sync/mailbox.c", MailboxPush, mailbox_push_in_epoch,
    (Mailbox * mailbox, MailNode *node, uint32_t epoch), (mailbox, node, epoch))
HOP("broker/router/routerthread.c", void, routerthread_place_duty,
    (RouterThread * thread, Endpoint *endpoint), (thread, endpoint))
HOP("broker/peer/peer.c", int, peer_new,
    (Shard * shard, Router *router, const PeerOptions *options, Peer **ret_peer),
    (shard, router, options, ret_peer))
HOP("broker/peer/peer.c", void, peer_start,
    (Peer * peer, const uint8_t *bytes, size_t n_bytes, const int *fds, unsigned n_fds),
    (peer, bytes, n_bytes, fds, n_fds))
HOP("broker/io/io.c", void, io_receive, (Io * io, IoSocket *socket), (io, socket))
HOP("broker/io/io.c", void, io_send, (Io * io, IoSend *send), (io, send))
HOP("broker/io/io.c", void, io_submit, (Io * io), (io))

__typeof__(header_parse) __real_header_parse, __wrap_header_parse;
HeaderResult __wrap_header_parse(const uint8_t *data, const Frame *frame, Header *ret_header)
{
        HeaderResult result;

        trace_hop("proto/header.c", "header_parse");
        result = __real_header_parse(data, frame, ret_header);
        if (result == HEADER_OK && text_equal(ret_header->member, TEXT("TraceMe")))
                trace_hop("marked", "");
        return result;
}
