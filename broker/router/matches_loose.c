/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loose rules: those that no shape holds, because there are too many shapes or too many rules that
 * differ only in what a shape does not fix. Each is found by one of its keys and then checked
 * literally. A key is a number:
 *
 *      word 0          interface and member (bits 0 and 1 of the number), path, unique sender
 *      word 1, 2       argN, argNpath
 *      then            path_namespace, arg0namespace, by depth
 *
 * A message asks by the keys that are in use and that it has, so that what it costs depends on the
 * message and not on the rules; the choice of keys keeps the rules that are found by one few.
 */
#include "broker/base/hash.h"
#include "broker/router/matches_private.h"

enum {
        KEY_INTERFACE = 1, /* these two added: both; 0: neither */
        KEY_MEMBER = 2,
        KEY_PATH = 4,
        KEY_SENDER = 5,
        KEY_ARG = 64,
        KEY_ARG_PATH = 128,
        KEY_PATH_NAMESPACE = 192,
        KEY_NAME_NAMESPACE = KEY_PATH_NAMESPACE + MATCHES_DEPTH_MAX,
        KEYS_END = KEY_NAME_NAMESPACE + MATCHES_DEPTH_MAX,
};
_Static_assert(KEYS_END == MATCHES_KEY_WORDS * 64, "words of keys");

static uint64_t matches_key_hash(unsigned key, uint64_t value)
{
        return hash_mix(UINT64_C(0x6c62272e07bb0142) + key, value);
}

int matches_key_path_arg(uint16_t key)
{
        return key >= KEY_ARG_PATH && key < KEY_PATH_NAMESPACE ? key - KEY_ARG_PATH : -1;
}

/* Prefixes are shared by so many more messages than other values: a guess. */
enum { KEY_COMMONNESS = 64 };

/* A choice of key under way: the keys come in the order of how few messages have each. */
typedef struct KeyChoice {
        const Matches *matches;
        const MatchEntry *entry;
        uint16_t key;
        uint64_t hash;
        uint64_t n; /* unlike rules that are found by it, weighed; UINT64_MAX: no choice yet */
} KeyChoice;

static void matches_offer_key(KeyChoice *choice, unsigned key, uint64_t value)
{
        const uint64_t hash = matches_key_hash(key, value);
        const MatchGroup *group;
        const MatchEntry *first;
        uint64_t n;

        if (choice->n == 0)
                return;
        group = matches_find_group(choice->matches, hash, NULL, NULL);
        first = group ? cell_get(&group->entries) : NULL;
        n = !first || matches_entry_is_alike(first, choice->entry) ? 0 : group->n_entries;
        if (key >= KEY_ARG_PATH)
                n = (n + 1) * KEY_COMMONNESS;
        if (n >= choice->n)
                return;
        choice->key = (uint16_t)key;
        choice->hash = hash;
        choice->n = n;
}

static uint64_t matches_last_element(Text text, char separator, unsigned *ret_depth)
{
        uint64_t hashes[MATCHES_DEPTH_MAX + 1];

        *ret_depth = matches_hash_elements(text, separator, MATCHES_DEPTH_MAX - 1, hashes);
        return hashes[*ret_depth];
}

/* The hash of a path-like text: a step for each element that a '/' ends, and one for the rest. */
static uint64_t matches_hash_rest(uint64_t hash, Text rest)
{
        return rest.size > 0 ? hash_mix(hash, hash_mix(hash_text(rest), 1)) : hash;
}

static uint64_t matches_hash_pathlike(Text text)
{
        uint64_t hash = 0;
        size_t at = 0;

        for (size_t i = 0; i < text.size; i++) {
                if (text.data[i] != '/')
                        continue;
                hash = hash_mix(hash, hash_bytes(text.data + at, i - at));
                at = i + 1;
        }
        return matches_hash_rest(hash, (Text){.data = text.data + at, .size = text.size - at});
}

static void matches_offer_args(KeyChoice *choice, const MatchEntry *entry, MatchRuleArgKind kind)
{
        for (unsigned i = 0; i < entry->n_args; i++) {
                const MatchesArg *arg = &entry->args[i];
                Text value = matches_entry_text(entry, arg->value);
                uint64_t hash;
                unsigned depth;

                if (arg->kind != kind)
                        continue;
                switch (kind) {
                case MATCHRULE_ARG_EXACT:
                        matches_offer_key(choice, KEY_ARG + arg->index, hash_text(value));
                        break;
                case MATCHRULE_ARG_PATH:
                        matches_offer_key(choice, KEY_ARG_PATH + arg->index,
                                          matches_hash_pathlike(value));
                        break;
                case MATCHRULE_ARG_NAMESPACE:
                        hash = matches_last_element(value, '.', &depth);
                        matches_offer_key(choice, KEY_NAME_NAMESPACE + depth, hash);
                        break;
                }
        }
}

