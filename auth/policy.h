/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_AUTH_POLICY_H
#define RINGBUS_AUTH_POLICY_H

/*
 * Policy: who may send what to whom. Immutable; hangs on the router's one root, which is loaded
 * once per message. So far there is one policy, "allow everything", which is what a session bus's
 * configuration says; the configuration reader refuses any other by name.
 */

#include <stdbool.h>
#include <stdint.h>

#include "proto/header.h"

typedef enum PolicyKind { POLICY_ALLOW_ALL } PolicyKind;

typedef struct Policy {
        uint64_t generation;
        PolicyKind kind;
} Policy;

typedef enum PolicyVerdict { POLICY_ALLOWED, POLICY_DENIED } PolicyVerdict;

/* Pure; any thread. */
PolicyVerdict policy_decide_send(const Policy *policy, const Header *header);

#endif
