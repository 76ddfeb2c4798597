/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_PROTO_ADDRESS_H
#define RINGBUS_PROTO_ADDRESS_H

/*
 * Server addresses. Specification: "Server Addresses". Pure: no allocation, no I/O, any thread.
 */

#include "broker/base/text.h"

enum { ADDRESS_KEYS_MAX = 16 };

typedef struct AddressKey {
        Text key;
        Text value; /* unescaped; may hold NUL bytes only if the text escaped them */
} AddressKey;

typedef struct Address {
        Text transport; /* "unix", "tcp", "systemd", ... */
        AddressKey keys[ADDRESS_KEYS_MAX];
        unsigned n_keys;
} Address;

/*
 * Parses the first address of `*rest` ("a:k=v,k=v;b:...") and advances *rest behind it and its
 * ';' (rest->size 0 when it was the last). Values are unescaped into `scratch`, at least
 * rest->size bytes, to which the address's values point; transport and keys point into the text.
 * Returns true, or false with *ret_reason a static English phrase. *ret_address is written only
 * on success.
 */
bool address_parse(Text *rest, char *scratch, Address *ret_address, const char **ret_reason);

/* The value of a key, or TEXT_NONE. */
Text address_find(const Address *address, const char *key);

/*
 * Escapes a value: all bytes but [-0-9A-Za-z_/.\*] become %XX (lower-case hex digits, as the
 * reference prints them). Writes at most 3 * value.size bytes to `out`; returns how many.
 */
size_t address_escape(Text value, char *out);

#endif
