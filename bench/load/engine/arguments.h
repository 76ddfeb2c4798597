/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BENCH_LOAD_ENGINE_ARGUMENTS_H
#define RINGBUS_BENCH_LOAD_ENGINE_ARGUMENTS_H

/*
 * Typed arguments from words, as busctl(1) has them: a signature, then
 *
 *   y n q i u x t h   a number, decimal or 0x...; within the type's range
 *   d                 a number as strtod(3) reads it
 *   b                 true false yes no on off 1 0
 *   s o g             the word itself; UTF-8, a path, a signature
 *   v                 a signature of one complete type, then its value
 *   aT                the number of elements, then each; of a{KV} each is a key and a value
 *   (...)             its members, one after the other
 *
 * An fd (h) is an index into the message's fds.
 */

#include <stddef.h>
#include <stdint.h>

typedef struct Arguments {
        char signature[256];
        uint8_t *body; /* native byte order, aligned as a message's body */
        size_t size;
} Arguments;

enum { ARGUMENTS_ERROR_MAX = 256 };

/*
 * Marshals `words` as `signature` says. 0; or -EINVAL with `error` naming the word, its place (from
 * 1) and the type that was expected, or that words are missing or left over. The body is freed by
 * arguments_deinit().
 */
int arguments_parse(const char *signature, const char *const *words, size_t n_words,
                    Arguments *ret_arguments, char error[static ARGUMENTS_ERROR_MAX]);

void arguments_deinit(Arguments *arguments); /* idempotent, also on zeroed memory */

#endif
