/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Body validation and arguments. The first byte is the byte order, the second the size of the
 * signature, which follows; the rest is the body. What is valid must not be so with a byte more
 * or less, and its arguments must lie inside it.
 */

#include "broker/base/assert.h"
#include "proto/body.h"
#include "proto/signature.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_signature(Text signature)
{
        size_t position = 0;
        unsigned n_types = 0;

        while (position < signature.size) {
                const char *type = signature.data + position;
                size_t size = signature_first_size(type, signature.size - position);

                ASSERT(size > 0 && size <= signature.size - position);
                ASSERT(signature_is_single((Text){type, size}));
                ASSERT(signature_alignment(*type) != 0);
                ASSERT(signature_fixed_size(*type) == 0 || signature_is_basic(*type));
                position += size;
                n_types++;
        }
        ASSERT(signature_is_single(signature) == (n_types == 1));
}

static void check_args(const uint8_t *body, size_t size, Text signature, bool big_endian)
{
        BodyArg args[BODY_ARGS_MAX], first[3];
        unsigned n_args = body_read_args(body, size, signature, big_endian, BODY_ARGS_MAX, args);
        unsigned n_first = body_read_args(body, size, signature, big_endian, 3, first);

        ASSERT(n_args <= BODY_ARGS_MAX && n_first == (n_args < 3 ? n_args : 3));
        for (unsigned i = 0; i < n_args; i++) {
                Text text = args[i].text;

                ASSERT(text_present(text) == (args[i].type == 's' || args[i].type == 'o'));
                if (!text_present(text))
                        continue;
                ASSERT(text.data >= (const char *)body + 4);
                ASSERT(text.data + text.size < (const char *)body + size);
                ASSERT(text.data[text.size] == '\0');
                ASSERT(i >= 3 || text_equal(text, first[i].text));
        }
}

static void check_body(const uint8_t *body, size_t size, Text signature, bool big_endian)
{
        BodyResult result = body_validate(body, size, signature, big_endian);
        size_t end = 0;

        ASSERT(body_result_text(result)[0] != '\0');
        if (signature_is_single(signature) &&
            body_validate_value(body, size, 0, signature, big_endian, &end) == BODY_OK) {
                ASSERT(end <= size);
                ASSERT((result == BODY_OK) == (end == size));
        }
        if (result != BODY_OK)
                return;
        ASSERT(size == 0 || body_validate(body, size - 1, signature, big_endian) != BODY_OK);
        check_args(body, size, signature, big_endian);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        uint8_t *body;
        Text signature;
        size_t body_size;

        if (size < 2 || size - 2 < data[1])
                return 0;
        signature = (Text){(const char *)data + 2, data[1]};
        if (!signature_is_valid(signature))
                return 0;
        check_signature(signature);
        body_size = size - 2 - signature.size;
        body = malloc(body_size + 1); /* of its own, so that reads over its end are seen */
        ASSERT(body != NULL);
        memcpy(body + 1, data + 2 + signature.size, body_size);
        check_body(body + 1, body_size, signature, data[0] & 1);
        free(body);
        return 0;
}
