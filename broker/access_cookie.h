/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BROKER_ACCESS_COOKIE_H
#define RINGBUS_BROKER_ACCESS_COOKIE_H

/* DBUS_COOKIE_SHA1 as a client: proof that this account can read its own keyring. */

#include <stdbool.h>
#include <stdio.h>

enum { ACCESS_COOKIE_LINE_MAX = 512 };

/*
 * Answers the bus's challenge, the argument of its DATA (hex of "CONTEXT ID CHALLENGE"): writes a
 * whole line, without CRLF. False: no, and why is said.
 */
bool access_cookie_answer(const char *challenge_hex, char ret_line[ACCESS_COOKIE_LINE_MAX],
                          FILE *out);

#endif
