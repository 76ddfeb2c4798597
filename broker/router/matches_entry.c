/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A rule's compact copy: fixed part, arguments, their values and other keys' one after the other,
 * then links. About 120 bytes and its strings. What others have already is not copied: the
 * interface, a well-known sender, the bus's name.
 */
#include <stddef.h>
#include <string.h>

#include "broker/base/alloc.h"
#include "broker/base/hash.h"
#include "broker/router/matches_private.h"
#include "broker/router/names.h"

static const Text BUS_NAME = {.data = "org.freedesktop.DBus", .size = 20};

Text matches_entry_text(const MatchEntry *entry, MatchesValue value)
{
        const char *area = (const char *)&entry->args[entry->n_args];

        if (value.offset == 0)
                return TEXT_NONE;
        return (Text){.data = area + value.offset - 1, .size = value.size};
}

/* Where links begin, or where they would. */
static size_t matches_entry_links_at(unsigned n_args, size_t text_size)
{
        size_t at = offsetof(MatchEntry, args) + n_args * sizeof(MatchesArg) + text_size;

        return (at + _Alignof(MatchLink) - 1) & ~(_Alignof(MatchLink) - 1);
}

size_t matches_entry_size(const MatchEntry *entry)
{
        return matches_entry_links_at(entry->n_args, entry->text_size) +
               (size_t)__builtin_popcount(entry->links) * sizeof(MatchLink);
}

MatchLink *matches_entry_link(MatchEntry *entry, MatchLinkKind kind)
{
        MatchLink *links = (MatchLink *)((char *)entry +
                                         matches_entry_links_at(entry->n_args, entry->text_size));

        if (!(entry->links & 1u << kind))
                return NULL;
        return links + __builtin_popcount(entry->links & ((1u << kind) - 1));
}

/* The sender, if it has to be copied. */
static Text matches_rule_unique_sender(const MatchRule *rule)
{
        return text_present(rule->sender) && rule->sender.data[0] == ':' ? rule->sender : TEXT_NONE;
}

static size_t matches_rule_text_size(const MatchRule *rule)
{
        size_t size = matches_rule_unique_sender(rule).size + rule->member.size + rule->path.size +
                      rule->path_namespace.size + rule->destination.size;

        for (unsigned i = 0; i < rule->n_args; i++)
                size += rule->args[i].value.size;
        return size;
}

static uint8_t matches_rule_links(const MatchRule *rule)
{
        unsigned links = 0;

        if (text_present(matches_rule_unique_sender(rule)))
                links |= 1u << LINK_SENDER;
        if (text_present(rule->destination) && rule->destination.data[0] == ':')
                links |= 1u << LINK_DESTINATION;
        if (rule->eavesdrop)
                links |= 1u << LINK_EAVESDROP;
        return (uint8_t)links;
}

static MatchesValue matches_entry_store(MatchEntry *entry, size_t *at, Text text)
{
        char *area = (char *)&entry->args[entry->n_args];
        MatchesValue value = {0};

        if (!text_present(text))
                return value;
        value.offset = (uint16_t)(*at + 1);
        value.size = (uint16_t)text.size;
        memcpy(area + *at, text.data, text.size);
        *at += text.size;
        return value;
}

/* Which argument the shape fixes: the first exact one, else arg0namespace, else none. */
static int8_t matches_choose_arg(const MatchRule *rule)
{
        for (unsigned i = 0; i < rule->n_args; i++)
                if (rule->args[i].kind == MATCHRULE_ARG_EXACT)
                        return (int8_t)i;
        for (unsigned i = 0; i < rule->n_args; i++)
                if (rule->args[i].kind == MATCHRULE_ARG_NAMESPACE)
                        return (int8_t)i;
        return -1;
}

/* Where an endpoint's rule with that canonical text is found in Matches.entries. */
static uint64_t matches_hash_rule(const Endpoint *endpoint, const MatchRule *rule)
{
        char canonical[MATCHRULE_CANONICAL_MAX];

        return hash_mix(hash_bytes(canonical, matchrule_write_canonical(rule, canonical)),
                        endpoint->slot);
}

static void matches_entry_store_texts(MatchEntry *entry, const MatchRule *rule)
{
        size_t at = 0;

        entry->sender = matches_entry_store(entry, &at, matches_rule_unique_sender(rule));
        entry->member = matches_entry_store(entry, &at, rule->member);
        entry->path = matches_entry_store(
                entry, &at, entry->path_is_namespace ? rule->path_namespace : rule->path);
        entry->destination = matches_entry_store(entry, &at, rule->destination);
        for (unsigned i = 0; i < rule->n_args; i++) {
                entry->args[i].index = rule->args[i].index;
                entry->args[i].kind = rule->args[i].kind;
                entry->args[i].value = matches_entry_store(entry, &at, rule->args[i].value);
        }
}

