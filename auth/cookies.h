/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_AUTH_COOKIES_H
#define RINGBUS_AUTH_COOKIES_H

/*
 * Cookies: the part of DBUS_COOKIE_SHA1 that waits for files and name services: whose keyring, is
 * the user the bus's own, a cookie to challenge with, and the next one in time. Logs one line when
 * the keyring cannot be used, and one when it can again.
 *
 * Owner: the clerk's thread.
 */

#include "auth/keyring.h"
#include "auth/sasl.h"

enum { COOKIES_RETRY_S = 60 }; /* a keyring that cannot be used is tried again */

typedef struct Cookies {
        Keyring ring;
        char *home;   /* NULL: not found yet */
        bool refused; /* it has been logged that the keyring cannot be used */
} Cookies;

/* `uid` is the bus's. */
void cookies_init(Cookies *cookies, uid_t uid, const KeyringWorld *world);
void cookies_deinit(Cookies *cookies);

/* Answers a client's question. *ret_answer is a secret. */
void cookies_answer(Cookies *cookies, const SaslQuestion *question, SaslAnswer *ret_answer);

/* Adds a cookie if it is time to. Whether the keyring can be used; *ret_next_s: seconds until this
 * is to be called again, at least 1. */
bool cookies_rotate(Cookies *cookies, unsigned *ret_next_s);

#endif
