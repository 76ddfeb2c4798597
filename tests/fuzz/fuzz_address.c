/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Server addresses. What must hold: parsing makes progress and every value lies inside scratch; an
 * address written again from its parts, values escaped, reads back as the same address; any bytes
 * survive escaping and unescaping.
 */

#include <stdlib.h>

#include "broker/base/assert.h"
#include "proto/address.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_inside(Text text, Text whole)
{
        size_t offset;

        ASSERT(text_present(text) && text.data >= whole.data);
        offset = (size_t)(text.data - whole.data);
        ASSERT(offset <= whole.size && text.size <= whole.size - offset);
}

static void check_same(const Address *a, const Address *b)
{
        ASSERT(text_equal(a->transport, b->transport));
        ASSERT(a->n_keys == b->n_keys);
        for (unsigned i = 0; i < a->n_keys; i++) {
                ASSERT(text_equal(a->keys[i].key, b->keys[i].key));
                ASSERT(text_equal(a->keys[i].value, b->keys[i].value));
        }
}

static char *append(char *at, Text text)
{
        memcpy(at, text.data, text.size);
        return at + text.size;
}

static void *allocate(size_t size)
{
        void *memory = malloc(size > 0 ? size : 1);

        ASSERT(memory);
        return memory;
}

/* Writes the address again and compares; `room` bytes are enough for its text and scratch. */
static void check_reads_back(const Address *address, size_t room)
{
        char *text = allocate(room), *scratch = allocate(room), *at = text;
        Address again;
        Text rest;

        at = append(at, address->transport);
        *at++ = ':';
        for (unsigned i = 0; i < address->n_keys; i++) {
                at = append(at, address->keys[i].key);
                *at++ = '=';
                at += address_escape(address->keys[i].value, at);
                if (i + 1 < address->n_keys)
                        *at++ = ',';
        }
        rest = (Text){text, (size_t)(at - text)};
        ASSERT(rest.size <= room);
        ASSERT(address_parse(&rest, scratch, &again, NULL));
        ASSERT(rest.size == 0);
        check_same(address, &again);
        for (unsigned i = 0; i < again.n_keys; i++)
                ASSERT(text_present(address_find(&again, "path")) ||
                       !text_equal(again.keys[i].key, TEXT("path")));
        free(text);
        free(scratch);
}

static void check_list(Text text)
{
        Text rest = text;

        while (rest.size > 0) {
                size_t rest_size = rest.size;
                Text scratch = {allocate(rest_size), rest_size};
                const char *reason = NULL;
                bool valid;
                Address address;

                valid = address_parse(&rest, (char *)(uintptr_t)scratch.data, &address, &reason);
                ASSERT(valid == (reason == NULL));
                if (valid) {
                        ASSERT(rest.size < rest_size);
                        check_inside(address.transport, text);
                        for (unsigned i = 0; i < address.n_keys; i++) {
                                check_inside(address.keys[i].key, text);
                                check_inside(address.keys[i].value, scratch);
                        }
                        check_reads_back(&address, 3 * text.size + 2);
                }
                free((char *)(uintptr_t)scratch.data);
                if (!valid)
                        return;
        }
}

/* Escapes the whole input as one value and reads it back. */
static void check_value_round_trip(Text value)
{
        static const char prefix[] = "t:k=";
        size_t room = sizeof(prefix) + 3 * value.size;
        char *text = allocate(room), *scratch = allocate(room);
        size_t size = strlen(prefix);
        Address address;
        Text rest;

        memcpy(text, prefix, size);
        size += address_escape(value, text + size);
        rest = (Text){text, size};
        /* "k=" without a value is not an address. */
        if (value.size > 0) {
                ASSERT(address_parse(&rest, scratch, &address, NULL));
                ASSERT(text_equal(address_find(&address, "k"), value));
        } else {
                ASSERT(!address_parse(&rest, scratch, &address, NULL));
        }
        free(text);
        free(scratch);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        Text text = size > 0 ? (Text){(const char *)data, size} : TEXT("");

        check_list(text);
        check_value_round_trip(text);
        return 0;
}
