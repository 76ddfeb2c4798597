/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines of a stranger to the SASL machine. The first byte of the input chooses the options, the
 * rest is cut at CRLF as the gate cuts it. A fake keyring answers; a line "RIGHT" is replaced by
 * the right response to its challenge, which no fuzzer would find. What must hold whatever is said
 * is asserted.
 */

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "auth/sasl.h"
#include "auth/sha1.h"
#include "broker/base/assert.h"

#define GUID "79f934d19de63af17d9116c96b0333ec"

#define COOKIE "0b471f2e94c8277999948301267037bb882c465319ad6fcd"
#define CHALLENGE "00112233445566778899aabbccddeeff"

enum { PEER_UID = 0, BUS_UID = 7, RESPONSE_SIZE = sizeof("DATA 6162632020") + 2 * SHA1_HEX_SIZE };

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
        ASSERT((result == SASL_WAIT) == (sasl->state == SASL_WAITING_FOR_ANSWER));
        ASSERT((result != SASL_AUTHENTIC && result != SASL_WAIT) || size == 0);
        ASSERT(result != SASL_CONTINUE || size > 0);
        ASSERT(sasl->n_rejections <= SASL_REJECTIONS_MAX);
        ASSERT(!rejected || sasl->state == SASL_WAITING_FOR_AUTH || sasl->state == SASL_ENDED);
        ASSERT(!ok || sasl->state == SASL_WAITING_FOR_BEGIN);
        ASSERT(!sasl->passes_fds || sasl->options.may_pass_fds);
}

/* Who authenticates has proved what his mechanism asks for. */
static void check_user(const Sasl *sasl, bool knows_cookie)
{
        if (sasl->state != SASL_WAITING_FOR_BEGIN && sasl->state != SASL_AUTHENTICATED)
                return;
        ASSERT(sasl->mechanism & sasl->options.allowed & sasl->options.served);
        switch (sasl->mechanism) {
        case SASL_MECHANISM_EXTERNAL:
                ASSERT(sasl->options.has_peer_uid && sasl->uid == sasl->options.peer_uid);
                return;
        case SASL_MECHANISM_COOKIE_SHA1:
                ASSERT(knows_cookie && sasl->uid == BUS_UID);
                return;
        case SASL_MECHANISM_ANONYMOUS:
                ASSERT(sasl->uid == SASL_NO_UID);
                return;
        }
        ASSERT_NOT_REACHED();
}

/* "abc" and the right hash, in hex, behind DATA. */
static Text make_response(char *buffer)
{
        char hash[SHA1_HEX_SIZE + 1];
        char *end = buffer + sprintf(buffer, "DATA 61626320");

        sha1_hex_of_three(TEXT(CHALLENGE), TEXT("abc"), TEXT(COOKIE), hash);
        for (const char *p = hash; *p; p++)
                end += sprintf(end, "%02x", (unsigned)*p);
        return (Text){.data = buffer, .size = (size_t)(end - buffer)};
}

/* What a keyring may say; the user's name decides. */
static SaslAnswer make_answer(const Sasl *sasl)
{
        const char *user = sasl_get_question(sasl)->user;
        SaslAnswer answer = {.available = user[0] != 'u',
                             .granted = user[0] != 'n',
                             .cookie_id = user[0] == 'i' ? -1 : 565379871,
                             .cookie = COOKIE,
                             .challenge = CHALLENGE};

        ASSERT(memchr(user, '\0', SASL_USER_MAX + 1));
        if (user[0] == 'c')
                answer.cookie[0] = '\0';
        if (user[0] == 'l')
                memset(answer.challenge, 'a', sizeof(answer.challenge));
        return answer;
}

/* One line, and the answer if it led to a question. */
static void handle_line(Sasl *sasl, Text line)
{
        char response[RESPONSE_SIZE];
        char reply[SASL_REPLY_MAX];
        bool knows_cookie = text_equal(line, TEXT("RIGHT"));
        bool was_begun = sasl->state == SASL_WAITING_FOR_BEGIN;
        SaslResult result;
        size_t size;

        if (knows_cookie)
                line = make_response(response);
        result = sasl_handle_line(sasl, line, reply, &size);
        check_reply(reply, size);
        check_state(sasl, result, reply, size);
        check_user(sasl, knows_cookie || was_begun);
        if (result == SASL_WAIT) {
                SaslAnswer answer = make_answer(sasl);

                result = sasl_take_answer(sasl, &answer, reply, &size);
                ASSERT(result == SASL_CONTINUE || result == SASL_CLOSE);
                check_reply(reply, size);
                check_state(sasl, result, reply, size);
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        SaslOptions options = {.guid = GUID, .served = ~0u, .bus_uid = BUS_UID};
        const uint8_t *end = data + size;
        Sasl sasl;

        if (size == 0)
                return 0;
        options.allowed = data[0] & 7u;
        options.may_pass_fds = data[0] & 8;
        options.has_peer_uid = data[0] & 16;
        options.peer_uid = data[0] & 32 ? 1000 : PEER_UID;
        if (data[0] & 64)
                options.served = SASL_MECHANISM_EXTERNAL;
        sasl_init(&sasl, &options);
        for (const uint8_t *line = data + 1; sasl.state <= SASL_WAITING_FOR_BEGIN;) {
                const uint8_t *crlf = memmem(line, (size_t)(end - line), "\r\n", 2);

                if (!crlf || crlf - line > SASL_LINE_MAX)
                        break;
                handle_line(&sasl, (Text){(const char *)line, (size_t)(crlf - line)});
                line = crlf + 2;
        }
        sasl_deinit(&sasl);
        return 0;
}
