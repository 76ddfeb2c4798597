/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules: which attributes may stand together (dbus-daemon(1), and its source where that is silent),
 * and what they become. "*" stands for any value except in the two prefixes, where the reference
 * takes it for a name.
 */

#include "broker/config_rule.h"

#include <errno.h>
#include <string.h>

#include "broker/base/alloc.h"
#include "broker/base/assert.h"
#include "broker/config_section.h"
#include "proto/frame.h"

/* The attributes of a rule. Those of one family stand together; see attribute_names. */
typedef enum Attribute {
        SEND_INTERFACE,
        SEND_MEMBER,
        SEND_ERROR,
        SEND_DESTINATION,
        SEND_DESTINATION_PREFIX,
        SEND_PATH,
        SEND_TYPE,
        SEND_BROADCAST,
        SEND_REQUESTED_REPLY,
        RECEIVE_INTERFACE,
        RECEIVE_MEMBER,
        RECEIVE_ERROR,
        RECEIVE_SENDER,
        RECEIVE_PATH,
        RECEIVE_TYPE,
        RECEIVE_REQUESTED_REPLY,
        EAVESDROP,
        MIN_FDS,
        MAX_FDS,
        LOG,
        OWN,
        OWN_PREFIX,
        USER,
        GROUP,
        N_ATTRIBUTES,
} Attribute;

static const char *const attribute_names[N_ATTRIBUTES] = {
        [SEND_INTERFACE] = "send_interface",
        [SEND_MEMBER] = "send_member",
        [SEND_ERROR] = "send_error",
        [SEND_DESTINATION] = "send_destination",
        [SEND_DESTINATION_PREFIX] = "send_destination_prefix",
        [SEND_PATH] = "send_path",
        [SEND_TYPE] = "send_type",
        [SEND_BROADCAST] = "send_broadcast",
        [SEND_REQUESTED_REPLY] = "send_requested_reply",
        [RECEIVE_INTERFACE] = "receive_interface",
        [RECEIVE_MEMBER] = "receive_member",
        [RECEIVE_ERROR] = "receive_error",
        [RECEIVE_SENDER] = "receive_sender",
        [RECEIVE_PATH] = "receive_path",
        [RECEIVE_TYPE] = "receive_type",
        [RECEIVE_REQUESTED_REPLY] = "receive_requested_reply",
        [EAVESDROP] = "eavesdrop",
        [MIN_FDS] = "min_fds",
        [MAX_FDS] = "max_fds",
        [LOG] = "log",
        [OWN] = "own",
        [OWN_PREFIX] = "own_prefix",
        [USER] = "user",
        [GROUP] = "group",
};

/* As many fds as a message could number: 128 MiB of the type h. */
#define FDS_MAX (UINT64_C(128) * 1024 * 1024 / 4)

/* A rule on its way. Functions that return false have reported an error. */
typedef struct Rule {
        ConfigXml *xml;
        const char *element; /* "allow" or "deny" */
        const char *v[N_ATTRIBUTES];
        bool sends;
        bool receives;
        PolicyRule out;
} Rule;

static bool any_given(const Rule *rule, Attribute first, Attribute last)
{
        for (unsigned i = first; i <= last; i++) {
                if (rule->v[i])
                        return true;
        }
        return false;
}

static bool refuse(Rule *rule, const char *text)
{
        config_xml_fail(rule->xml, "<%s>: %s", rule->element, text);
        return false;
}

/* The combinations that make no sense, in the order in which the reference looks for them. */
static bool check_combination(Rule *rule)
{
        const char *const *v = rule->v;
        int n_others = !!v[OWN] + !!v[OWN_PREFIX] + !!v[USER] + !!v[GROUP];

        if (!rule->sends && !rule->receives && n_others == 0)
                return refuse(rule, "an attribute must say what it is about, such as "
                                    "send_destination, receive_type, own or user");
        if ((v[SEND_MEMBER] && !v[SEND_INTERFACE] && !v[SEND_PATH]) ||
            (v[RECEIVE_MEMBER] && !v[RECEIVE_INTERFACE] && !v[RECEIVE_PATH]))
                return refuse(rule, "a member needs an interface or a path beside it; not all "
                                    "messages have an interface");
        if (n_others > 1 || (n_others == 1 && (rule->sends || rule->receives || v[EAVESDROP] ||
                                               v[MIN_FDS] || v[MAX_FDS])))
                return refuse(rule, "own, own_prefix, user, group and the attributes of "
                                    "messages exclude each other; write several rules");
        if (rule->sends && rule->receives)
                return refuse(rule, "send_ and receive_ attributes exclude each other; "
                                    "write two rules");
        if ((v[SEND_ERROR] && (v[SEND_INTERFACE] || v[SEND_MEMBER])) ||
            (v[RECEIVE_ERROR] && (v[RECEIVE_INTERFACE] || v[RECEIVE_MEMBER])))
                return refuse(rule, "an error has neither interface nor member: leave one "
                                    "of these attributes out");
        if (v[SEND_DESTINATION] && v[SEND_DESTINATION_PREFIX])
                return refuse(rule, "send_destination and send_destination_prefix exclude "
                                    "each other; write two rules");
        return true;
}

