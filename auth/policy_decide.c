/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules that concern a connection are never put together: its sections are walked from the last
 * one to the first, each from its end, so the first rule that matches is the one that wins. A rule
 * that discards earlier ones ends the walk, whether it matches or not.
 */
#include "auth/policy.h"

#include "broker/base/assert.h"

/* One question. */
typedef struct Walk {
        const Policy *policy;
        PolicyDomain domain;
        const PolicyParty *other; /* than the one whose rules are walked; NULL: the bus */
        const PolicyShape *shape;
        Text name;   /* to be owned */
        bool counts; /* all matches, not only the one that wins */
        unsigned n_matches;
        PolicyVerdict verdict;
} Walk;

void policy_shape(const Policy *policy, const Header *header, Text name, PolicyShape *ret_shape)
{
        const Text texts[POLICY_FIELDS] = {[POLICY_FIELD_INTERFACE] = header->interface,
                                           [POLICY_FIELD_MEMBER] = header->member,
                                           [POLICY_FIELD_PATH] = header->path,
                                           [POLICY_FIELD_ERROR] = header->error_name};

        for (PolicyField field = 0; field < POLICY_FIELDS; field++) {
                if (!text_present(texts[field]))
                        ret_shape->fields[field] = POLICYTEXTS_ABSENT;
                else if (!(policy->sizes[field] >> texts[field].size % 64 & 1))
                        ret_shape->fields[field] = POLICYTEXTS_OTHER;
                else
                        ret_shape->fields[field] = policytexts_find(&policy->texts, texts[field]);
        }
        ret_shape->name = policytexts_classify(&policy->texts, name);
        ret_shape->n_fds = 0;
        if (policy->counts_fds)
                ret_shape->n_fds =
                        header->n_unix_fds < UINT16_MAX ? (uint16_t)header->n_unix_fds : UINT16_MAX;
        ret_shape->type = header->frame.type;
        ret_shape->flags = 0;
        if (header->reply_serial != 0)
                ret_shape->flags |= POLICY_SHAPE_REPLY;
        if (header->frame.type == FRAME_TYPE_SIGNAL && !text_present(header->destination))
                ret_shape->flags |= POLICY_SHAPE_BROADCAST;
}

/* A rule that allows replies means requested ones, one that denies them those that nobody asked
 * for, unless it says otherwise. */
static bool covers_reply(const PolicyTest *test, unsigned flags)
{
        if (!(flags & POLICY_SHAPE_REPLY))
                return true;
        if (flags & POLICY_SHAPE_REQUESTED)
                return test->allow || test->requested_reply;
        return !test->allow || !test->requested_reply || test->eavesdrop;
}

/* A field that the message does not have matches, but an interface only to deny. */
static bool covers_fields(const PolicyTest *test, const PolicyShape *shape)
{
        for (PolicyField field = 0; field < POLICY_FIELDS; field++) {
                if (test->fields[field] == 0 || test->fields[field] == shape->fields[field])
                        continue;
                if (shape->fields[field] != POLICYTEXTS_ABSENT)
                        return false;
                if (field == POLICY_FIELD_INTERFACE && test->allow)
                        return false;
        }
        return true;
}

static bool covers_broadcast(const PolicyTest *test, unsigned flags)
{
        switch ((PolicyBroadcast)test->broadcast) {
        case POLICY_BROADCAST_ANY:
                return true;
        case POLICY_BROADCAST_NO:
                return !(flags & POLICY_SHAPE_BROADCAST);
        case POLICY_BROADCAST_YES:
                return flags & POLICY_SHAPE_BROADCAST;
        }
        ASSERT_NOT_REACHED();
}

/* Eavesdropping must be allowed by name; what denies it denies nothing else. */
static bool covers_eavesdropping(const PolicyTest *test, unsigned flags)
{
        const bool eavesdrops = flags & POLICY_SHAPE_EAVESDROPS;

        return test->allow ? !eavesdrops || test->eavesdrop : eavesdrops || !test->eavesdrop;
}

static Text text_of(const Policy *policy, uint32_t number)
{
        const PolicyText *text = &policy->texts.items[number];

        return (Text){.data = text->data, .size = text->size};
}

/* The other side's name: of a connection those that it has, of the bus what the header says. */
static bool covers_name(const Walk *walk, const PolicyTest *test)
{
        if (test->name == 0)
                return true;
        if (walk->other)
                return walk->other->has_name(walk->other->context,
                                             text_of(walk->policy, test->name),
                                             test->name_is_prefix);
        if (test->name_is_prefix)
                return policytexts_class_begins(&walk->policy->texts, walk->shape->name,
                                                test->name);
        return policytexts_class_is(walk->shape->name, test->name);
}

static bool covers_message(const Walk *walk, const PolicyTest *test)
{
        const PolicyShape *shape = walk->shape;

        if (test->type != 0 && test->type != shape->type)
                return false;
        if (walk->domain == POLICY_DOMAIN_SEND ? !covers_broadcast(test, shape->flags)
                                               : !covers_eavesdropping(test, shape->flags))
                return false;
        if (shape->n_fds < test->min_fds || shape->n_fds > test->max_fds)
                return false;
        return covers_reply(test, shape->flags) && covers_fields(test, shape) &&
               covers_name(walk, test);
}

static bool covers_ownership(const Walk *walk, const PolicyTest *test)
{
        Text text;

        if (test->name == 0)
                return true;
        text = text_of(walk->policy, test->name);
        if (!test->name_is_prefix)
                return text_equal(walk->name, text);
        return text_starts_with(walk->name, text) &&
               (walk->name.size == text.size || walk->name.data[text.size] == '.');
}

