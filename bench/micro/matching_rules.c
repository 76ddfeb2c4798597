/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/micro/matching_rules.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "broker/base/assert.h"
#include "proto/writer.h"

enum { RICH_ARGS = 64, RICH_DEPTH = 32, VALUE_MAX = 256 };

#define BASE "type='signal',interface='org.example.Bench',member='v0'"

/* "/p0/p1/p2..." or "p0.p1.p2...", of `depth` elements, the last one another if `wrong`. */
static void write_elements(char separator, unsigned depth, bool wrong, char *text)
{
        size_t at = 0;

        for (unsigned i = 0; i < depth; i++) {
                if (separator == '/' || i > 0)
                        text[at++] = separator;
                at += (size_t)snprintf(text + at, VALUE_MAX - at, "%c%u",
                                       wrong && i + 1 == depth ? 'x' : 'p', i);
        }
        text[at] = '\0';
        if (separator == '/' && depth == 0)
                strcpy(text, "/");
}

static void write_arg(MatchingSignalKind kind, unsigned index, char *text)
{
        if (index > 0)
                snprintf(text, VALUE_MAX, "/value/of/argument%u", index);
        else if (kind == MATCHING_RICH)
                write_elements('.', RICH_DEPTH, false, text);
        else
                strcpy(text, "com.example.v0");
}

void matching_rules_make_signal(MatchingSignalKind kind, MatchingSignal *ret_signal)
{
        const unsigned n_args = kind == MATCHING_RICH ? RICH_ARGS : 2;
        char path[VALUE_MAX] = "/org/example/Device/v0", value[VALUE_MAX];
        char signature[RICH_ARGS + 1] = "";
        WriterHeader header = {.type = FRAME_TYPE_SIGNAL,
                               .serial = 1,
                               .interface = TEXT("org.example.Bench"),
                               .member = TEXT("v0")};
        Writer writer;
        Frame frame;
        size_t size;

        memset(ret_signal, 0, sizeof(*ret_signal));
        if (kind == MATCHING_RICH)
                write_elements('/', RICH_DEPTH, false, path);
        memset(signature, 's', n_args);
        header.path = text_from(path);
        header.signature = text_from(signature);
        ret_signal->kind = kind;
        writer_begin(&writer, ret_signal->bytes, sizeof(ret_signal->bytes), &header);
        for (unsigned i = 0; i < n_args; i++) {
                write_arg(kind, i, value);
                writer_string(&writer, text_from(value));
        }
        ASSERT(writer_finish(&writer, &size) == 0);
        ASSERT(frame_cut(ret_signal->bytes, size, FRAME_SIZE_MAX, &frame) == FRAME_OK);
        ASSERT(header_parse(ret_signal->bytes, &frame, &ret_signal->header) == HEADER_OK);
}

/* Friendly sets: value 0 is the signal's. */