/* NULL if any value is meant. */
static const char *value_of(const Rule *rule, Attribute attribute)
{
        const char *value = rule->v[attribute];

        return value && strcmp(value, "*") != 0 ? value : NULL;
}

/* *ret_yes is left alone if the attribute is not there. */
static bool read_boolean(Rule *rule, Attribute attribute, bool *ret_yes)
{
        const char *value = rule->v[attribute];

        if (!value)
                return true;
        if (strcmp(value, "true") != 0 && strcmp(value, "false") != 0) {
                config_xml_fail(rule->xml, "%s=\"%s\" must be \"true\" or \"false\"",
                                attribute_names[attribute], value);
                return false;
        }
        *ret_yes = value[0] == 't';
        return true;
}

static bool read_fds(Rule *rule, Attribute attribute, uint32_t *ret_fds)
{
        const char *value = rule->v[attribute];
        uint64_t fds;

        if (!value)
                return true;
        if (limits_parse(value, &fds) != LIMITS_SET || fds > FDS_MAX) {
                config_xml_fail(rule->xml, "%s=\"%s\" must be a number from 0 to %llu",
                                attribute_names[attribute], value, (unsigned long long)FDS_MAX);
                return false;
        }
        *ret_fds = (uint32_t)fds;
        return true;
}

static bool read_type(Rule *rule, Attribute attribute)
{
        static const char *const names[] = {
                [FRAME_TYPE_METHOD_CALL] = "method_call",
                [FRAME_TYPE_METHOD_RETURN] = "method_return",
                [FRAME_TYPE_ERROR] = "error",
                [FRAME_TYPE_SIGNAL] = "signal",
        };
        const char *value = value_of(rule, attribute);

        if (!value)
                return true;
        for (uint8_t i = FRAME_TYPE_METHOD_CALL; i < ARRAY_SIZE(names); i++) {
                if (strcmp(value, names[i]) == 0) {
                        rule->out.type = i;
                        return true;
                }
        }
        config_xml_fail(rule->xml,
                        "\"%s\" is no message type; use method_call, method_return, error or "
                        "signal",
                        value);
        return false;
}

/* Copies a value that is there; false when out of memory. */
static bool copy(Rule *rule, const char *value, char **member)
{
        *member = value ? alloc_string(value, strlen(value)) : NULL;
        if (value && !*member) {
                config_xml_check(rule->xml, -ENOMEM);
                return false;
        }
        return true;
}

static bool read_broadcast(Rule *rule)
{
        bool yes = false;

        if (!read_boolean(rule, SEND_BROADCAST, &yes))
                return false;
        if (yes && value_of(rule, SEND_DESTINATION))
                return refuse(rule, "send_broadcast=\"true\" excludes a destination, which a "
                                    "broadcast has not");
        if (rule->v[SEND_BROADCAST])
                rule->out.broadcast = yes ? POLICY_BROADCAST_YES : POLICY_BROADCAST_NO;
        return true;
}

static bool read_send(Rule *rule)
{
        PolicyRule *out = &rule->out;
        const char *name = value_of(rule, SEND_DESTINATION);

        out->kind = POLICY_RULE_SEND;
        if (rule->v[SEND_DESTINATION_PREFIX]) {
                name = rule->v[SEND_DESTINATION_PREFIX];
                out->name_is_prefix = true;
        }
        /* Any other value than "true" means no, as in the reference. */
        out->log = rule->v[LOG] && strcmp(rule->v[LOG], "true") == 0;
        return read_type(rule, SEND_TYPE) && read_broadcast(rule) &&
               read_boolean(rule, SEND_REQUESTED_REPLY, &out->requested_reply) &&
               copy(rule, value_of(rule, SEND_INTERFACE), &out->interface) &&
               copy(rule, value_of(rule, SEND_MEMBER), &out->member) &&
               copy(rule, value_of(rule, SEND_PATH), &out->path) &&
               copy(rule, value_of(rule, SEND_ERROR), &out->error) && copy(rule, name, &out->name);
}

