/* SPDX-License-Identifier: Apache-2.0 */
/* What the lobby offers to whom: over TCP nothing that needs the kernel's word, and no fds. */

#include "broker/gate/lobby.h"

SaslOptions lobby_offer(const Lobby *lobby, const GateListener *listener, uid_t uid)
{
        SaslOptions options = {
                .allowed = lobby->options.mechanisms,
                .served = SASL_MECHANISM_ANONYMOUS,
                .may_pass_fds = !listener->is_tcp,
                .has_peer_uid = !listener->is_tcp,
                .peer_uid = uid,
                .bus_uid = lobby->options.bus_uid,
        };

        if (!listener->is_tcp)
                options.served |= SASL_MECHANISM_EXTERNAL;
        if (tally_read(&lobby->offers_cookies))
                options.served |= SASL_MECHANISM_COOKIE_SHA1;
        memcpy(options.guid, listener->guid, sizeof(options.guid));
        return options;
}

void lobby_offer_cookies(Lobby *lobby, bool offered)
{
        tally_set(&lobby->offers_cookies, offered);
}