static void add(char *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void add(char *text, const char *format, ...)
{
        size_t at = strlen(text);
        va_list values;

        va_start(values, format);
        vsnprintf(text + at, MATCHRULE_TEXT_MAX - at, format, values);
        va_end(values);
}

static void write_arg0(const MatchingAim *aim, unsigned i, char *text)
{
        char value[VALUE_MAX];

        write_arg(aim->signal->kind, 0, value);
        if (i > 0)
                snprintf(value, sizeof(value), "com.example.v%u", i);
        add(text, BASE ",arg0='%s'", value);
}

static void write_path(const MatchingAim *aim, unsigned i, char *text)
{
        Text path = aim->signal->header.path;

        if (i == 0)
                add(text, BASE ",path='%.*s'", (int)path.size, path.data);
        else
                add(text, BASE ",path='/org/example/Device/v%u'", i);
}

static void write_member(const MatchingAim *aim, unsigned i, char *text)
{
        (void)aim;
        add(text, "type='signal',interface='org.example.Bench',member='v%u'", i);
}

static void write_sender(const MatchingAim *aim, unsigned i, char *text)
{
        if (i == 0)
                add(text, BASE ",sender='%s'", aim->sender);
        else
                add(text, BASE ",sender=':1.%u'", 100000 + i);
}

static void write_sender_name(const MatchingAim *aim, unsigned i, char *text)
{
        (void)aim;
        add(text, BASE ",sender='com.example.v%u'", i);
}

static void write_path_namespace(const MatchingAim *aim, unsigned i, char *text)
{
        if (i == 0)
                add(text, BASE ",path_namespace='%s'",
                    aim->signal->kind == MATCHING_RICH ? "/p0/p1/p2" : "/org/example/Device");
        else
                add(text, BASE ",path_namespace='/org/example/v%u'", i);
}

static void write_arg0namespace(const MatchingAim *aim, unsigned i, char *text)
{
        if (i == 0)
                add(text, BASE ",arg0namespace='%s'",
                    aim->signal->kind == MATCHING_RICH ? "p0.p1.p2" : "com.example.v0");
        else
                add(text, BASE ",arg0namespace='com.example.v%u'", i);
}

/* What clients add that wait for a service. */
static void write_desktop(const MatchingAim *aim, unsigned i, char *text)
{
        if (i == 0)
                write_arg0(aim, 0, text);
        else
                add(text,
                    "type='signal',sender='org.freedesktop.DBus',interface='org.freedesktop.DBus',"
                    "path='/org/freedesktop/DBus',member='NameOwnerChanged',"
                    "arg0='org.example.Service%u'",
                    i);
}

/* Equal shares of the six keys by which rules of a kind differ. */
static void write_mixed(const MatchingAim *aim, unsigned i, char *text)
{
        void (*const writes[])(const MatchingAim *, unsigned, char *) = {
                write_arg0,        write_path,           write_member,
                write_sender_name, write_path_namespace, write_arg0namespace};

        writes[i % ARRAY_SIZE(writes)](aim, i, text);
}

/* Hostile sets. */

static uint64_t mix(uint64_t x) /* splitmix64 */
{
        x += UINT64_C(0x9e3779b97f4a7c15);
        x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
        x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
        return x ^ (x >> 31);
}

static unsigned below(uint64_t *state, unsigned n)
{
        *state = mix(*state);
        return (unsigned)((*state >> 33) % n);
}

/* How often a value of an argument is the signal's: one time in so many. */
enum { RARELY = 1000, OFTEN = 4 };

static void add_hostile_arg(const MatchingAim *aim, uint64_t *state, unsigned index, unsigned odds,
                            char *text)
{
        char value[VALUE_MAX];

        write_arg(aim->signal->kind, index, value);
        if (below(state, odds) > 0)
                snprintf(value, sizeof(value), "/value/of/wrong%u", below(state, 100));
        add(text, ",arg%u%s='%s'", index, below(state, 3) ? "" : "path", value);
}

/* Any number of keys that match, several depths of namespaces, up to three arguments, and a last
 * one that does not match. */
static void add_hostile_shape(const MatchingAim *aim, unsigned i, unsigned odds, char *text)
{
        uint64_t state = mix(i);
        char value[VALUE_MAX];
        unsigned index = below(&state, 20);

        add(text, "type='signal'");
        if (below(&state, 2))
                add(text, ",interface='org.example.Bench'");
        if (below(&state, 2))
                add(text, ",member='v%u'", below(&state, 2) ? 0 : below(&state, 100));
        if (below(&state, 2)) {
                write_elements('/', below(&state, RICH_DEPTH + 1), below(&state, 3) == 0, value);
                add(text, ",path_namespace='%s'", value);
        }
        if (below(&state, 4) == 0) {
                write_elements('.', 1 + below(&state, RICH_DEPTH), below(&state, 2), value);
                add(text, ",arg0namespace='%s'", value);
        }
        for (unsigned n = below(&state, 3); n > 0 && index < 42; n--) {
                index += 1 + below(&state, 20);
                add_hostile_arg(aim, &state, index, odds, text);
        }
        add(text, ",arg%u='wrong%u'", index + 1 + below(&state, 63 - index),
            below(&state, 4) ? i : 1);
}

static void write_shapes(const MatchingAim *aim, unsigned i, char *text)
{
        if (i == 0)
                write_arg0(aim, 0, text);
        else
                add_hostile_shape(aim, i, RARELY, text);
}

/* Written by somebody who knows the signal. */
static void write_aimed(const MatchingAim *aim, unsigned i, char *text)
{
        if (i == 0)
                write_arg0(aim, 0, text);
        else
                add_hostile_shape(aim, i, OFTEN, text);
}

/* Every argument number below every prefix of the signal's path. */
static void write_prefixes(const MatchingAim *aim, unsigned i, char *text)
{
        char value[VALUE_MAX];

        if (i == 0) {
                write_arg0(aim, 0, text);
                return;
        }
        write_elements('/', i % (RICH_DEPTH + 1), false, value);
        add(text, "path_namespace='%s',arg%u='wrong%u'", value, i / (RICH_DEPTH + 1) % 64, i);
}

/* All agree in what matches, and differ in a second argument. */
static void write_crowd(const MatchingAim *aim, unsigned i, char *text)
{
        write_arg0(aim, 0, text);
        if (i > 0)
                add(text, ",arg1='wrong%u'", i);
}

static void write_argpath(const MatchingAim *aim, unsigned i, char *text)
{
        (void)aim;
        add(text, BASE);
        if (i > 0)
                add(text, ",arg1path='/value/of/wrong%u%s'", i, i % 2 ? "/" : "");
}

/* The sender owns all the names. */
static void write_names(const MatchingAim *aim, unsigned i, char *text)
{
        write_shapes(aim, i, text);
        if (i > 0)
                add(text, ",sender='com.example.v%u'", i);
}

static void write_names_member(const MatchingAim *aim, unsigned i, char *text)
{
        if (i == 0)
                write_arg0(aim, 0, text);
        else
                add(text, "interface='org.example.Bench',member='w',sender='com.example.v%u'", i);
}

static void write_names_arg0(const MatchingAim *aim, unsigned i, char *text)
{
        write_arg0(aim, i, text);
        add(text, ",sender='com.example.v%u'", i);
}

static void write_names_all(const MatchingAim *aim, unsigned i, char *text)
{
        (void)aim;
        add(text, BASE ",sender='com.example.v%u'", i);
}

static const MatchingSet sets[] = {
        {.name = "arg0", .write = write_arg0},
        {.name = "path", .write = write_path},
        {.name = "member", .write = write_member},
        {.name = "sender", .write = write_sender},
        {.name = "sender_name", .write = write_sender_name},
        {.name = "path_namespace", .write = write_path_namespace},
        {.name = "arg0namespace", .write = write_arg0namespace},
        {.name = "mixed", .write = write_mixed},
        {.name = "desktop", .write = write_desktop},
        {.name = "shapes", .hostile = true, .write = write_shapes},
        {.name = "prefixes", .hostile = true, .write = write_prefixes},
        {.name = "crowd", .hostile = true, .write = write_crowd},
        {.name = "argpath", .hostile = true, .write = write_argpath},
        {.name = "names", .hostile = true, .owns_names = true, .write = write_names},
        {.name = "names_member", .hostile = true, .owns_names = true, .write = write_names_member},
        {.name = "names_arg0", .hostile = true, .owns_names = true, .write = write_names_arg0},
        {.name = "aimed", .hostile = true, .write = write_aimed},
        {.name = "names_all", .hostile = true, .owns_names = true, .write = write_names_all},
        {.name = NULL},
};

const MatchingSet *matching_rules_all(void)
{
        return sets;
}

const MatchingSet *matching_rules_find(const char *name)
{
        for (const MatchingSet *set = sets; set->name; set++)
                if (strcmp(set->name, name) == 0)
                        return set;
        return NULL;
}

void matching_rules_write(const MatchingSet *set, const MatchingAim *aim, unsigned i, char *text)
{
        const unsigned middle = aim->n / 2;

        text[0] = '\0';
        set->write(aim, i == middle ? 0 : i == 0 ? middle : i, text);
}
