/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The text of a keyring file. What was read is in range and reads back equal after it was written,
 * also with one key more; a file that libdbus would not look at holds no keys.
 */

#include <stdint.h>
#include <stdlib.h>

#include "auth/keyring_text.h"
#include "broker/base/assert.h"

enum { NOW_S = 1700000000 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_key(const KeyringKey *key, int64_t now_s)
{
        size_t size = strnlen(key->hex, sizeof(key->hex));

        ASSERT(key->id >= 0 && key->time_s >= 0);
        ASSERT(key->time_s >= now_s - KEYRING_OLD_S && key->time_s <= now_s + KEYRING_FUTURE_S);
        ASSERT(size >= 2 && size <= KEYRING_HEX_MAX && size % 2 == 0);
        ASSERT(strspn(key->hex, "0123456789abcdef") == size);
}

static void check_equal(const KeyringKeys *a, const KeyringKeys *b)
{
        ASSERT(a->n == b->n);
        for (unsigned i = 0; i < a->n; i++) {
                ASSERT(a->keys[i].id == b->keys[i].id && a->keys[i].time_s == b->keys[i].time_s);
                ASSERT(strcmp(a->keys[i].hex, b->keys[i].hex) == 0);
        }
}

/* Written and read again it is the same. The memory is exact, for AddressSanitizer. */
static void check_round_trip(const KeyringKeys *keys, KeyringKeys *again, int64_t now_s)
{
        char *text = malloc(KEYRING_TEXT_MAX);
        size_t size;
        char *exact;

        ASSERT(text);
        size = keyring_text_write(keys, text);
        exact = malloc(size + 1);
        ASSERT(exact && size <= KEYRING_TEXT_MAX);
        memcpy(exact, text, size);
        ASSERT(size == 0 || exact[size - 1] == '\n');
        keyring_text_read((Text){.data = exact, .size = size}, now_s, again);
        check_equal(keys, again);
        free(exact);
        free(text);
}

static void check_finds(const KeyringKeys *keys, int64_t now_s)
{
        const KeyringKey *young = keyring_text_find_young(keys, now_s, KEYRING_YOUNG_S);

        ASSERT(!young || now_s - young->time_s < KEYRING_YOUNG_S);
        for (const KeyringKey *key = keys->keys; key < keys->keys + keys->n; key++) {
                ASSERT(young ? key >= young || now_s - key->time_s >= KEYRING_YOUNG_S
                             : now_s - key->time_s >= KEYRING_YOUNG_S);
                ASSERT(keyring_text_find_id(keys, key->id)->id == key->id);
        }
}

/* The first byte moves the clock. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static KeyringKeys keys;
        static KeyringKeys again;
        KeyringKey added = {.id = 5, .time_s = NOW_S, .hex = "abcd"};
        int64_t now_s;
        unsigned n;

        if (size == 0)
                return 0;
        now_s = NOW_S + (int64_t)(int8_t)data[0] * 4;
        keyring_text_read((Text){.data = (const char *)data + 1, .size = size - 1}, now_s, &keys);
        ASSERT(keys.n <= KEYRING_KEYS_MAX);
        for (unsigned i = 0; i < keys.n; i++)
                check_key(&keys.keys[i], now_s);
        check_round_trip(&keys, &again, now_s);
        check_finds(&keys, now_s);
        n = keys.n;
        added.time_s = now_s;
        keyring_text_append(&keys, &added);
        ASSERT(keys.n == (n < KEYRING_KEYS_MAX ? n + 1 : KEYRING_KEYS_MAX));
        ASSERT(strcmp(keys.keys[keys.n - 1].hex, "abcd") == 0);
        check_round_trip(&keys, &again, now_s);
        return 0;
}
