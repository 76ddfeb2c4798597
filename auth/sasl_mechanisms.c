/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The mechanisms of sasl.c.
 *
 * Stricter than the reference, which reads the claimed uid with strtoul(…, 0): only the decimal
 * form without sign, blanks and leading zeros is a uid here ("0x0", "00", "-0", " 0" are not).
 */

#include "auth/sasl.h"

#include <inttypes.h>
#include <stdio.h>

#include "auth/sasl_private.h"
#include "auth/sha1.h"
#include "broker/base/assert.h"
#include "proto/utf8.h"

#define CONTEXT "org_freedesktop_general"

enum {
        /* Longest uid in decimal, and one byte more to notice that something is longer. */
        CLAIM_MAX = sizeof("4294967295"),
        DATA_MAX = SASL_LINE_MAX / 2, /* decoded bytes of the longest line */
};

static SaslResult accept_as(Sasl *sasl, uid_t uid, SaslReply *reply)
{
        explicit_bzero(&sasl->challenged, sizeof(sasl->challenged));
        sasl->uid = uid;
        sasl_append(reply, TEXT("OK "));
        sasl_append(reply, text_from(sasl->options.guid));
        sasl_append(reply, TEXT("\r\n"));
        sasl_enter(sasl, SASL_WAITING_FOR_BEGIN);
        return SASL_CONTINUE;
}

static int hex_value(char c)
{
        if (c >= '0' && c <= '9')
                return c - '0';
        if (c >= 'a' && c <= 'f')
                return c - 'a' + 10;
        if (c >= 'A' && c <= 'F')
                return c - 'A' + 10;
        return -1;
}

/*
 * Decodes all of `hex`, of which at most `max` bytes are kept. A single last digit counts as the
 * high half of a byte, as in the reference. False: not hex.
 */
static bool decode(Text hex, char *data, size_t max, size_t *ret_size)
{
        size_t size = 0;

        for (size_t i = 0; i < hex.size; i++) {
                int value = hex_value(hex.data[i]);

                if (value < 0)
                        return false;
                if (i / 2 >= max)
                        continue;
                if (i % 2 == 0)
                        data[size++] = (char)(value << 4);
                else
                        data[size - 1] = (char)(data[size - 1] | value);
        }
        *ret_size = size;
        return true;
}

static bool parse_uid(const char *claim, size_t size, uid_t *ret_uid)
{
        uint64_t uid = 0;

        if (size == 0 || size >= CLAIM_MAX || (size > 1 && claim[0] == '0'))
                return false;
        for (size_t i = 0; i < size; i++) {
                if (claim[i] < '0' || claim[i] > '9')
                        return false;
                uid = uid * 10 + (uint64_t)(claim[i] - '0');
        }
        if (uid >= UINT32_MAX) /* (uid_t)-1 is nobody */
                return false;
        *ret_uid = (uid_t)uid;
        return true;
}

/*
 * EXTERNAL: the client claims a uid, which must be the one that the kernel reports of it. No claim
 * is asked for once; none again means "whoever the kernel says".
 */
static SaslResult handle_external(Sasl *sasl, Text hex, SaslReply *reply)
{
        char claim[CLAIM_MAX];
        size_t claim_size;
        uid_t uid;

        if (!decode(hex, claim, CLAIM_MAX, &claim_size))
                return sasl_error(reply, "Invalid hex encoding");
        if (!sasl->options.has_peer_uid)
                return sasl_reject(sasl, reply);
        sasl->mechanism = SASL_MECHANISM_EXTERNAL;
        if (claim_size == 0) {
                if (sasl->state == SASL_WAITING_FOR_DATA)
                        return accept_as(sasl, sasl->options.peer_uid, reply);
                sasl_append(reply, TEXT("DATA\r\n"));
                sasl_enter(sasl, SASL_WAITING_FOR_DATA);
                return SASL_CONTINUE;
        }
        if (!parse_uid(claim, claim_size, &uid) || uid != sasl->options.peer_uid)
                return sasl_reject(sasl, reply);
        return accept_as(sasl, uid, reply);
}

/* DBUS_COOKIE_SHA1, first: whom does the client claim to be? */
static SaslResult ask_for_cookie(Sasl *sasl, Text hex, SaslReply *reply)
{
        SaslQuestion question = {.user = ""};
        char claim[SASL_USER_MAX + 1];
        size_t size;
        uid_t uid;

        if (!decode(hex, claim, sizeof(claim), &size))
                return sasl_error(reply, "Invalid hex encoding");
        if (size == 0 || size > SASL_USER_MAX || memchr(claim, '\0', size))
                return sasl_reject(sasl, reply);
        if (!parse_uid(claim, size, &uid))
                memcpy(question.user, claim, size);
        else if (uid != sasl->options.bus_uid)
                return sasl_reject(sasl, reply);
        sasl->mechanism = SASL_MECHANISM_COOKIE_SHA1;
        sasl->question = question;
        sasl_enter(sasl, SASL_WAITING_FOR_ANSWER);
        return SASL_WAIT;
}