/* Whether the walk is over. */
static bool walk_section(Walk *walk, const PolicySection *section)
{
        const PolicyTest *tests = &walk->policy->tests[section->first];

        for (uint32_t i = section->n; i > 0; i--) {
                const PolicyTest *test = &tests[i - 1];

                if (walk->domain == POLICY_DOMAIN_OWN ? covers_ownership(walk, test)
                                                      : covers_message(walk, test)) {
                        if (walk->n_matches++ == 0)
                                walk->verdict =
                                        (PolicyVerdict){.allowed = test->allow, .log = test->log};
                        if (!walk->counts)
                                return true;
                }
                if (test->discards)
                        return true;
        }
        return false;
}

/* The one section of a context without ids, if there are rules. */
static bool walk_context(Walk *walk, PolicyContext context)
{
        const PolicySections *sections = &walk->policy->contexts[walk->domain][context];

        return sections->n > 0 && walk_section(walk, &walk->policy->sections[sections->first]);
}

static bool walk_user(Walk *walk, uint32_t uid)
{
        const PolicySections *sections = &walk->policy->contexts[walk->domain][POLICY_CONTEXT_USER];
        const PolicySection *items = &walk->policy->sections[sections->first];
        uint32_t low = 0, high = sections->n;

        while (low < high) {
                const uint32_t middle = low + (high - low) / 2;

                if (items[middle].id < uid)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low < sections->n && items[low].id == uid && walk_section(walk, &items[low]);
}

/* Both lists are ascending; from their ends. */
static bool walk_groups(Walk *walk, const PolicyParty *party)
{
        const PolicySections *sections =
                &walk->policy->contexts[walk->domain][POLICY_CONTEXT_GROUP];
        const PolicySection *items = &walk->policy->sections[sections->first];
        uint32_t n = sections->n;
        size_t n_gids = party->n_gids;

        while (n > 0 && n_gids > 0) {
                const uint32_t id = items[n - 1].id, gid = party->gids[n_gids - 1];

                if (id == gid && walk_section(walk, &items[n - 1]))
                        return true;
                n -= id >= gid;
                n_gids -= gid >= id;
        }
        return false;
}

static void walk_all(Walk *walk, const PolicyParty *party)
{
        (void)(walk_context(walk, POLICY_CONTEXT_MANDATORY) ||
               walk_context(walk, POLICY_CONTEXT_CONSOLE) || walk_user(walk, party->uid) ||
               walk_groups(walk, party) || walk_context(walk, POLICY_CONTEXT_DEFAULT));
}

/* Walks the rules of one side, `own`, about a message; all of them if it is to count. */
static Walk walk_message(const Policy *policy, PolicyDomain domain, const PolicyParty *own,
                         const PolicyParty *other, const PolicyShape *shape, bool counts)
{
        Walk walk = {.policy = policy,
                     .domain = domain,
                     .other = other,
                     .shape = shape,
                     .counts = counts};

        walk_all(&walk, own);
        return walk;
}

PolicyVerdict policy_decide_send(const Policy *policy, const PolicyParty *sender,
                                 const PolicyParty *recipient, const PolicyShape *shape)
{
        return walk_message(policy, POLICY_DOMAIN_SEND, sender, recipient, shape, false).verdict;
}

PolicyVerdict policy_decide_receive(const Policy *policy, const PolicyParty *recipient,
                                    const PolicyParty *sender, const PolicyShape *shape)
{
        return walk_message(policy, POLICY_DOMAIN_RECEIVE, recipient, sender, shape, false).verdict;
}

unsigned policy_count_send(const Policy *policy, const PolicyParty *sender,
                           const PolicyParty *recipient, const PolicyShape *shape)
{
        return walk_message(policy, POLICY_DOMAIN_SEND, sender, recipient, shape, true).n_matches;
}

unsigned policy_count_receive(const Policy *policy, const PolicyParty *recipient,
                              const PolicyParty *sender, const PolicyShape *shape)
{
        return walk_message(policy, POLICY_DOMAIN_RECEIVE, recipient, sender, shape, true)
                .n_matches;
}

bool policy_decide_own(const Policy *policy, const PolicyParty *party, Text name)
{
        Walk walk = {.policy = policy, .domain = POLICY_DOMAIN_OWN, .name = name};

        walk_all(&walk, party);
        return walk.verdict.allowed;
}

static bool covers_user(const PolicyTest *test, uint32_t uid, const uint32_t *gids, size_t n_gids)
{
        if (test->id == POLICY_ID_ANY)
                return true;
        if (!test->by_group)
                return test->id == uid;
        for (size_t i = 0; i < n_gids; i++)
                if (gids[i] == test->id)
                        return true;
        return false;
}

bool policy_decide_connect(const Policy *policy, uint32_t uid, const uint32_t *gids, size_t n_gids,
                           bool owns_bus)
{
        static const PolicyContext contexts[] = {POLICY_CONTEXT_MANDATORY, POLICY_CONTEXT_DEFAULT};

        for (size_t i = 0; i < ARRAY_SIZE(contexts); i++) {
                const PolicySections *sections =
                        &policy->contexts[POLICY_DOMAIN_CONNECT][contexts[i]];
                const PolicySection *section = &policy->sections[sections->first];

                for (uint32_t n = sections->n > 0 ? section->n : 0; n > 0; n--) {
                        const PolicyTest *test = &policy->tests[section->first + n - 1];

                        if (covers_user(test, uid, gids, n_gids))
                                return test->allow;
                }
        }
        return owns_bus;
}
