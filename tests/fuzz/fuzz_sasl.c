/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines of a stranger to the SASL machine. The first byte of the input chooses the options, the
 * rest is cut at CRLF as the gate cuts it. What must hold whatever is said is asserted.
 */

#include <stdint.h>
#include <stdlib.h>

#include "auth/sasl.h"
#include "broker/base/assert.h"

#define GUID "79f934d19de63af17d9116c96b0333ec"

enum { PEER_UID = 0 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A reply is nothing or one line of printable ASCII. */
static void check_reply(const char *reply, size_t size)
{
        ASSERT(size <= SASL_REPLY_MAX);
        if (size == 0)
                return;
        ASSERT(size > 2 && reply[size - 2] == '\r' && reply[size - 1] == '\n');
        for (size_t i = 0; i < size - 2; i++)
                ASSERT(reply[i] >= ' ' && reply[i] < 0x7f);
}

static void check_state(const Sasl *sasl, SaslResult result, const char *reply, size_t size)
{
        bool rejected = size >= 8 && memcmp(reply, "REJECTED", 8) == 0;
        bool ok = size >= 3 && memcmp(reply, "OK ", 3) == 0;

        ASSERT((result == SASL_AUTHENTIC) == (sasl->state == SASL_AUTHENTICATED));
        ASSERT((result == SASL_CLOSE) == (sasl->state == SASL_ENDED));
        ASSERT(result != SASL_AUTHENTIC || size == 0);
        ASSERT(result != SASL_CONTINUE || size > 0);
        ASSERT(sasl->n_rejections <= SASL_REJECTIONS_MAX);
        ASSERT(!rejected || sasl->state == SASL_WAITING_FOR_AUTH || sasl->state == SASL_ENDED);
        ASSERT(!ok || sasl->state == SASL_WAITING_FOR_BEGIN);
        ASSERT(!sasl->passes_fds || sasl->options.may_pass_fds);
        if (sasl->state == SASL_WAITING_FOR_BEGIN || sasl->state == SASL_AUTHENTICATED) {
                ASSERT(sasl->options.has_peer_uid && sasl->uid == sasl->options.peer_uid);
                ASSERT(sasl->mechanism == SASL_MECHANISM_EXTERNAL);
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        SaslOptions options = {.guid = GUID, .served = SASL_MECHANISM_EXTERNAL};
        char reply[SASL_REPLY_MAX];
        const uint8_t *end = data + size;
        Sasl sasl;

        if (size == 0)
                return 0;
        options.allowed = data[0] & 7u;
        options.may_pass_fds = data[0] & 8;
        options.has_peer_uid = data[0] & 16;
        options.peer_uid = data[0] & 32 ? 1000 : PEER_UID;
        sasl_init(&sasl, &options);
        for (const uint8_t *line = data + 1; sasl.state <= SASL_WAITING_FOR_BEGIN;) {
                const uint8_t *crlf = memmem(line, (size_t)(end - line), "\r\n", 2);
                SaslResult result;
                size_t reply_size;

                if (!crlf || crlf - line > SASL_LINE_MAX)
                        break;
                result = sasl_handle_line(&sasl, (Text){(const char *)line, (size_t)(crlf - line)},
                                          reply, &reply_size);
                check_reply(reply, reply_size);
                check_state(&sasl, result, reply, reply_size);
                line = crlf + 2;
        }
        return 0;
}
