/* SPDX-License-Identifier: Apache-2.0 */
/* What the lobby says of those whom it does not admit. */

#include "broker/gate/lobby.h"

#include <errno.h>

GateRefusal lobby_find_refusal(int error)
{
        switch (error) {
        case -EUSERS:
                return GATE_REFUSAL_SHARE;
        case -EACCES:
                return GATE_REFUSAL_OVERFLOW;
        default:
                return GATE_REFUSAL_RESOURCES;
        }
}

void lobby_note_refusal(Lobby *lobby, GateRefusal kind, const RefusalPeer *peer)
{
        Refusals *refusals = &lobby->refusals;

        tally_add(kind == GATE_REFUSAL_TIMEOUT ? &lobby->timed_out : &lobby->refused, 1);
        if (kind == GATE_REFUSAL_USER)
                refusals_note(refusals, kind, peer, lobby->now_ns,
                              "the policy of this bus, which runs as uid %u, does not let "
                              "that user connect",
                              (unsigned)lobby->options.bus_uid);
        else if (kind == GATE_REFUSAL_SHARE)
                refusals_note(refusals, kind, peer, lobby->now_ns,
                              "its user has %u others that have not authenticated and said Hello "
                              "yet",
                              (unsigned)tally_read(&lobby->max_incomplete_per_uid));
        else if (kind == GATE_REFUSAL_TIMEOUT)
                refusals_note(refusals, kind, peer, lobby->now_ns,
                              "it had not authenticated within %llu ms (auth_timeout)",
                              (unsigned long long)tally_read(&lobby->auth_timeout_ms));
        else
                refusals_note(refusals, kind, peer, lobby->now_ns, "%s", refusals_text(kind));
}