static void matches_offer_path(KeyChoice *choice, const MatchEntry *entry)
{
        Text path = matches_entry_text(entry, entry->path);
        uint64_t hash;
        unsigned depth;

        if (!text_present(path))
                return;
        if (!entry->path_is_namespace) {
                matches_offer_key(choice, KEY_PATH, hash_text(path));
                return;
        }
        hash = matches_last_element(path, '/', &depth);
        if (depth > 0) /* "/" is every message's */
                matches_offer_key(choice, KEY_PATH_NAMESPACE + depth, hash);
}

/* By interface and member, as far as the rule has them. */
static void matches_offer_fields(KeyChoice *choice, const MatchEntry *entry)
{
        Text interface = matches_interface_text(entry->interface);
        Text member = matches_entry_text(entry, entry->member);
        unsigned key = 0;
        uint64_t hash = 0;

        if (text_present(interface)) {
                key += KEY_INTERFACE;
                hash = hash_mix(hash, hash_text(interface));
        }
        if (text_present(member)) {
                key += KEY_MEMBER;
                hash = hash_mix(hash, hash_text(member));
        }
        matches_offer_key(choice, key, hash);
}

bool matches_choose_key(const Matches *matches, const MatchEntry *entry, bool only_good,
                        uint16_t *ret_key, uint64_t *ret_hash)
{
        KeyChoice choice = {.matches = matches, .entry = entry, .n = UINT64_MAX};
        Text sender = matches_entry_text(entry, entry->sender);

        matches_offer_args(&choice, entry, MATCHRULE_ARG_EXACT);
        matches_offer_path(&choice, entry);
        if (text_present(sender))
                matches_offer_key(&choice, KEY_SENDER, hash_text(sender));
        matches_offer_args(&choice, entry, MATCHRULE_ARG_NAMESPACE);
        matches_offer_args(&choice, entry, MATCHRULE_ARG_PATH);
        if (choice.n == UINT64_MAX && !only_good)
                matches_offer_fields(&choice, entry);
        if (choice.n == UINT64_MAX)
                return false;
        *ret_key = choice.key;
        *ret_hash = choice.hash;
        return true;
}

/* One bit of 64, by the hash's end that the tables do not use. */
static uint64_t matches_filter_bit(uint64_t hash)
{
        return UINT64_C(1) << (hash >> 58);
}

void matches_count_key(Matches *matches, uint16_t key, uint64_t hash, bool in)
{
        MatchesLoose *loose = &matches->loose;
        uint64_t filter = tally_read(&loose->filters[key]);
        const unsigned word = key / 64;
        const uint64_t bit = UINT64_C(1) << key % 64;
        uint64_t bits = tally_read(&loose->bits[word]), words = tally_read(&loose->words);

        loose->n[key] += in ? 1 : UINT32_MAX;
        if (in)
                filter |= matches_filter_bit(hash);
        else if (loose->n[key] == 0)
                filter = 0;
        tally_set(&loose->filters[key], filter);
        bits = loose->n[key] > 0 ? bits | bit : bits & ~bit;
        words = bits ? words | UINT64_C(1) << word : words & ~(UINT64_C(1) << word);
        tally_set(&loose->bits[word], bits);
        tally_set(&loose->words, words);
}

/* Look-ups. */

static void matches_ask(const MatchLookup *lookup, unsigned key, uint64_t value)
{
        const uint64_t hash = matches_key_hash(key, value);

        if (tally_read(&lookup->matches->loose.filters[key]) & matches_filter_bit(hash))
                matches_probe(lookup, NULL, hash);
}

static void matches_ask_fields(const MatchLookup *lookup, unsigned key)
{
        MatchQuery *query = lookup->query;
        uint64_t hash = 0;

        if (key & KEY_INTERFACE) {
                if (!text_present(query->header->interface))
                        return;
                hash = hash_mix(hash, matches_query_interface_hash(query));
        }
        if (key & KEY_MEMBER) {
                if (!text_present(query->header->member))
                        return;
                hash = hash_mix(hash, matches_query_member_hash(query));
        }
        matches_ask(lookup, key, hash);
}

