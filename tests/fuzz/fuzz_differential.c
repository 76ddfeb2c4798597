/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Differential fuzzing against libdbus: verdict and contents of every message must be the same, but
 * for what DISAGREEMENTS.md lists. With libFuzzer the inputs change by the generator's own
 * mutations, which know where sizes and padding lie, besides libFuzzer's.
 */

#include "tests/fuzz/compare.h"
#include "tests/fuzz/generate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t size_max);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t size_max, unsigned seed);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        compare_message(data, size);
        return 0;
}

#ifdef RINGBUS_HAVE_LIBFUZZER
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t size_max, unsigned seed)
{
        Random random = {.state = seed};

        if (size_max >= GENERATE_SIZE_MAX && seed % 8 == 0)
                return generate_message(&random, data);
        if (seed % 8 < 3)
                return LLVMFuzzerMutate(data, size, size_max);
        return generate_mutate(&random, data, size, size_max);
}
#endif
