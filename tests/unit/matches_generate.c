/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/matches_generate.h"

#include <stdio.h>
#include <string.h>

#include "broker/base/assert.h"

const char *const matches_generate_names[MODEL_NAMES] = {"n.a", "n.b", "n.a.b", "org.n"};

static uint64_t random_state = 1;

void matches_generate_begin(uint64_t seed)
{
        random_state = seed * 2 + 1;
}

static uint64_t generate_next(void) /* xorshift64* */
{
        random_state ^= random_state >> 12;
        random_state ^= random_state << 25;
        random_state ^= random_state >> 27;
        return random_state * UINT64_C(0x2545f4914f6cdd1d);
}

unsigned matches_generate_below(unsigned n)
{
        return (unsigned)((generate_next() >> 33) % n);
}

#define PICK(array) ((array)[matches_generate_below(ARRAY_SIZE(array))])

static const char *const interfaces[] = {"a.b", "a.b.c", "x.y"};
static const char *const members[] = {"M", "N", "M2"};
static const char *const types[] = {"signal", "method_call", "method_return", "error"};
static const char *const paths[] = {"/", "/a", "/a/b", "/a/b/c", "/ab", "/a/bc", "/b"};
static const char *const spaces[] = {"a", "a.b", "a.b.c", "ab", "b"};
static const char *const texts[] = {"",     "a",     "a.b",  "a.b.c", "a.bc", "a.",
                                    ".a",   "a..b",  "ab",   "/",     "/a",   "/a/",
                                    "/a/b", "/a/b/", "/ab/", "b",     "a/",   "/b/c"};

static char deep[3][512]; /* long paths */

static void make_deep_paths(void)
{
        size_t at = 0;

        for (unsigned i = 0; i < 240; i++)
                at += (size_t)snprintf(deep[0] + at, sizeof(deep[0]) - at, "/%c", "ab"[i % 2]);
        memcpy(deep[1], deep[0], at - 2); /* its parent */
        memcpy(deep[2], deep[0], at);
        deep[2][at - 1] = 'x'; /* its sibling */
}

const char *matches_generate_path(void)
{
        if (deep[0][0] == '\0')
                make_deep_paths();
        return matches_generate_below(12) == 0 ? deep[matches_generate_below(3)] : PICK(paths);
}

const char *matches_generate_party(MatchesParties parties)
{
        switch (matches_generate_below(4)) {
        case 0:
                return parties.unique[matches_generate_below(parties.n)];
        case 1:
                return matches_generate_below(4) == 0 ? "org.freedesktop.DBus" : ":1.9999";
        default:
                return matches_generate_names[matches_generate_below(MODEL_NAMES)];
        }
}

/* arg0-3 are frequent, all others occur. */
static unsigned random_index(void)
{
        return matches_generate_below(3) == 0 ? matches_generate_below(64)
                                              : matches_generate_below(4);
}

static size_t add_key(char *text, size_t at, const char *key, const char *value)
{
        return at + (size_t)snprintf(text + at, MATCHRULE_TEXT_MAX - at, "%s%s='%s'",
                                     at > 0 ? "," : "", key, value);
}

static size_t add_args(char *text, size_t at)
{
        bool used[64] = {false};
        char key[32];

        for (unsigned n = matches_generate_below(4); n > 0; n--) {
                unsigned index = random_index(), kind = matches_generate_below(4);

                if (used[index])
                        continue;
                used[index] = true;
                if (kind == 0) {
                        snprintf(key, sizeof(key), "arg%upath", index);
                        at = add_key(text, at, key, PICK(texts));
                } else if (kind == 1 && !used[0]) {
                        used[0] = true;
                        at = add_key(text, at, "arg0namespace", PICK(spaces));
                } else {
                        snprintf(key, sizeof(key), "arg%u", index);
                        at = add_key(text, at, key, PICK(texts));
                }
        }
        return at;
}

void matches_generate_rule(MatchesParties parties, char *text)
{
        size_t at = 0;

        text[0] = '\0';
        if (matches_generate_below(4) == 0)
                at = add_key(text, at, "type",
                             types[matches_generate_below(3) ? 0 : matches_generate_below(4)]);
        if (matches_generate_below(3) == 0)
                at = add_key(text, at, "sender", matches_generate_party(parties));
        if (matches_generate_below(9) == 0)
                at = add_key(text, at, "destination", matches_generate_party(parties));
        if (matches_generate_below(3) == 0)
                at = add_key(text, at, "interface", PICK(interfaces));
        if (matches_generate_below(3) == 0)
                at = add_key(text, at, "member", PICK(members));
        if (matches_generate_below(6) == 0)
                at = add_key(text, at, "path", matches_generate_path());
        else if (matches_generate_below(4) == 0)
                at = add_key(text, at, "path_namespace", matches_generate_path());
        if (matches_generate_below(5) == 0)
                at = add_key(text, at, "eavesdrop", matches_generate_below(4) ? "true" : "false");
        if (matches_generate_below(2) == 0)
                add_args(text, at);
}

void matches_generate_args(ModelMessage *message)
{
        static const char *const objects[] = {"/", "/a", "/a/b", "/ab", "/b/c"};

        message->n_args = matches_generate_below(4) == 0 ? matches_generate_below(MODEL_ARGS_MAX)
                                                         : matches_generate_below(5);
        for (unsigned i = 0; i < message->n_args; i++) {
                static const char kinds[] = "sssssoguas";

                message->args[i].type = kinds[matches_generate_below(sizeof(kinds) - 1)];
                message->args[i].text = message->args[i].type == 'o'   ? PICK(objects)
                                        : message->args[i].type == 'g' ? "s"
                                                                       : PICK(texts);
        }
}

const char *matches_generate_interface(void)
{
        return PICK(interfaces);
}

const char *matches_generate_member(void)
{
        return PICK(members);
}
