/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_GATE_SOURCE_H
#define RINGBUS_GATE_SOURCE_H

/*
 * What the gate's Ready watches: a member of this type stands in each watched object, and its
 * address is the cookie.
 */
typedef enum GateSource {
        GATE_SOURCE_WAKE,
        GATE_SOURCE_PLACE,
        GATE_SOURCE_LISTENER,
        GATE_SOURCE_HANDSHAKE,
} GateSource;

#endif
