/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/sha1.h"

#include <nettle/memops.h>
#include <nettle/sha1.h>

static void add_text(struct sha1_ctx *context, Text text)
{
        sha1_update(context, text.size, (const uint8_t *)text.data);
}

void sha1_hex_of_three(Text a, Text b, Text c, char ret_hex[SHA1_HEX_SIZE + 1])
{
        static const char digits[] = "0123456789abcdef";
        uint8_t digest[SHA1_DIGEST_SIZE];
        struct sha1_ctx context;

        sha1_init(&context);
        add_text(&context, a);
        add_text(&context, TEXT(":"));
        add_text(&context, b);
        add_text(&context, TEXT(":"));
        add_text(&context, c);
        sha1_digest(&context, sizeof(digest), digest);
        for (unsigned i = 0; i < sizeof(digest); i++) {
                ret_hex[2 * i] = digits[digest[i] >> 4];
                ret_hex[2 * i + 1] = digits[digest[i] & 15];
        }
        ret_hex[SHA1_HEX_SIZE] = '\0';
        explicit_bzero(&context, sizeof(context));
        explicit_bzero(digest, sizeof(digest));
}

bool sha1_equal_secrets(Text a, Text b)
{
        return a.size == b.size && memeql_sec(a.data, b.data, a.size);
}
