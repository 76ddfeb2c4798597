/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Server addresses, read as the reference reads them: an empty transport is a syntactically good
 * address, so are a trailing ',' and ';', and of a key given twice the first value counts. Only
 * ADDRESS_KEYS_MAX is our own ceiling.
 *
 * Owner: none; pure functions.
 */

#include "proto/address.h"

#include "broker/base/assert.h"

static bool byte_is_plain(char byte)
{
        if ((byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') ||
            (byte >= 'a' && byte <= 'z'))
                return true;
        return byte == '-' || byte == '_' || byte == '/' || byte == '.' || byte == '\\' ||
               byte == '*';
}

/* 0-15, or -1. */
static int hex_digit_value(char digit)
{
        if (digit >= '0' && digit <= '9')
                return digit - '0';
        if (digit >= 'a' && digit <= 'f')
                return digit - 'a' + 10;
        if (digit >= 'A' && digit <= 'F')
                return digit - 'A' + 10;
        return -1;
}

/* The part of `text` before the first `separator`, or all of it; *ret_found says which. */
static Text part_before(Text text, char separator, bool *ret_found)
{
        const char *at = text.size > 0 ? memchr(text.data, separator, text.size) : NULL;

        *ret_found = at != NULL;
        if (!at)
                return text;
        return (Text){text.data, (size_t)(at - text.data)};
}

static Text part_after(Text text, size_t size)
{
        ASSERT(size <= text.size);
        return (Text){text.data + size, text.size - size};
}

/* Unescapes `escaped` to *out and advances it; NULL, or what is wrong. */
static const char *unescape(Text escaped, char **out)
{
        for (size_t i = 0; i < escaped.size; i++) {
                int high, low;

                if (byte_is_plain(escaped.data[i])) {
                        *(*out)++ = escaped.data[i];
                        continue;
                }
                if (escaped.data[i] != '%')
                        return "a character should have been escaped";
                if (escaped.size - i < 3)
                        return "percent character was not followed by two hex digits";
                high = hex_digit_value(escaped.data[i + 1]);
                low = hex_digit_value(escaped.data[i + 2]);
                if (high < 0 || low < 0)
                        return "percent character was not followed by two hex digits";
                *(*out)++ = (char)(unsigned char)(high * 16 + low);
                i += 2;
        }
        return NULL;
}

/* Parses one "key=value"; NULL, or what is wrong. */
static const char *parse_key(Text pair, Address *address, char **scratch)
{
        bool has_equals;
        Text key = part_before(pair, '=', &has_equals);
        char *value = *scratch;
        const char *reason;

        if (!has_equals || key.size == 0 || key.size + 1 == pair.size)
                return "'=' character not found or has no value following it";
        if (address->n_keys == ADDRESS_KEYS_MAX)
                return "too many keys";
        reason = unescape(part_after(pair, key.size + 1), scratch);
        if (reason)
                return reason;
        address->keys[address->n_keys++] = (AddressKey){
                .key = key,
                .value = {value, (size_t)(*scratch - value)},
        };
        return NULL;
}

/* Parses what stands between two ';'; NULL, or what is wrong. */
static const char *parse_entry(Text entry, char *scratch, Address *address)
{
        bool has_separator;

        address->n_keys = 0;
        address->transport = part_before(entry, ':', &has_separator);
        if (!has_separator)
                return "address does not contain a colon";
        entry = part_after(entry, address->transport.size + 1);
        while (entry.size > 0) {
                Text pair = part_before(entry, ',', &has_separator);
                const char *reason = parse_key(pair, address, &scratch);

                if (reason)
                        return reason;
                entry = part_after(entry, pair.size + has_separator);
        }
        return NULL;
}

bool address_parse(Text *rest, char *scratch, Address *ret_address, const char **ret_reason)
{
        bool has_separator;
        Text entry = part_before(*rest, ';', &has_separator);
        Address address;
        const char *reason;

        reason = rest->size > 0 ? parse_entry(entry, scratch, &address) : "empty address";
        if (reason) {
                if (ret_reason)
                        *ret_reason = reason;
                return false;
        }
        *rest = part_after(*rest, entry.size + has_separator);
        *ret_address = address;
        return true;
}

Text address_find(const Address *address, const char *key)
{
        Text wanted = text_from(key);

        for (unsigned i = 0; i < address->n_keys; i++) {
                if (text_equal(address->keys[i].key, wanted))
                        return address->keys[i].value;
        }
        return TEXT_NONE;
}

size_t address_escape(Text value, char *out)
{
        static const char digits[] = "0123456789abcdef";
        char *at = out;

        for (size_t i = 0; i < value.size; i++) {
                unsigned char byte = (unsigned char)value.data[i];

                if (byte_is_plain(value.data[i])) {
                        *at++ = value.data[i];
                        continue;
                }
                *at++ = '%';
                *at++ = digits[byte >> 4];
                *at++ = digits[byte & 15];
        }
        return (size_t)(at - out);
}
