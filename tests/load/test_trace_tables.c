/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of bench/load/trace against models that cannot be wrong; and made-up bodies against
 * the validation of bodies. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bench/load/trace/intern.h"
#include "bench/load/trace/replay_body.h"
#include "bench/load/trace/serials.h"
#include "broker/base/hash.h"
#include "proto/body.h"
#include "proto/signature.h"

enum { PEERS = 4, SERIALS = 300, STEPS = 200000, TEXTS = 5000 };

static uint32_t next_random(uint32_t *state)
{
        *state = *state * 1664525 + 1013904223;
        return *state >> 8;
}

static const bool native_big_endian = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__;

/* Few keys, so that entries collide and are removed from the middle of their chains. */
static void test_serials_random_puts_and_takes_are_as_a_model(void **state)
{
        static uint32_t model[PEERS][SERIALS];
        uint32_t random = 1, n_found = 0, n_absent = 0;
        Serials serials = {.n_used = 0};

        (void)state;
        for (uint32_t i = 1; i <= STEPS; i++) {
                uint32_t peer = next_random(&random) % PEERS;
                uint32_t serial = 1 + next_random(&random) % (SERIALS - 1);
                uint32_t *known = &model[peer][serial];

                if (next_random(&random) % 2 == 0) {
                        assert_true(serials_put(&serials, peer, serial, i));
                        *known = i;
                        continue;
                }
                assert_int_equal(serials_find(&serials, peer, serial), *known);
                assert_int_equal(serials_take(&serials, peer, serial), *known);
                assert_int_equal(serials_find(&serials, peer, serial), 0);
                n_found += *known != 0;
                n_absent += *known == 0;
                *known = 0;
        }
        assert_true(n_found > STEPS / 10 && n_absent > STEPS / 10);
        for (uint32_t i = 0; i < PEERS * SERIALS; i++)
                assert_int_equal(serials_find(&serials, i / SERIALS, i % SERIALS),
                                 model[i / SERIALS][i % SERIALS]);
        serials_deinit(&serials);
}

static void test_intern_each_text_keeps_its_number(void **state)
{
        Intern intern = {.n_texts = 0};
        char text[32];
        bool is_new;

        (void)state;
        for (unsigned round = 0; round < 2; round++) {
                for (uint32_t i = 1; i <= TEXTS; i++) {
                        snprintf(text, sizeof(text), "text %u", i * 7919);
                        is_new = round == 1;
                        assert_int_equal(intern_text(&intern, text_from(text), &is_new), i);
                        assert_int_equal(is_new, round == 0);
                        assert_int_equal(intern_find(&intern, text_from(text)), i);
                }
        }
        assert_int_equal(intern_find(&intern, TEXT("text")), 0);
        intern_deinit(&intern);
}

static bool fill(const char *signature, size_t size)
{
        static uint8_t body[4096] __attribute__((aligned(8)));
        bool is_filled = replay_body_fill(body, size, text_from(signature), NULL, 0);

        if (is_filled)
                assert_int_equal(body_validate(body, size, text_from(signature), native_big_endian),
                                 BODY_OK);
        return is_filled;
}

/* Sizes that a body of the signature may have, from the specification's marshaling. */
static void test_body_fill_every_possible_size_is_met(void **state)
{
        static const struct {
                const char *signature;
                size_t least; /* from here on, in these steps, every size is possible */
                size_t step;
        } cases[] = {
                {"s", 5, 1},
                {"o", 6, 1},
                {"ay", 4, 1},
                {"au", 4, 4},
                {"at", 8, 8},
                {"as", 9, 1},
                {"v", 8, 1},
                {"a{sv}", 24, 1},
                {"us", 9, 1},
                {"su", 12, 4},
                {"sa{sv}as", 28, 4},
                {"(ss)", 13, 1},
                {"a(oa{sa{sv}})", 48, 1},
                {"aay", 8, 1},
                {"saay", 16, 4},
        };

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
                for (size_t size = cases[i].least; size <= 600; size += cases[i].step)
                        if (!fill(cases[i].signature, size))
                                fail_msg("no body of %zu bytes for %s", size, cases[i].signature);
}

static void test_body_fill_impossible_sizes_are_refused(void **state)
{
        (void)state;
        assert_false(fill("s", 4));
        assert_false(fill("u", 5));
        assert_false(fill("", 1));
        assert_false(fill("at", 12));
        assert_false(fill("yy", 3));
        assert_true(fill("", 0));
        assert_true(fill("u", 4));
        assert_true(fill("a{sv}", 8));
}

static void test_body_fill_given_arguments_are_in_the_body(void **state)
{
        const ReplayBodyArg given[] = {{.index = 1, .value = TEXT("given")},
                                       {.index = 3, .value = TEXT("/prefix/")}};
        uint8_t body[200] __attribute__((aligned(8)));
        Text signature = TEXT("ssaso");
        BodyArg args[4];

        (void)state;
        /* The last argument has 14 bytes from a multiple of 4 on. */
        assert_false(replay_body_fill(body, 200, signature, given, 2));
        assert_true(replay_body_fill(body, 198, signature, given, 2));
        assert_int_equal(body_validate(body, 198, signature, native_big_endian), BODY_OK);
        assert_int_equal(body_read_args(body, 198, signature, native_big_endian, 4, args), 4);
        assert_true(text_equal(args[1].text, TEXT("given")));
        assert_true(text_equal(args[3].text, TEXT("/prefix/x")));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_serials_random_puts_and_takes_are_as_a_model),
                cmocka_unit_test(test_intern_each_text_keeps_its_number),
                cmocka_unit_test(test_body_fill_every_possible_size_is_met),
                cmocka_unit_test(test_body_fill_impossible_sizes_are_refused),
                cmocka_unit_test(test_body_fill_given_arguments_are_in_the_body),
        };

        if (hash_init() < 0)
                return 1;
        return cmocka_run_group_tests(tests, NULL, NULL);
}