MatchEntry *matches_new_entry(const MatchRule *rule, Endpoint *endpoint)
{
        const size_t text_size = matches_rule_text_size(rule);
        const uint8_t links = matches_rule_links(rule);
        const size_t size = matches_entry_links_at(rule->n_args, text_size) +
                            (size_t)__builtin_popcount(links) * sizeof(MatchLink);
        MatchEntry *entry = alloc_zeroed(1, size);

        if (!entry)
                return NULL;
        cell_init(&entry->next, NULL);
        entry->endpoint = endpoint;
        entry->n = 1;
        entry->text_size = (uint16_t)text_size;
        entry->links = links;
        entry->n_args = rule->n_args;
        entry->type = rule->type;
        entry->eavesdrop = rule->eavesdrop;
        entry->has_eavesdrop = rule->has_eavesdrop;
        entry->path_is_namespace = text_present(rule->path_namespace);
        entry->from_bus = text_equal(rule->sender, BUS_NAME);
        entry->fixed_arg = matches_choose_arg(rule);
        matches_entry_store_texts(entry, rule);
        for (MatchLinkKind kind = 0; kind < LINK_KINDS; kind++)
                if (matches_entry_link(entry, kind))
                        matches_entry_link(entry, kind)->entry = entry;
        entry->table_node.hash = matches_hash_rule(endpoint, rule);
        return entry;
}

MatchEntry *matches_new_monitor_entry(const MatchRule *rule, Endpoint *endpoint)
{
        MatchRule copy = *rule;
        MatchEntry *entry;

        copy.eavesdrop = false; /* or it would be on the eavesdroppers' list */
        copy.has_eavesdrop = false;
        entry = matches_new_entry(&copy, endpoint);
        if (entry)
                entry->monitor = true;
        return entry;
}

void matches_free_entry(MatchEntry *entry)
{
        alloc_free(entry);
}

Text matches_interface_text(const MatchInterface *interface)
{
        if (interface->size == 0) /* no interface's name is empty */
                return TEXT_NONE;
        return (Text){.data = interface->text, .size = interface->size};
}

Text matches_entry_sender(const MatchEntry *entry)
{
        if (entry->from_bus)
                return BUS_NAME;
        return entry->name ? names_text(entry->name) : matches_entry_text(entry, entry->sender);
}

void matches_entry_load(const MatchEntry *entry, MatchRule *ret_rule)
{
        MatchRule *rule = ret_rule;
        Text path = matches_entry_text(entry, entry->path);

        memset(rule, 0, sizeof(*rule));
        rule->sender = matches_entry_sender(entry);
        rule->interface = matches_interface_text(entry->interface);
        rule->member = matches_entry_text(entry, entry->member);
        if (entry->path_is_namespace)
                rule->path_namespace = path;
        else
                rule->path = path;
        rule->destination = matches_entry_text(entry, entry->destination);
        rule->type = entry->type;
        rule->eavesdrop = entry->eavesdrop;
        rule->has_eavesdrop = entry->has_eavesdrop;
        rule->n_args = entry->n_args;
        for (unsigned i = 0; i < entry->n_args; i++) {
                rule->args[i].index = entry->args[i].index;
                rule->args[i].kind = entry->args[i].kind;
                rule->args[i].value = matches_entry_text(entry, entry->args[i].value);
        }
}

MatchEntry *matches_find_entry(const Matches *matches, const Endpoint *endpoint,
                               const MatchRule *rule)
{
        MatchRule other;

        TABLE_FOREACH_MATCH(&matches->entries, matches_hash_rule(endpoint, rule), cursor)
        {
                MatchEntry *entry = CONTAINER_OF(cursor.node, MatchEntry, table_node);

                if (entry->endpoint != endpoint)
                        continue;
                matches_entry_load(entry, &other);
                if (matchrule_equal(&other, rule))
                        return entry;
        }
        return NULL;
}

Name *matches_entry_name(const MatchEntry *entry)
{
        return entry->name;
}

bool matches_entry_watches(const MatchEntry *entry)
{
        return entry->group && entry->group->above;
}

bool matches_entry_eavesdrops(const MatchEntry *entry)
{
        return entry->eavesdrop;
}

bool matches_entry_monitors(const MatchEntry *entry)
{
        return entry->monitor;
}

Endpoint *matches_entry_endpoint(const MatchEntry *entry)
{
        return entry->endpoint;
}

uint32_t matches_entry_count(const MatchEntry *entry)
{
        return entry->n;
}

