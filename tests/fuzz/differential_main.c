/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Differential testing against libdbus by the number: differential --count=N --seed=S puts N
 * generated and mutated messages, and as many texts, before both. Message number i depends on
 * seed and i only, so that --first=I --count=1 repeats a single one.
 */

#include "tests/fuzz/compare.h"
#include "tests/fuzz/generate.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct Options {
        uint64_t count, seed, first;
} Options;

static Options parse_options(int argc, char **argv)
{
        static const struct option names[] = {{"count", required_argument, NULL, 'c'},
                                              {"seed", required_argument, NULL, 's'},
                                              {"first", required_argument, NULL, 'f'},
                                              {NULL, 0, NULL, 0}};
        Options options = {.count = 1000000, .seed = 1};
        int option;

        while ((option = getopt_long(argc, argv, "", names, NULL)) != -1) {
                switch (option) {
                case 'c':
                        options.count = strtoull(optarg, NULL, 10);
                        break;
                case 's':
                        options.seed = strtoull(optarg, NULL, 10);
                        break;
                case 'f':
                        options.first = strtoull(optarg, NULL, 10);
                        break;
                default:
                        (void)fprintf(stderr, "usage: %s [--count=N] [--seed=S] [--first=I]\n",
                                      argv[0]);
                        exit(2);
                }
        }
        return options;
}

static CompareOutcome run_one(uint64_t seed, uint64_t number)
{
        static uint8_t message[GENERATE_SIZE_MAX];
        char text[GENERATE_SIGNATURE_MAX];
        Random random = {.state = seed * UINT64_C(0xd1342543de82ef95) + number};
        size_t size;

        random.state = generate_random(&random);
        size = generate_message(&random, message);
        if (generate_below(&random, 8) < 5) {
                for (uint32_t n = 1 + generate_below(&random, 3); n > 0; n--)
                        size = generate_mutate(&random, message, size, sizeof(message));
        }
        if (generate_below(&random, 2) == 0)
                generate_signature(&random, text);
        else
                generate_text(&random, text, sizeof(text));
        compare_text(text);
        return compare_message(message, size);
}

int main(int argc, char **argv)
{
        static const char *const labels[N_COMPARE_OUTCOMES] = {
                [COMPARE_VALID] = "valid",
                [COMPARE_INVALID] = "invalid",
                [COMPARE_INCOMPLETE] = "incomplete",
                [COMPARE_EARLY] = "refused early (disagreement 1)",
                [COMPARE_UNIX_FDS] = "with UNIX_FDS (disagreement 2)",
        };
        Options options = parse_options(argc, argv);
        uint64_t counts[N_COMPARE_OUTCOMES] = {0};

        for (uint64_t i = 0; i < options.count; i++)
                counts[run_one(options.seed, options.first + i)]++;
        for (unsigned i = 0; i < N_COMPARE_OUTCOMES; i++)
                printf("%12llu %s\n", (unsigned long long)counts[i], labels[i]);
        return 0;
}
