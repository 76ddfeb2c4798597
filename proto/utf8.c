/* SPDX-License-Identifier: Apache-2.0 */
/*
 * UTF-8 validation. ASCII without NUL, nearly all that is ever sent, goes by the machine word;
 * everything else by the character.
 */

#include "proto/utf8.h"

#include <stdint.h>
#include <string.h>

#define LOW_BITS UINT64_C(0x0101010101010101)
#define HIGH_BITS UINT64_C(0x8080808080808080)

static inline uint64_t load_word(const uint8_t *data)
{
        uint64_t word;

        memcpy(&word, data, sizeof(word));
        return word;
}

/*
 * High bits are set where a byte is not ASCII, and, as the subtraction borrows from the lowest
 * zero byte, where an otherwise plain word holds a NUL. Zero exactly when all bytes are 1-127.
 */
static inline uint64_t word_oddities(uint64_t word)
{
        return (word | (word - LOW_BITS)) & HIGH_BITS;
}

static size_t skip_plain(const uint8_t *data, size_t size)
{
        size_t i = 0;

        for (; i + 16 <= size; i += 16) {
                if (word_oddities(load_word(data + i)) | word_oddities(load_word(data + i + 8)))
                        break;
        }
        if (i + 8 <= size && !word_oddities(load_word(data + i)))
                i += 8;
        while (i < size && data[i] >= 0x01 && data[i] <= 0x7f)
                i++;
        return i;
}

static inline bool is_continuation(uint8_t byte)
{
        return (byte & 0xc0) == 0x80;
}

/*
 * The size of the character that begins with a non-ASCII byte, or 0. The bounds of the second byte
 * rule out longer forms than needed (E0, F0), surrogates (ED) and what lies above U+10FFFF (F4).
 */
static size_t character_size(const uint8_t *data, size_t size)
{
        uint8_t lead = data[0];
        uint8_t second_min = 0x80, second_max = 0xbf;

        if (lead < 0xc2 || lead > 0xf4 || size < 2)
                return 0;
        if (lead == 0xe0)
                second_min = 0xa0;
        else if (lead == 0xed)
                second_max = 0x9f;
        else if (lead == 0xf0)
                second_min = 0x90;
        else if (lead == 0xf4)
                second_max = 0x8f;
        if (data[1] < second_min || data[1] > second_max)
                return 0;
        if (lead < 0xe0)
                return 2;
        if (size < 3 || !is_continuation(data[2]))
                return 0;
        if (lead < 0xf0)
                return 3;
        return size >= 4 && is_continuation(data[3]) ? 4 : 0;
}

bool utf8_is_valid(const char *data, size_t size)
{
        const uint8_t *bytes = (const uint8_t *)data;
        size_t i = skip_plain(bytes, size);

        while (i < size) {
                size_t n = character_size(bytes + i, size - i);

                if (n == 0)
                        return false;
                i += n;
                if (i < size && bytes[i] < 0x80)
                        i += skip_plain(bytes + i, size - i);
        }
        return true;
}
