/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_AUTH_KEYRING_TEXT_H
#define RINGBUS_AUTH_KEYRING_TEXT_H

/*
 * The text of a keyring file: lines of "ID TIME COOKIE", as libdbus reads and writes them.
 * Pure; any thread.
 */

#include <stdbool.h>
#include <stdint.h>

#include "broker/base/text.h"

enum {
        KEYRING_KEYS_MAX = 256,         /* libdbus looks at no more */
        KEYRING_HEX_MAX = 256,          /* digits of a cookie; ours have 48, GLib's 64 */
        KEYRING_FILE_MAX = 1024 * 1024, /* a larger file holds no keys, as in libdbus */
        KEYRING_LINE_MAX = 10 + 1 + 19 + 1 + KEYRING_HEX_MAX + 1,
        KEYRING_TEXT_MAX = KEYRING_KEYS_MAX * KEYRING_LINE_MAX,
        KEYRING_YOUNG_S = 300,  /* a key younger than that is used in challenges */
        KEYRING_OLD_S = 420,    /* an older one does not count any more */
        KEYRING_FUTURE_S = 300, /* nor one that lies further in the future */
};

typedef struct KeyringKey {
        int32_t id;                    /* not negative */
        int64_t time_s;                /* since the epoch, not negative */
        char hex[KEYRING_HEX_MAX + 1]; /* lower case, an even number of digits, at least 2 */
} KeyringKey;

typedef struct KeyringKeys {
        KeyringKey keys[KEYRING_KEYS_MAX]; /* in the order of the file */
        unsigned n;
} KeyringKeys;

/*
 * Reads the valid lines, whose keys are neither expired at `now_s` nor too far in the future, and
 * of the first so many of them those that fit. Other lines are passed over; a text that is not
 * ASCII without NUL has no keys.
 */
void keyring_text_read(Text text, int64_t now_s, KeyringKeys *ret_keys);

/* Writes all keys; returns the size, at most KEYRING_TEXT_MAX. Not NUL-terminated. */
size_t keyring_text_write(const KeyringKeys *keys, char *text);

/* The first key that is younger than `young_s`, or NULL. */
const KeyringKey *keyring_text_find_young(const KeyringKeys *keys, int64_t now_s, unsigned young_s);

const KeyringKey *keyring_text_find_id(const KeyringKeys *keys, int32_t id); /* NULL: none */

/* Adds a key at the end; a full ring loses its first one. */
void keyring_text_append(KeyringKeys *keys, const KeyringKey *key);

#endif