MatchEntry *matches_first_naming(const Endpoint *endpoint)
{
        ListNode *node = list_first(&endpoint->named_by);

        return node ? CONTAINER_OF(node, MatchLink, node)->entry : NULL;
}

MatchEntry *matches_first_entry(const Endpoint *endpoint)
{
        ListNode *node = list_first(&endpoint->rules);

        return node ? CONTAINER_OF(node, MatchEntry, owner_node) : NULL;
}

MatchEntry *matches_last_entry(const Endpoint *endpoint)
{
        ListNode *node = list_last(&endpoint->rules);

        return node ? CONTAINER_OF(node, MatchEntry, owner_node) : NULL;
}

void matches_entry_signature(const MatchEntry *entry, MatchesSignature *ret_signature)
{
        MatchesSignature signature = {.has_sender = entry->from_bus || entry->sender.offset != 0,
                                      .has_member = entry->member.offset != 0};
        uint64_t hashes[MATCHES_DEPTH_MAX + 1];

        if (entry->path.offset != 0 && entry->path_is_namespace) {
                signature.path_kind = PATH_NAMESPACE;
                signature.path_depth = (uint16_t)matches_hash_elements(
                        matches_entry_text(entry, entry->path), '/', MATCHES_DEPTH_MAX, hashes);
        } else if (entry->path.offset != 0) {
                signature.path_kind = PATH_EXACT;
        }
        if (entry->fixed_arg >= 0) {
                const MatchesArg *arg = &entry->args[entry->fixed_arg];

                signature.arg_index = arg->index;
                signature.arg_kind = arg->kind == MATCHRULE_ARG_EXACT ? ARG_EXACT : ARG_NAMESPACE;
                if (signature.arg_kind == ARG_NAMESPACE)
                        signature.arg_depth = (uint16_t)matches_hash_elements(
                                matches_entry_text(entry, arg->value), '.', MATCHES_DEPTH_MAX,
                                hashes);
        }
        *ret_signature = signature;
}

static uint64_t matches_hash_prefix(Text text, char separator)
{
        uint64_t hashes[MATCHES_DEPTH_MAX + 1];

        return hashes[matches_hash_elements(text, separator, MATCHES_DEPTH_MAX, hashes)];
}

uint64_t matches_entry_hash(const MatchEntry *entry, const MatchesSignature *signature,
                            uint64_t seed)
{
        uint64_t hash = seed;

        if (signature->has_member)
                hash = hash_mix(hash, hash_text(matches_entry_text(entry, entry->member)));
        if (signature->path_kind == PATH_EXACT)
                hash = hash_mix(hash, hash_text(matches_entry_text(entry, entry->path)));
        else if (signature->path_kind == PATH_NAMESPACE)
                hash = hash_mix(hash,
                                matches_hash_prefix(matches_entry_text(entry, entry->path), '/'));
        if (signature->arg_kind != ARG_ANY) {
                Text value = matches_entry_text(entry, entry->args[entry->fixed_arg].value);

                hash = hash_mix(hash, signature->arg_kind == ARG_EXACT
                                              ? hash_text(value)
                                              : matches_hash_prefix(value, '.'));
        }
        if (signature->has_sender)
                hash = hash_mix(hash, hash_text(matches_entry_sender(entry)));
        return hash;
}

bool matches_entry_same_values(const MatchEntry *a, const MatchEntry *b)
{
        if (a->interface != b->interface || a->from_bus != b->from_bus ||
            !text_equal(matches_entry_text(a, a->sender), matches_entry_text(b, b->sender)) ||
            !text_equal(matches_entry_text(a, a->member), matches_entry_text(b, b->member)) ||
            !text_equal(matches_entry_text(a, a->path), matches_entry_text(b, b->path)) ||
            a->path_is_namespace != b->path_is_namespace)
                return false;
        if (a->fixed_arg < 0 || b->fixed_arg < 0)
                return a->fixed_arg == b->fixed_arg;
        return a->args[a->fixed_arg].index == b->args[b->fixed_arg].index &&
               a->args[a->fixed_arg].kind == b->args[b->fixed_arg].kind &&
               text_equal(matches_entry_text(a, a->args[a->fixed_arg].value),
                          matches_entry_text(b, b->args[b->fixed_arg].value));
}

bool matches_entry_is_alike(const MatchEntry *a, const MatchEntry *b)
{
        if (a->n_args != b->n_args || a->name != b->name || !matches_entry_same_values(a, b))
                return false;
        for (unsigned i = 0; i < a->n_args; i++)
                if (a->args[i].index != b->args[i].index || a->args[i].kind != b->args[i].kind ||
                    !text_equal(matches_entry_text(a, a->args[i].value),
                                matches_entry_text(b, b->args[i].value)))
                        return false;
        return true;
}
