/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_AUTH_SASL_H
#define RINGBUS_AUTH_SASL_H

/*
 * The server's side of the SASL profile as a pure machine: one line in, at most one line out.
 * Specification: "Authentication Protocol". No I/O, no allocation, no clock.
 *
 * Owner: the gate's thread.
 */

#include <sys/types.h>

#include "broker/base/text.h"

enum {
        SASL_LINE_MAX = 16 * 1024, /* bytes of unfinished handshake */
        SASL_REPLY_MAX = 512,
        SASL_REJECTIONS_MAX = 6, /* the sixth ends the connection */
};

enum {
        SASL_MECHANISM_EXTERNAL = 0x1,
        SASL_MECHANISM_COOKIE_SHA1 = 0x2,
        SASL_MECHANISM_ANONYMOUS = 0x4,
};

typedef enum SaslState {
        SASL_WAITING_FOR_AUTH,
        SASL_WAITING_FOR_DATA,
        SASL_WAITING_FOR_BEGIN,
        SASL_AUTHENTICATED,
        SASL_ENDED, /* the connection is to be closed */
} SaslState;

typedef enum SaslResult {
        SASL_CONTINUE,  /* send the reply (it may be empty) and go on */
        SASL_AUTHENTIC, /* BEGIN: no reply; what follows are messages */
        SASL_CLOSE,     /* send the reply if there is one, then close */
} SaslResult;

typedef struct SaslOptions {
        unsigned allowed;  /* SASL_MECHANISM_*: listed in REJECTED, in the order of the bits */
        unsigned served;   /* the allowed ones that this build can carry out; others: REJECTED */
        char guid[33];     /* of the listening address */
        bool may_pass_fds; /* AF_UNIX */
        bool has_peer_uid;
        uid_t peer_uid; /* SO_PEERCRED */
} SaslOptions;

typedef struct Sasl {
        SaslState state;
        SaslOptions options;
        unsigned mechanism; /* the one under way, or 0 */
        unsigned n_rejections;
        bool passes_fds; /* NEGOTIATE_UNIX_FD was agreed */
        uid_t uid;       /* authenticated as; valid from SASL_WAITING_FOR_BEGIN on */
} Sasl;

void sasl_init(Sasl *sasl, const SaslOptions *options);

/*
 * One line, without its CRLF. The reply, CRLF included, goes to `reply` (SASL_REPLY_MAX bytes);
 * *ret_size is 0 when there is none.
 */
SaslResult sasl_handle_line(Sasl *sasl, Text line, char *reply, size_t *ret_size);

#endif
