/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_AUTH_SASL_PRIVATE_H
#define RINGBUS_AUTH_SASL_PRIVATE_H

/* Between the machine (sasl.c) and its mechanisms. Owner: as of the Sasl. */

#include "auth/sasl.h"

/* The reply under construction. */
typedef struct SaslReply {
        char *data; /* SASL_REPLY_MAX bytes */
        size_t size;
} SaslReply;

static inline bool sasl_is_blank(char c)
{
        return c == ' ' || c == '\t';
}

void sasl_append(SaslReply *reply, Text text);
SaslResult sasl_error(SaslReply *reply, const char *error); /* the state stays */
void sasl_enter(Sasl *sasl, SaslState state);               /* a legal move */

/* Ends the attempt, not the connection, unless it was one too many. */
SaslResult sasl_reject(Sasl *sasl, SaslReply *reply);

/* What the client sent in hex to the mechanism, with AUTH or DATA. */
SaslResult sasl_mechanisms_handle(Sasl *sasl, unsigned mechanism, Text hex, SaslReply *reply);

/* The answer to the question of DBUS_COOKIE_SHA1. */
SaslResult sasl_mechanisms_go_on(Sasl *sasl, const SaslAnswer *answer, SaslReply *reply);

#endif
