/* SPDX-License-Identifier: Apache-2.0 */
/* UTF-8 validation, against the Unicode standard's table 3-7 of well-formed byte sequences. */

#include "proto/utf8.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#define VALID(literal) assert_true(utf8_is_valid(literal, sizeof(literal) - 1))
#define INVALID(literal) assert_false(utf8_is_valid(literal, sizeof(literal) - 1))

typedef struct Row {
        uint8_t first[2], second[2];
        unsigned n_more; /* bytes behind the second, 80-BF each */
} Row;

static const Row well_formed[] = {
        {{0xc2, 0xdf}, {0x80, 0xbf}, 0}, {{0xe0, 0xe0}, {0xa0, 0xbf}, 1},
        {{0xe1, 0xec}, {0x80, 0xbf}, 1}, {{0xed, 0xed}, {0x80, 0x9f}, 1},
        {{0xee, 0xef}, {0x80, 0xbf}, 1}, {{0xf0, 0xf0}, {0x90, 0xbf}, 2},
        {{0xf1, 0xf3}, {0x80, 0xbf}, 2}, {{0xf4, 0xf4}, {0x80, 0x8f}, 2},
};

static const Row *row_of(uint8_t first)
{
        for (size_t i = 0; i < sizeof(well_formed) / sizeof(well_formed[0]); i++) {
                if (first >= well_formed[i].first[0] && first <= well_formed[i].first[1])
                        return &well_formed[i];
        }
        return NULL;
}

static void test_utf8_single_bytes_ascii_without_nul_accepted(void **state)
{
        (void)state;
        for (unsigned byte = 0; byte < 256; byte++) {
                char text = (char)byte;

                assert_int_equal(utf8_is_valid(&text, 1), byte >= 1 && byte <= 127);
        }
}

/* All pairs of first and second bytes, complete otherwise, cut short, and with a bad tail. */
static void test_utf8_sequences_as_in_the_table(void **state)
{
        (void)state;
        for (unsigned first = 0x80; first < 256; first++) {
                const Row *row = row_of((uint8_t)first);

                for (unsigned second = 0; second < 256; second++) {
                        char text[5] = {(char)first, (char)second, (char)0x80, (char)0xbf, 'x'};
                        size_t size = row ? 2 + row->n_more : 2;
                        bool valid = row && second >= row->second[0] && second <= row->second[1];

                        assert_int_equal(utf8_is_valid(text, size), valid);
                        if (row)
                                assert_false(utf8_is_valid(text, size - 1));
                        if (row && row->n_more > 0) {
                                text[size - 1] = (char)0x7f;
                                assert_false(utf8_is_valid(text, size));
                                text[size - 1] = (char)0xc0;
                                assert_false(utf8_is_valid(text, size));
                        }
                }
        }
}

static void test_utf8_borders_of_unicode_kept(void **state)
{
        (void)state;
        VALID("");
        VALID("\xc2\x80");
        VALID("\xdf\xbf\xe0\xa0\x80");
        VALID("\xed\x9f\xbf\xee\x80\x80");
        VALID("\xf0\x90\x80\x80\xf4\x8f\xbf\xbf");
        INVALID("\xc0\x80");             /* NUL in two bytes */
        INVALID("\xc1\xbf");             /* longer than needed */
        INVALID("\xe0\x9f\xbf");         /* longer than needed */
        INVALID("\xf0\x8f\xbf\xbf");     /* longer than needed */
        INVALID("\xed\xa0\x80");         /* U+D800 */
        INVALID("\xed\xbf\xbf");         /* U+DFFF */
        INVALID("\xf4\x90\x80\x80");     /* U+110000 */
        INVALID("\xf8\x88\x80\x80\x80"); /* five bytes */
}

/* Corrigendum 9: non-characters are allowed. */
static void test_utf8_noncharacters_accepted(void **state)
{
        (void)state;
        VALID("\xef\xb7\x90");     /* U+FDD0 */
        VALID("\xef\xbf\xbe");     /* U+FFFE */
        VALID("\xef\xbf\xbf");     /* U+FFFF */
        VALID("\xf4\x8f\xbf\xbf"); /* U+10FFFF */
}

/* Every place in texts of every size up to 40: the words, their remainders and their borders. */
static void test_utf8_bad_byte_found_at_every_place(void **state)
{
        char buffer[48];

        (void)state;
        for (size_t shift = 0; shift < 8; shift++) {
                char *text = buffer + shift;

                for (size_t size = 1; size <= 40; size++) {
                        memset(text, 'x', size);
                        assert_true(utf8_is_valid(text, size));
                        for (size_t i = 0; i < size; i++) {
                                text[i] = '\0';
                                assert_false(utf8_is_valid(text, size));
                                text[i] = (char)0x80;
                                assert_false(utf8_is_valid(text, size));
                                text[i] = (char)0xff;
                                assert_false(utf8_is_valid(text, size));
                                text[i] = 0x7f;
                                assert_true(utf8_is_valid(text, size));
                                text[i] = 0x01;
                                assert_true(utf8_is_valid(text, size));
                                text[i] = 'x';
                        }
                }
        }
}

static void test_utf8_characters_across_words_accepted(void **state)
{
        static const char face[4] = {(char)0xf0, (char)0x9f, (char)0x98, (char)0x80};
        char text[64];

        (void)state;
        for (size_t before = 0; before < 40; before++) {
                memset(text, 'a', sizeof(text));
                memcpy(text + before, face, sizeof(face));
                assert_true(utf8_is_valid(text, sizeof(text)));
                assert_true(utf8_is_valid(text, before + 4));
                assert_false(utf8_is_valid(text, before + 3));
                assert_false(utf8_is_valid(text, before + 2));
                assert_false(utf8_is_valid(text, before + 1));
                text[before + 3] = 'a';
                assert_false(utf8_is_valid(text, sizeof(text)));
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_utf8_single_bytes_ascii_without_nul_accepted),
                cmocka_unit_test(test_utf8_sequences_as_in_the_table),
                cmocka_unit_test(test_utf8_borders_of_unicode_kept),
                cmocka_unit_test(test_utf8_noncharacters_accepted),
                cmocka_unit_test(test_utf8_bad_byte_found_at_every_place),
                cmocka_unit_test(test_utf8_characters_across_words_accepted),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
