/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_AUTH_SASL_H
#define RINGBUS_AUTH_SASL_H

/*
 * The server's side of the SASL profile as a pure machine: one line in, at most one line out, or a
 * question to be answered first by somebody who may read files and ask name services.
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
        SASL_USER_MAX = 255,     /* bytes of a user's name */
        SASL_COOKIE_MAX = 256,   /* hex digits */
        SASL_CHALLENGE_SIZE = 32,
};

#define SASL_NO_UID ((uid_t)-1) /* of somebody anonymous */

enum {
        SASL_MECHANISM_EXTERNAL = 0x1,
        SASL_MECHANISM_COOKIE_SHA1 = 0x2,
        SASL_MECHANISM_ANONYMOUS = 0x4,
};

typedef enum SaslState {
        SASL_WAITING_FOR_AUTH,
        SASL_WAITING_FOR_DATA,
        SASL_WAITING_FOR_BEGIN,
        SASL_WAITING_FOR_ANSWER, /* to the question; no line may be handled meanwhile */
        SASL_AUTHENTICATED,
        SASL_ENDED, /* the connection is to be closed */
} SaslState;

typedef enum SaslResult {
        SASL_CONTINUE,  /* send the reply (it may be empty) and go on */
        SASL_WAIT,      /* no reply yet: sasl_get_question(), then sasl_take_answer() */
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
        uid_t bus_uid;  /* the only one that a cookie can prove */
} SaslOptions;

/* May the user be challenged, and with what? */
typedef struct SaslQuestion {
        char user[SASL_USER_MAX + 1]; /* a name; "": the bus's own uid was claimed */
} SaslQuestion;

/* A secret: to be wiped. Invalid text in it means "not granted". */
typedef struct SaslAnswer {
        bool available; /* the keyring can be used at all */
        bool granted;   /* and the user is the bus's own; then: */
        int32_t cookie_id;
        char cookie[SASL_COOKIE_MAX + 1];
        char challenge[SASL_CHALLENGE_SIZE + 1]; /* random hex digits, for once */
} SaslAnswer;

typedef struct Sasl {
        SaslState state;
        SaslOptions options;
        unsigned mechanism; /* the one under way, or 0 */
        unsigned n_rejections;
        bool passes_fds; /* NEGOTIATE_UNIX_FD was agreed */
        uid_t uid;       /* authenticated as; valid from SASL_WAITING_FOR_BEGIN on */
        union {
                SaslQuestion question; /* SASL_WAITING_FOR_ANSWER */
                SaslAnswer challenged; /* SASL_WAITING_FOR_DATA, of DBUS_COOKIE_SHA1 */
        };
} Sasl;

void sasl_init(Sasl *sasl, const SaslOptions *options);

/* Wipes what is secret. Idempotent. */
void sasl_deinit(Sasl *sasl);

/*
 * One line, without its CRLF. The reply, CRLF included, goes to `reply` (SASL_REPLY_MAX bytes);
 * *ret_size is 0 when there is none.
 */
SaslResult sasl_handle_line(Sasl *sasl, Text line, char *reply, size_t *ret_size);

/* After SASL_WAIT. */
const SaslQuestion *sasl_get_question(const Sasl *sasl);

/* Goes on with the answer, as sasl_handle_line() with a line; never SASL_WAIT or SASL_AUTHENTIC. */
SaslResult sasl_take_answer(Sasl *sasl, const SaslAnswer *answer, char *reply, size_t *ret_size);

#endif