static bool read_receive(Rule *rule)
{
        PolicyRule *out = &rule->out;

        out->kind = POLICY_RULE_RECEIVE;
        return read_type(rule, RECEIVE_TYPE) &&
               read_boolean(rule, RECEIVE_REQUESTED_REPLY, &out->requested_reply) &&
               copy(rule, value_of(rule, RECEIVE_INTERFACE), &out->interface) &&
               copy(rule, value_of(rule, RECEIVE_MEMBER), &out->member) &&
               copy(rule, value_of(rule, RECEIVE_PATH), &out->path) &&
               copy(rule, value_of(rule, RECEIVE_ERROR), &out->error) &&
               copy(rule, value_of(rule, RECEIVE_SENDER), &out->name);
}

static bool read_message(Rule *rule)
{
        return read_boolean(rule, EAVESDROP, &rule->out.eavesdrop) &&
               read_fds(rule, MIN_FDS, &rule->out.min_fds) &&
               read_fds(rule, MAX_FDS, &rule->out.max_fds) &&
               (rule->sends ? read_send(rule) : read_receive(rule));
}

static bool read_own(Rule *rule)
{
        rule->out.kind = POLICY_RULE_OWN;
        rule->out.name_is_prefix = rule->v[OWN_PREFIX] != NULL;
        return copy(rule, rule->v[OWN] ? value_of(rule, OWN) : rule->v[OWN_PREFIX],
                    &rule->out.name);
}

static bool read_connect(Rule *rule)
{
        const bool is_user = rule->v[USER] != NULL;
        const char *name = value_of(rule, is_user ? USER : GROUP);

        rule->out.kind = is_user ? POLICY_RULE_USER : POLICY_RULE_GROUP;
        rule->out.id = POLICY_ID_ANY;
        return !name || config_section_find_id(rule->xml, is_user, name, &rule->out.id) == 0;
}

/* Who may connect is asked before anything else is known: a rule about it has no context. */
static bool check_section(Rule *rule)
{
        const ConfigSection *section = &rule->xml->section;

        if (section->ignored)
                return false;
        if (rule->out.kind != POLICY_RULE_USER && rule->out.kind != POLICY_RULE_GROUP)
                return true;
        switch (section->context) {
        case POLICY_CONTEXT_DEFAULT:
        case POLICY_CONTEXT_MANDATORY:
                return true;
        case POLICY_CONTEXT_USER:
        case POLICY_CONTEXT_GROUP:
                return refuse(rule, "user and group do not belong into a <policy> for a user or a "
                                    "group; put them into <policy context=\"default\">");
        case POLICY_CONTEXT_CONSOLE:
                config_xml_warn(rule->xml,
                                "<%s>: user and group have no effect in <policy "
                                "at_console>; put them into <policy "
                                "context=\"default\">",
                                rule->element);
                return false;
        }
        ASSERT_NOT_REACHED();
}

static bool read_rule(Rule *rule)
{
        rule->sends = any_given(rule, SEND_INTERFACE, SEND_REQUESTED_REPLY);
        /* eavesdrop alone is about receiving */
        rule->receives = any_given(rule, RECEIVE_INTERFACE, RECEIVE_REQUESTED_REPLY) ||
                         (!rule->sends && rule->v[EAVESDROP]);
        if (!check_combination(rule))
                return false;
        if (rule->sends || rule->receives)
                return read_message(rule);
        if (rule->v[OWN] || rule->v[OWN_PREFIX])
                return read_own(rule);
        return read_connect(rule);
}

void config_rule_begin(ConfigXml *xml, const ConfigElement *element, const char *const *attributes)
{
        Rule rule = {.xml = xml, .element = element->name};
        ConfigAttributes found = {attribute_names, rule.v, N_ATTRIBUTES};

        policyrule_init(&rule.out, xml->section.context, POLICY_RULE_SEND,
                        strcmp(element->name, "allow") == 0);
        rule.out.context_id = xml->section.id;
        if (!config_element_read_attributes(xml, element, attributes, &found))
                return;
        if (read_rule(&rule) && check_section(&rule))
                config_xml_check(xml, policyrules_add(&xml->draft->config.policy_rules, &rule.out));
        policyrule_deinit(&rule.out);
}
