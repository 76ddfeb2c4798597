/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_AUTH_SHA1_H
#define RINGBUS_AUTH_SHA1_H

/*
 * SHA-1 as DBUS_COOKIE_SHA1 wants it, and the comparison of secrets. The algorithm is nettle's
 * (docs/decisions/0008-nettle-for-sha1.md). Pure; any thread.
 */

#include <stdbool.h>

#include "broker/base/text.h"

enum { SHA1_HEX_SIZE = 40 };

/* SHA-1 of "a:b:c" in lower-case hex, NUL-terminated. Nothing of it stays behind on the stack. */
void sha1_hex_of_three(Text a, Text b, Text c, char ret_hex[SHA1_HEX_SIZE + 1]);

/* Whether two texts are equal; the time it takes depends on their sizes only. */
bool sha1_equal_secrets(Text a, Text b);

#endif
