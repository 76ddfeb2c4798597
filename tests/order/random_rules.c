/* SPDX-License-Identifier: Apache-2.0 */

/* See random_rules.h. */

#include "tests/order/random_rules.h"

#include <stdio.h>

#include "tests/order/random_log.h"
#include "tests/order/random_shared.h"

static const char *const rules_paths[RANDOM_PATHS] = {"/ringbus/order", "/ringbus/order/one",
                                                      "/ringbus/two"};
static const char *const rules_topics[RANDOM_TOPICS] = {"order.topic", "order.topic.one",
                                                        "order.other"};
static const char *const rules_members[] = {"M0", "M1", "M2", "M3", "Fence"};
static const char *const rules_names[RANDOM_NAMES] = {"ringbus.order.N0", "ringbus.order.N1",
                                                      "ringbus.order.N2", "ringbus.order.N3",
                                                      "ringbus.order.N4", "ringbus.order.N5"};

static unsigned member_of(uint32_t features)
{
        return features & 0xff;
}

const char *random_rules_path(uint32_t features)
{
        return member_of(features) == RANDOM_MEMBER_FENCE ? "/fence"
                                                          : rules_paths[features >> 8 & 0xff];
}

const char *random_rules_topic(uint32_t features)
{
        return member_of(features) == RANDOM_MEMBER_FENCE ? "" : rules_topics[features >> 16];
}

const char *random_rules_interface(uint32_t features)
{
        return member_of(features) == RANDOM_MEMBER_FENCE ? RANDOM_FENCE_INTERFACE
                                                          : RANDOM_INTERFACE;
}

const char *random_rules_member(uint32_t features)
{
        return rules_members[member_of(features)];
}

const char *random_rules_name(unsigned name)
{
        return rules_names[name];
}

static void text_of_change(unsigned rule, char *text, size_t size)
{
        static const char base[] = "type='signal',sender='org.freedesktop.DBus',"
                                   "member='NameOwnerChanged'";

        if (rule == RANDOM_RULE_CHANGES)
                snprintf(text, size, "%s", base);
        else
                snprintf(text, size, "%s,arg0='%s'", base,
                         rules_names[rule - RANDOM_RULE_CHANGES_OF]);
}

static void text_of_signal(unsigned rule, char *text, size_t size)
{
        if (rule < RANDOM_RULE_PATH)
                snprintf(text, size, "type='signal',interface='%s',member='%s'", RANDOM_INTERFACE,
                         rules_members[rule - RANDOM_RULE_MEMBER]);
        else if (rule < RANDOM_RULE_PATHS)
                snprintf(text, size, "path='%s'", rules_paths[rule - RANDOM_RULE_PATH]);
        else if (rule == RANDOM_RULE_PATHS)
                snprintf(text, size, "type='signal',path_namespace='%s'", rules_paths[0]);
        else if (rule < RANDOM_RULE_TOPICS)
                snprintf(text, size, "type='signal',arg0='%s'",
                         rules_topics[rule == RANDOM_RULE_TOPIC ? 0 : 2]);
        else if (rule == RANDOM_RULE_TOPICS)
                snprintf(text, size, "type='signal',arg0namespace='%s'", rules_topics[0]);
        else if (rule == RANDOM_RULE_MEMBER_TOPIC)
                snprintf(text, size, "member='%s',arg0='%s'", rules_members[0], rules_topics[2]);
        else
                snprintf(text, size, "interface='%s'", RANDOM_INTERFACE);
}

void random_rules_text(unsigned rule, uint32_t unique, char *text, size_t size)
{
        if (rule == RANDOM_RULE_SELF)
                snprintf(text, size, "type='signal',sender=':1.%u'", unique);
        else if (rule < RANDOM_RULE_MEMBER)
                text_of_change(rule, text, size);
        else if (rule < RANDOM_RULE_OWNER)
                text_of_signal(rule, text, size);
        else if (rule < RANDOM_RULE_ALL)
                snprintf(text, size, "type='signal',sender='%s'",
                         rules_names[rule - RANDOM_RULE_OWNER]);
        else
                snprintf(text, size, "type='signal'");
}

uint32_t random_rules_mask(uint32_t features)
{
        unsigned member = member_of(features), path = features >> 8 & 0xff, topic = features >> 16;
        uint32_t mask = 1U << RANDOM_RULE_ALL;

        if (member == RANDOM_MEMBER_FENCE)
                return mask;
        mask |= 1U << RANDOM_RULE_INTERFACE | 1U << (RANDOM_RULE_MEMBER + member) |
                1U << (RANDOM_RULE_PATH + path);
        if (path < 2) /* path 1 lies below path 0 */
                mask |= 1U << RANDOM_RULE_PATHS;
        if (topic != 1)
                mask |= 1U << (topic == 0 ? RANDOM_RULE_TOPIC : RANDOM_RULE_TOPIC + 1);
        if (topic < 2)
                mask |= 1U << RANDOM_RULE_TOPICS;
        if (member == 0 && topic == 2)
                mask |= 1U << RANDOM_RULE_MEMBER_TOPIC;
        return mask;
}

uint32_t random_rules_mask_change(uint8_t name)
{
        uint32_t mask = 1U << RANDOM_RULE_ALL | 1U << RANDOM_RULE_CHANGES;

        if (name < RANDOM_NAMES)
                mask |= 1U << (RANDOM_RULE_CHANGES_OF + name);
        return mask;
}
