/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_PROTO_UTF8_H
#define RINGBUS_PROTO_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Whether `size` bytes are UTF-8 without NUL: shortest forms only, no surrogates, at most U+10FFFF;
 * non-characters are allowed (specification: "Basic types", STRING). ASCII runs are checked a
 * machine word at a time. Pure; any thread.
 */
bool utf8_is_valid(const char *data, size_t size);

#endif