static void matches_ask_common(const MatchLookup *lookup, uint64_t bits)
{
        for (; bits; bits &= bits - 1) {
                unsigned key = (unsigned)__builtin_ctzll(bits);

                if (key == KEY_PATH)
                        matches_ask(lookup, key, matches_query_path_hash(lookup->query));
                else if (key == KEY_SENDER)
                        matches_ask(lookup, key, matches_query_sender_hash(lookup->query));
                else
                        matches_ask_fields(lookup, key);
        }
}

/* The bits of arguments that the message has. */
static uint64_t matches_clip_args(MatchQuery *query, uint64_t bits)
{
        matches_query_read_args(query);
        return query->n_args < 64 ? bits & ((UINT64_C(1) << query->n_args) - 1) : bits;
}

static void matches_ask_args(const MatchLookup *lookup, uint64_t bits)
{
        uint64_t hash;

        for (bits = matches_clip_args(lookup->query, bits); bits; bits &= bits - 1) {
                unsigned index = (unsigned)__builtin_ctzll(bits);

                if (matches_query_arg_hash(lookup->query, index, &hash))
                        matches_ask(lookup, KEY_ARG + index, hash);
        }
}

/* Rules for the argument itself and for what it lies below; and, if it ends in '/', whatever lies
 * below it. */
static void matches_ask_path_arg(const MatchLookup *lookup, unsigned index, Text text)
{
        const bool is_folder = text.size > 0 && text.data[text.size - 1] == '/';
        const Cell *groups = &lookup->matches->loose.path_groups[index];
        uint64_t hash = 0;
        size_t at = 0;

        if (is_folder) {
                for (const MatchListedGroup *group = cell_get(groups); group;
                     group = cell_get(&group->next))
                        matches_probe_group(lookup, &group->group);
                return;
        }
        text = matches_clip(text);
        for (size_t i = 0; i < text.size; i++) {
                if (text.data[i] != '/')
                        continue;
                hash = hash_mix(hash, hash_bytes(text.data + at, i - at));
                matches_ask(lookup, KEY_ARG_PATH + index, hash);
                at = i + 1;
        }
        matches_ask(
                lookup, KEY_ARG_PATH + index,
                matches_hash_rest(hash, (Text){.data = text.data + at, .size = text.size - at}));
}

static void matches_ask_path_args(const MatchLookup *lookup, uint64_t bits)
{
        for (bits = matches_clip_args(lookup->query, bits); bits; bits &= bits - 1) {
                unsigned index = (unsigned)__builtin_ctzll(bits);
                const BodyArg *arg = &lookup->query->args[index];

                if (arg->type == 's' || arg->type == 'o')
                        matches_ask_path_arg(lookup, index, arg->text);
        }
}

/* `first` is the key for depth 0 of the 64 that are meant. */
static void matches_ask_depths(const MatchLookup *lookup, unsigned word, uint64_t bits)
{
        const bool is_path = word * 64 < KEY_NAME_NAMESPACE;
        const unsigned first = is_path ? KEY_PATH_NAMESPACE : KEY_NAME_NAMESPACE;
        uint64_t hash;

        for (; bits; bits &= bits - 1) {
                unsigned key = word * 64 + (unsigned)__builtin_ctzll(bits);

                if (!(is_path ? matches_query_path_prefix(lookup->query, key - first, &hash)
                              : matches_query_name_prefix(lookup->query, key - first, &hash)))
                        return; /* nor any deeper one */
                matches_ask(lookup, key, hash);
        }
}

void matches_find_loose(const MatchLookup *lookup)
{
        const MatchesLoose *loose = &lookup->matches->loose;
        uint64_t words = tally_read(&loose->words);

        for (; words; words &= words - 1) {
                unsigned word = (unsigned)__builtin_ctzll(words);
                uint64_t bits = tally_read(&loose->bits[word]);

                if (word == 0)
                        matches_ask_common(lookup, bits);
                else if (word == KEY_ARG / 64)
                        matches_ask_args(lookup, bits);
                else if (word == KEY_ARG_PATH / 64)
                        matches_ask_path_args(lookup, bits);
                else
                        matches_ask_depths(lookup, word, bits);
        }
}