static void append_hex(SaslReply *reply, const char *text)
{
        static const char digits[] = "0123456789abcdef";

        for (; *text; text++) {
                const char hex[] = {digits[(unsigned char)*text >> 4], digits[*text & 15]};

                sasl_append(reply, (Text){.data = hex, .size = sizeof(hex)});
        }
}

static bool is_answer_valid(const SaslAnswer *answer)
{
        size_t cookie_size = strnlen(answer->cookie, sizeof(answer->cookie));

        return answer->cookie_id >= 0 && cookie_size > 0 && cookie_size <= SASL_COOKIE_MAX &&
               strnlen(answer->challenge, sizeof(answer->challenge)) == SASL_CHALLENGE_SIZE;
}

SaslResult sasl_mechanisms_go_on(Sasl *sasl, const SaslAnswer *answer, SaslReply *reply)
{
        char text[sizeof(CONTEXT " 2147483647 ") + SASL_CHALLENGE_SIZE];

        if (!answer->available)
                sasl->options.served &= ~(unsigned)SASL_MECHANISM_COOKIE_SHA1;
        if (!answer->available || !answer->granted || !is_answer_valid(answer))
                return sasl_reject(sasl, reply);
        sasl->challenged = *answer;
        snprintf(text, sizeof(text), CONTEXT " %" PRId32 " %s", answer->cookie_id,
                 answer->challenge);
        sasl_append(reply, TEXT("DATA "));
        append_hex(reply, text);
        sasl_append(reply, TEXT("\r\n"));
        sasl_enter(sasl, SASL_WAITING_FOR_DATA);
        return SASL_CONTINUE;
}

/* Whether `response` is "CHALLENGE SHA1(our challenge:CHALLENGE:cookie)". */
static bool is_response_right(const Sasl *sasl, Text response)
{
        Text challenge = {.data = response.data, .size = 0};
        char right[SHA1_HEX_SIZE + 1];
        bool equal;

        while (challenge.size < response.size && !sasl_is_blank(response.data[challenge.size]))
                challenge.size++;
        response.data += challenge.size;
        response.size -= challenge.size;
        if (challenge.size == 0 || response.size == 0)
                return false;
        while (response.size > 0 && sasl_is_blank(response.data[0])) {
                response.data++;
                response.size--;
        }
        sha1_hex_of_three(text_from(sasl->challenged.challenge), challenge,
                          text_from(sasl->challenged.cookie), right);
        equal = sha1_equal_secrets(response, text_from(right));
        explicit_bzero(right, sizeof(right));
        return equal;
}

/* DBUS_COOKIE_SHA1, second: does the client know the cookie? */
static SaslResult check_response(Sasl *sasl, Text hex, SaslReply *reply)
{
        char data[DATA_MAX];
        size_t size;

        if (!decode(hex, data, sizeof(data), &size))
                return sasl_error(reply, "Invalid hex encoding");
        if (!is_response_right(sasl, (Text){.data = data, .size = size}))
                return sasl_reject(sasl, reply);
        return accept_as(sasl, sasl->options.bus_uid, reply);
}

/* ANONYMOUS: whoever it is may say so. Whether the bus wants that is decided behind BEGIN. */
static SaslResult handle_anonymous(Sasl *sasl, Text hex, SaslReply *reply)
{
        char trace[DATA_MAX];
        size_t size;

        if (!decode(hex, trace, sizeof(trace), &size))
                return sasl_error(reply, "Invalid hex encoding");
        if (!utf8_is_valid(trace, size))
                return sasl_reject(sasl, reply);
        sasl->mechanism = SASL_MECHANISM_ANONYMOUS;
        return accept_as(sasl, SASL_NO_UID, reply);
}

SaslResult sasl_mechanisms_handle(Sasl *sasl, unsigned mechanism, Text hex, SaslReply *reply)
{
        switch (mechanism) {
        case SASL_MECHANISM_EXTERNAL:
                return handle_external(sasl, hex, reply);
        case SASL_MECHANISM_COOKIE_SHA1:
                return sasl->state == SASL_WAITING_FOR_DATA ? check_response(sasl, hex, reply)
                                                            : ask_for_cookie(sasl, hex, reply);
        case SASL_MECHANISM_ANONYMOUS:
                return handle_anonymous(sasl, hex, reply);
        }
        ASSERT_NOT_REACHED();
}
