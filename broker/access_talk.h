/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BROKER_ACCESS_TALK_H
#define RINGBUS_BROKER_ACCESS_TALK_H

/* What a client says once it is connected: the handshake, Hello, and a question who it is. */

#include <stdbool.h>
#include <stdio.h>

#include "broker/base/text.h"

typedef struct AccessTalk {
        int fd;      /* connected, blocking, with timeouts */
        bool is_tcp; /* EXTERNAL is not to be tried */
        Text guid;   /* that the address promises; absent: none */
        FILE *out;
} AccessTalk;

/* Whether the bus let us in. */
bool access_talk(const AccessTalk *talk);

#endif
