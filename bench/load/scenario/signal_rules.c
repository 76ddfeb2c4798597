/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/load/engine/process.h"
#include "bench/load/scenario/signal_rules.h"

#include <stdio.h>
#include <stdlib.h>

#include "broker/base/alloc.h"

#define COMMON "type='signal'"
#define INTERFACE ",interface='" SIGNAL_RULES_INTERFACE "'"

const char *const signal_rules_keys[] = {
        [SIGNAL_KEY_INTERFACE] = "interface",
        [SIGNAL_KEY_MEMBER] = "member",
        [SIGNAL_KEY_PATH] = "path",
        [SIGNAL_KEY_ARG0] = "arg0",
        [SIGNAL_KEY_PATH_NAMESPACE] = "path_namespace",
        [SIGNAL_KEY_SENDER] = "sender",
        NULL,
};

/* One key and the value that matches; others get a number behind it. */
typedef struct KeyText {
        const char *before, *value, *separator;
} KeyText;

static const KeyText texts[] = {
        [SIGNAL_KEY_INTERFACE] = {COMMON ",interface='", SIGNAL_RULES_INTERFACE, ".n"},
        [SIGNAL_KEY_MEMBER] = {COMMON INTERFACE ",member='", SIGNAL_RULES_MEMBER, "Not"},
        [SIGNAL_KEY_PATH] = {COMMON INTERFACE ",path='", SIGNAL_RULES_PATH, "/n"},
        [SIGNAL_KEY_ARG0] = {COMMON INTERFACE ",arg0='", SIGNAL_RULES_ARG0, ".n"},
        [SIGNAL_KEY_PATH_NAMESPACE] = {COMMON INTERFACE ",path_namespace='", SIGNAL_RULES_PATH,
                                       "/n"},
        /* such unique names are never given: connections are counted from below */
        [SIGNAL_KEY_SENDER] = {COMMON INTERFACE ",sender='", ":1", ".41"},
};

void signal_rules_write(SignalKey key, const char *match, uint64_t n,
                        char text[static SIGNAL_RULES_TEXT_MAX])
{
        const KeyText *parts = &texts[key];

        if (!match)
                snprintf(text, SIGNAL_RULES_TEXT_MAX, "%s%s%s%010llu'", parts->before, parts->value,
                         parts->separator, (unsigned long long)n);
        else if (key == SIGNAL_KEY_SENDER)
                snprintf(text, SIGNAL_RULES_TEXT_MAX, "%s%s'", parts->before, match);
        else
                snprintf(text, SIGNAL_RULES_TEXT_MAX, "%s%s'", parts->before, parts->value);
}

/* Where the array's bytes begin: behind the text, if there is one, and their own size. */
static size_t payload_at(SignalKey key)
{
        const size_t text_size = sizeof(uint32_t) + sizeof(SIGNAL_RULES_ARG0);

        return key == SIGNAL_KEY_ARG0 ? ((text_size + 3) & ~(size_t)3) + sizeof(uint32_t)
                                      : sizeof(uint32_t);
}

size_t signal_rules_stamp_at(SignalKey key, uint64_t payload)
{
        return payload >= sizeof(uint64_t) ? payload_at(key) : 0;
}

void signal_rules_template(SignalKey key, uint64_t payload, Template *ret_template)
{
        const size_t size = payload_at(key) + payload,
                     stamp_at = signal_rules_stamp_at(key, payload);
        const uint32_t payload_size = (uint32_t)payload, text_size = sizeof(SIGNAL_RULES_ARG0) - 1;
        const WriterHeader header = {
                .type = FRAME_TYPE_SIGNAL,
                .flags = FRAME_FLAG_NO_REPLY_EXPECTED,
                .path = TEXT(SIGNAL_RULES_PATH),
                .interface = TEXT(SIGNAL_RULES_INTERFACE),
                .member = TEXT(SIGNAL_RULES_MEMBER),
                .signature = key == SIGNAL_KEY_ARG0 ? TEXT("say") : TEXT("ay"),
        };
        uint8_t *body = alloc_zeroed(1, size);

        if (!body)
                process_out_of_memory();
        if (key == SIGNAL_KEY_ARG0) {
                memcpy(body, &text_size, sizeof(text_size));
                memcpy(body + sizeof(text_size), SIGNAL_RULES_ARG0, text_size);
        }
        memcpy(body + payload_at(key) - sizeof(payload_size), &payload_size, sizeof(payload_size));
        template_build(ret_template, &header, body, size, stamp_at ? stamp_at : SIZE_MAX);
        alloc_free(body);
}
