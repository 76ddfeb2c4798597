/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/base/hash.h"

#include <errno.h>
#include <sys/random.h>
#include <xxhash.h>

static uint8_t hash_secret[XXH3_SECRET_SIZE_MIN + 56];

int hash_random(void *data, size_t size)
{
        uint8_t *bytes = data;

        while (size > 0) {
                ssize_t n = getrandom(bytes, size, 0);

                if (n < 0) {
                        if (errno == EINTR)
                                continue;
                        return -errno;
                }
                bytes += n;
                size -= (size_t)n;
        }
        return 0;
}

int hash_init(void)
{
        return hash_random(hash_secret, sizeof(hash_secret));
}

uint64_t hash_bytes(const void *data, size_t size)
{
        return XXH3_64bits_withSecret(data, size, hash_secret, sizeof(hash_secret));
}
