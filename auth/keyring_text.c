/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See keyring_text.h. Stricter than libdbus in what a number is (no sign, no blanks before it, no
 * 0x) and in the cookie (an even number of digits): nobody writes such lines.
 */

#include "auth/keyring_text.h"

#include <inttypes.h>
#include <stdio.h>

#include "broker/base/assert.h"

/* Cuts the first line off; without its newline, which the last one need not have. */
static Text take_line(Text *text)
{
        const char *end = memchr(text->data, '\n', text->size);
        Text line = {.data = text->data, .size = end ? (size_t)(end - text->data) : text->size};
        size_t used = line.size + (end ? 1 : 0);

        text->data += used;
        text->size -= used;
        return line;
}

/* Takes decimal digits; false if there are none, or the number is above `max`. */
static bool take_number(Text *line, uint64_t max, uint64_t *ret_number)
{
        uint64_t number = 0;
        size_t n = 0;

        for (; n < line->size && line->data[n] >= '0' && line->data[n] <= '9'; n++) {
                uint64_t digit = (uint64_t)(line->data[n] - '0');

                if (number > (max - digit) / 10)
                        return false;
                number = number * 10 + digit;
        }
        line->data += n;
        line->size -= n;
        *ret_number = number;
        return n > 0;
}

static bool take_blanks(Text *line)
{
        size_t n = 0;

        while (n < line->size && (line->data[n] == ' ' || line->data[n] == '\t'))
                n++;
        line->data += n;
        line->size -= n;
        return n > 0;
}

static bool read_cookie(Text text, KeyringKey *key)
{
        if (text.size == 0 || text.size > KEYRING_HEX_MAX || text.size % 2 != 0)
                return false;
        for (size_t i = 0; i < text.size; i++) {
                char c = text.data[i];

                if (c >= 'A' && c <= 'F')
                        c = (char)(c - 'A' + 'a');
                if (!(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'f'))
                        return false;
                key->hex[i] = c;
        }
        key->hex[text.size] = '\0';
        return true;
}

static bool read_key(Text line, KeyringKey *key)
{
        uint64_t id;
        uint64_t time_s;

        if (!take_number(&line, INT32_MAX, &id) || !take_blanks(&line) ||
            !take_number(&line, INT64_MAX, &time_s) || !take_blanks(&line) ||
            !read_cookie(line, key))
                return false;
        key->id = (int32_t)id;
        key->time_s = (int64_t)time_s;
        return true;
}

static bool is_ascii(Text text)
{
        for (size_t i = 0; i < text.size; i++)
                if (text.data[i] == '\0' || (text.data[i] & 0x80))
                        return false;
        return true;
}

void keyring_text_read(Text text, int64_t now_s, KeyringKeys *ret_keys)
{
        ret_keys->n = 0;
        if (text.size > KEYRING_FILE_MAX || !is_ascii(text))
                return;
        while (text.size > 0 && ret_keys->n < KEYRING_KEYS_MAX) {
                KeyringKey *key = &ret_keys->keys[ret_keys->n];

                if (read_key(take_line(&text), key) && key->time_s >= now_s - KEYRING_OLD_S &&
                    key->time_s <= now_s + KEYRING_FUTURE_S)
                        ret_keys->n++;
        }
}

size_t keyring_text_write(const KeyringKeys *keys, char *text)
{
        size_t size = 0;

        for (unsigned i = 0; i < keys->n; i++) {
                const KeyringKey *key = &keys->keys[i];
                char line[KEYRING_LINE_MAX + 1];
                int n = snprintf(line, sizeof(line), "%" PRId32 " %" PRId64 " %s\n", key->id,
                                 key->time_s, key->hex);

                ASSERT(n > 0 && n <= KEYRING_LINE_MAX);
                memcpy(text + size, line, (size_t)n);
                size += (size_t)n;
                explicit_bzero(line, sizeof(line));
        }
        return size;
}

const KeyringKey *keyring_text_find_young(const KeyringKeys *keys, int64_t now_s, unsigned young_s)
{
        for (unsigned i = 0; i < keys->n; i++)
                if (keys->keys[i].time_s > now_s - (int64_t)young_s)
                        return &keys->keys[i];
        return NULL;
}

const KeyringKey *keyring_text_find_id(const KeyringKeys *keys, int32_t id)
{
        for (unsigned i = 0; i < keys->n; i++)
                if (keys->keys[i].id == id)
                        return &keys->keys[i];
        return NULL;
}

void keyring_text_append(KeyringKeys *keys, const KeyringKey *key)
{
        if (keys->n == KEYRING_KEYS_MAX) {
                memmove(&keys->keys[0], &keys->keys[1],
                        (KEYRING_KEYS_MAX - 1) * sizeof(keys->keys[0]));
                keys->n--;
        }
        keys->keys[keys->n++] = *key;
}
