/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_ROUTER_JUDGE_PRIVATE_H
#define RINGBUS_ROUTER_JUDGE_PRIVATE_H

/* Who is judged; shared by judge.c and judge_acts.c. */

#include "broker/router/judge.h"

/* A connection with one snapshot of its names, for the key and the decision alike. */
typedef struct JudgeParty {
        PolicyParty party;
        const Endpoint *endpoint; /* NULL: the bus */
        const NameSet *names;
} JudgeParty;

/* `endpoint` NULL: the bus. Inside the read-side section in which `self` is used. */
void judge_begin_party(JudgeParty *self, const Endpoint *endpoint);

#endif
