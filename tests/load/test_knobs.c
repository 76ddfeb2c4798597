/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/load/engine/knobs.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

typedef struct Values {
        uint64_t count, size, duration;
        double rate;
        unsigned choice;
        const char *text, *optional;
        bool flag;
} Values;

static const char *const colours[] = {"red", "green", NULL};

static const Knob table[] = {
        {"count", "N", "a count", KNOB_COUNT, offsetof(Values, count), 1, 2000, "7", NULL},
        {"size", "SIZE", "a size", KNOB_SIZE, offsetof(Values, size), 0, 0, "1KiB", NULL},
        {"duration", "TIME", "a time", KNOB_DURATION, offsetof(Values, duration), 1000, 0, "2",
         NULL},
        {"rate", "N", "a rate", KNOB_RATE, offsetof(Values, rate), 1, 0, "1.5k", NULL},
        {"colour", NULL, "a colour", KNOB_CHOICE, offsetof(Values, choice), 0, 0, NULL, colours},
        {"text", "TEXT", "a text,\nwith two lines", KNOB_TEXT, offsetof(Values, text), 0, 0, NULL,
         NULL},
        {"optional", "TEXT", "perhaps a text", KNOB_OPTIONAL, offsetof(Values, optional), 0, 0,
         NULL, NULL},
        {"flag", NULL, "a flag", KNOB_FLAG, offsetof(Values, flag), 0, 0, NULL, NULL},
        {0},
};

typedef struct World {
        Values values; /* its texts are those of argv */
        KnobSet sets[2];
        KnobParse parse;
        char *argv[16];
        int argc;
        char *said;
        size_t said_size;
} World;

static void forget(World *world)
{
        while (world->argc > 0)
                free(world->argv[--world->argc]);
        free(world->said);
        world->said = NULL;
}

/* Parses words, NULL at the end; what is said stays in world->said. */
static int parse(World *world, const char *const *words)
{
        int r;

        forget(world);
        memset(&world->values, 0xff, sizeof(world->values));
        world->sets[0] = (KnobSet){table, &world->values};
        world->sets[1] = (KnobSet){0};
        world->parse.command = "test";
        world->parse.sets = world->sets;
        world->parse.errors = open_memstream(&world->said, &world->said_size);
        assert_non_null(world->parse.errors);
        while (words[world->argc]) {
                world->argv[world->argc] = strdup(words[world->argc]);
                world->argc++;
        }
        r = knobs_parse(&world->parse, world->argc, world->argv);
        fclose(world->parse.errors);
        return r;
}

#define PARSE(world, ...) parse(world, (const char *const[]){__VA_ARGS__, NULL})

static void test_knobs_initials_hold_without_words(void **state)
{
        World world = {0};

        (void)state;
        assert_int_equal(parse(&world, (const char *const[]){NULL}), 0);
        assert_int_equal(world.values.count, 7);
        assert_int_equal(world.values.size, 1024);
        assert_int_equal(world.values.duration, 2000000000);
        assert_true(fabs(world.values.rate - 1500) < 1e-9);
        assert_int_equal(world.values.choice, 0);
        assert_null(world.values.text);
        assert_null(world.values.optional);
        assert_false(world.values.flag);
        assert_int_equal(world.parse.n_given, 0);
        forget(&world);
}

static void test_knobs_values_come_behind_equals_or_as_words(void **state)
{
        World world = {0};

        (void)state;
        assert_int_equal(PARSE(&world, "--count=12", "--size", "2MiB", "--colour=green", "--flag",
                               "--text", "--odd", "--optional"),
                         8);
        assert_int_equal(world.values.count, 12);
        assert_int_equal(world.values.size, 2 * 1024 * 1024);
        assert_int_equal(world.values.choice, 1);
        assert_true(world.values.flag);
        assert_string_equal(world.values.text, "--odd"); /* a value may begin with dashes */
        assert_string_equal(world.values.optional, "");
        assert_int_equal(world.parse.n_given, 6);
        assert_int_equal(PARSE(&world, "--optional=x"), 1);
        assert_string_equal(world.values.optional, "x");
        forget(&world);
}

