/* SPDX-License-Identifier: Apache-2.0 */
/* What a message looks like to the match index: hashes and arguments, computed when first asked. */
#include "broker/base/hash.h"
#include "broker/router/matches_private.h"
#include "broker/router/names.h"

static const Text BUS_NAME = {.data = "org.freedesktop.DBus", .size = 20};

void matches_query(MatchQuery *query, const Header *header, const uint8_t *body,
                   const Endpoint *sender, const Endpoint *recipient)
{
        query->header = header;
        query->body = body;
        query->sender = sender;
        query->recipient = recipient;
        query->sender_name = sender ? endpoint_name(sender) : BUS_NAME;
        query->n_args = MATCHES_ARGS_UNREAD;
        query->n_path_hashes = 0;
        query->n_name_hashes = 0;
        query->path_hash = 0;
        query->interface_hash = 0;
        query->member_hash = 0;
        query->sender_hash = 0;
}

void matches_query_read_args(MatchQuery *query)
{
        if (query->n_args != MATCHES_ARGS_UNREAD)
                return;
        query->n_args = (uint8_t)body_read_args(
                query->body, query->header->frame.body_size, query->header->signature,
                query->header->frame.big_endian, BODY_ARGS_MAX, query->args);
}

static uint64_t matches_query_hash(uint64_t *hash, Text text)
{
        if (!*hash)
                *hash = hash_text(matches_clip(text));
        return *hash;
}

uint64_t matches_query_interface_hash(MatchQuery *query)
{
        return matches_query_hash(&query->interface_hash, query->header->interface);
}

uint64_t matches_query_path_hash(MatchQuery *query)
{
        return matches_query_hash(&query->path_hash, query->header->path);
}

uint64_t matches_query_member_hash(MatchQuery *query)
{
        return matches_query_hash(&query->member_hash, query->header->member);
}

uint64_t matches_query_sender_hash(MatchQuery *query)
{
        return matches_query_hash(&query->sender_hash, query->sender_name);
}

bool matches_query_arg_hash(MatchQuery *query, unsigned index, uint64_t *ret_hash)
{
        matches_query_read_args(query);
        if (index >= query->n_args || query->args[index].type != 's')
                return false;
        *ret_hash = hash_text(matches_clip(query->args[index].text));
        return true;
}

unsigned matches_hash_elements(Text text, char separator, unsigned n_max, uint64_t *hashes)
{
        size_t at = separator == '/' ? 1 : 0; /* a path begins with its separator */
        unsigned n = 0;

        hashes[0] = UINT64_C(0x2545f4914f6cdd1d);
        while (at < text.size && n < n_max) {
                const char *end = memchr(text.data + at, separator, text.size - at);
                size_t size = end ? (size_t)(end - text.data) - at : text.size - at;

                hashes[n + 1] = hash_mix(hashes[n], hash_bytes(text.data + at, size));
                n++;
                at += size + 1;
        }
        return n;
}

bool matches_query_path_prefix(MatchQuery *query, unsigned depth, uint64_t *ret_hash)
{
        if (query->n_path_hashes == 0)
                query->n_path_hashes =
                        (uint16_t)(1 + matches_hash_elements(matches_clip(query->header->path), '/',
                                                             MATCHES_DEPTH_MAX,
                                                             query->path_hashes));
        if (depth >= query->n_path_hashes)
                return false;
        *ret_hash = query->path_hashes[depth];
        return true;
}

bool matches_query_name_prefix(MatchQuery *query, unsigned depth, uint64_t *ret_hash)
{
        matches_query_read_args(query);
        if (query->n_args == 0 || query->args[0].type != 's')
                return false;
        if (query->n_name_hashes == 0)
                query->n_name_hashes =
                        (uint16_t)(1 + matches_hash_elements(matches_clip(query->args[0].text), '.',
                                                             MATCHES_DEPTH_MAX,
                                                             query->name_hashes));
        if (depth >= query->n_name_hashes)
                return false;
        *ret_hash = query->name_hashes[depth];
        return true;
}

static bool matches_query_has_arg(MatchQuery *query, const MatchEntry *entry, const MatchesArg *arg)
{
        Text value = matches_entry_text(entry, arg->value);
        const BodyArg *have;

        matches_query_read_args(query);
        if (arg->index >= query->n_args)
                return false;
        have = &query->args[arg->index];
        switch ((MatchRuleArgKind)arg->kind) {
        case MATCHRULE_ARG_EXACT:
                return have->type == 's' && text_equal(have->text, value);
        case MATCHRULE_ARG_PATH:
                return (have->type == 's' || have->type == 'o') &&
                       matchrule_path_overlaps(have->text, value);
        case MATCHRULE_ARG_NAMESPACE:
                return have->type == 's' && matchrule_name_in_namespace(have->text, value);
        }
        return false;
}

static bool matches_query_has_path(const MatchQuery *query, const MatchEntry *entry)
{
        Text path = matches_entry_text(entry, entry->path);

        if (!text_present(path))
                return true;
        if (!text_present(query->header->path))
                return false;
        return entry->path_is_namespace ? matchrule_path_in_namespace(query->header->path, path)
                                        : text_equal(query->header->path, path);
}

/* An absent key asks for nothing; an absent field matches no key. */
static bool matches_value_is(const MatchEntry *entry, MatchesValue value, Text have)
{
        return value.offset == 0 || text_equal(matches_entry_text(entry, value), have);
}

bool matches_query_has_values(MatchQuery *query, const MatchEntry *entry)
{
        Text interface = matches_interface_text(entry->interface);

        return (!entry->from_bus || !query->sender) &&
               matches_value_is(entry, entry->sender, query->sender_name) &&
               (!text_present(interface) || text_equal(interface, query->header->interface)) &&
               matches_value_is(entry, entry->member, query->header->member) &&
               matches_query_has_path(query, entry) &&
               (entry->fixed_arg < 0 ||
                matches_query_has_arg(query, entry, &entry->args[entry->fixed_arg]));
}

/* Inside the turn there is no mark but in a step that changes the name, and there the bus is the
 * sender. */
bool matches_query_is_from(const MatchQuery *query, const Name *name)
{
        bool marked;

        return query->sender && names_load(name, &marked) == query->sender;
}

bool matches_query_has_rest(MatchQuery *query, const MatchEntry *entry)
{
        if (entry->name && !matches_query_is_from(query, entry->name))
                return false;
        for (int i = 0; i < entry->n_args; i++)
                if (i != entry->fixed_arg && !matches_query_has_arg(query, entry, &entry->args[i]))
                        return false;
        return true;
}

/* Whether the endpoint (NULL: the bus) goes by that name: unique, or primary owner. */
static bool matches_endpoint_is(const Endpoint *endpoint, Text name)
{
        if (!endpoint)
                return text_equal(name, BUS_NAME);
        if (endpoint->id != ENDPOINT_NO_ID && text_equal(name, endpoint_name(endpoint)))
                return true;
        return names_endpoint_has(endpoint, name, true);
}

static bool matches_query_is_for(const MatchQuery *query, Text destination)
{
        if (!text_present(query->header->destination))
                return false;
        if (!query->recipient)
                return text_equal(destination, query->header->destination);
        return matches_endpoint_is(query->recipient, destination);
}

bool matches_query_satisfies(MatchQuery *query, const MatchEntry *entry)
{
        Text destination = matches_entry_text(entry, entry->destination);

        if (entry->type != 0 && entry->type != query->header->frame.type)
                return false;
        if (text_present(destination) && !matches_query_is_for(query, destination))
                return false;
        return matches_query_has_values(query, entry) && matches_query_has_rest(query, entry);
}