static void test_knobs_units_are_read(void **state)
{
        static const struct {
                const char *text;
                uint64_t ns;
        } times[] = {{"1", 1000000000}, {"1.5s", 1500000000}, {"20ms", 20000000},
                     {"3us", 3000},     {"7ns", 7},           {"2m", 120000000000}};
        uint64_t value;
        double rate;

        (void)state;
        for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
                assert_true(knobs_read_duration(times[i].text, &value));
                assert_int_equal(value, times[i].ns);
        }
        assert_true(knobs_read_size("64KiB", &value));
        assert_int_equal(value, 65536);
        assert_true(knobs_read_count("10k", &value));
        assert_int_equal(value, 10000);
        assert_true(knobs_read_rate("2.5k/s", &rate));
        assert_true(fabs(rate - 2500) < 1e-9);
        assert_false(knobs_read_count("1.5", &value));
        assert_false(knobs_read_count("", &value));
        assert_false(knobs_read_count("-1", &value));
        assert_false(knobs_read_count("12x", &value));
        assert_false(knobs_read_count("0x10", &value));
        assert_false(knobs_read_duration("1h", &value));
        assert_false(knobs_read_size("1e400", &value));
        assert_false(knobs_read_size("nan", &value));
}

static void test_knobs_wrong_values_say_what_is_expected(void **state)
{
        static const struct {
                const char *word, *said;
        } cases[] = {
                {"--count=0", "test: --count must be 1 to 2000\n"},
                {"--count=2001", "test: --count must be 1 to 2000\n"},
                {"--count=x", "test: --count needs a number such as"},
                {"--duration=1ns", "test: --duration must be at least 1us\n"},
                {"--colour=blue", "test: --colour needs one of red green, not \"blue\"\n"},
                {"--flag=yes", "test: --flag takes no value\n"},
                {"--text", "test: --text needs a value\n"},
                {"--colours", "test: there is no --colours; the nearest is --colour\n"},
                {"--tetx", "the nearest is --text\n"},
                {"--zzzzzz", "test: there is no --zzzzzz\n"},
                {"word", "test: what does \"word\" mean here?\n"},
        };
        World world = {0};

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                assert_int_equal(PARSE(&world, cases[i].word), KNOBS_ERROR);
                assert_non_null(strstr(world.said, cases[i].said));
                assert_non_null(strstr(world.said, "Usage: test [KNOBS]\n"));
        }
        forget(&world);
}

static void test_knobs_words_behind_end_the_knobs(void **state)
{
        World world = {.parse = {.takes_words = true}};

        (void)state;
        assert_int_equal(PARSE(&world, "--count=3", "su", "--count=4"), 1);
        assert_int_equal(world.values.count, 3);
        assert_int_equal(PARSE(&world, "--count=3", "--", "--count=4"), 2);
        assert_int_equal(world.values.count, 3);
        assert_int_equal(PARSE(&world, "--help", "--nonsense"), KNOBS_HELP);
        forget(&world);
}

static void test_knobs_lacking_and_other_defaults_are_seen(void **state)
{
        World world = {.parse = {.lacks = "flag size",
                                 .defaults = (const char *const[]){"--count=99", NULL}}};
        char *help = NULL;
        size_t size;
        FILE *file = open_memstream(&help, &size);

        (void)state;
        assert_int_equal(parse(&world, (const char *const[]){NULL}), 0);
        assert_int_equal(world.values.count, 99);
        assert_int_equal(PARSE(&world, "--flag"), KNOBS_ERROR);
        assert_int_equal(PARSE(&world, "--size=1"), KNOBS_ERROR);
        assert_int_equal(PARSE(&world, "--count=5"), 1);
        assert_int_equal(world.values.count, 5);
        knobs_print_help(&world.parse, file);
        fclose(file);
        assert_non_null(strstr(help, "  --count=N                 a count (default 99)\n"));
        assert_non_null(strstr(help, "  --colour=red|green        a colour (default red)\n"));
        assert_non_null(strstr(help, "a text,\n                            with two lines\n"));
        assert_null(strstr(help, "--flag"));
        free(help);
        forget(&world);
}

static void test_knobs_values_are_written_as_they_are_read(void **state)
{
        static const char *const words[] = {"--count=12",  "--size=3KiB",    "--duration=20ms",
                                            "--rate=2500", "--colour=green", NULL};
        static const char *const texts[] = {"12", "3KiB", "20ms", "2500", "green"};
        char text[KNOB_TEXT_MAX];
        World world = {0};

        (void)state;
        assert_int_equal(parse(&world, words), 5);
        for (size_t i = 0; i < 5; i++)
                assert_string_equal(knobs_value_text(&table[i], &world.values, text), texts[i]);
        forget(&world);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_knobs_initials_hold_without_words),
                cmocka_unit_test(test_knobs_values_come_behind_equals_or_as_words),
                cmocka_unit_test(test_knobs_units_are_read),
                cmocka_unit_test(test_knobs_wrong_values_say_what_is_expected),
                cmocka_unit_test(test_knobs_words_behind_end_the_knobs),
                cmocka_unit_test(test_knobs_lacking_and_other_defaults_are_seen),
                cmocka_unit_test(test_knobs_values_are_written_as_they_are_read),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
