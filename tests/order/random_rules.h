/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_TESTS_ORDER_RANDOM_RULES_H
#define RINGBUS_TESTS_ORDER_RANDOM_RULES_H

/*
 * The match rules that clients add and remove, numbered; many overlap. A set of rules is a mask,
 * and so is the set of rules that a given broadcast matches.
 */

#include <stddef.h>
#include <stdint.h>

enum {
        RANDOM_RULE_SELF,              /* sender=one's own unique name; nobody removes it */
        RANDOM_RULE_CHANGES,           /* NameOwnerChanged */
        RANDOM_RULE_CHANGES_OF = 2,    /* the same, arg0=a well-known name: one for each */
        RANDOM_RULE_MEMBER = 8,        /* interface, member: one for each */
        RANDOM_RULE_PATH = 12,         /* one for each path */
        RANDOM_RULE_PATHS = 15,        /* path_namespace */
        RANDOM_RULE_TOPIC = 16,        /* arg0=, topics 0 and 2 */
        RANDOM_RULE_TOPICS = 18,       /* arg0namespace= topic 0, which has topic 1 below it */
        RANDOM_RULE_MEMBER_TOPIC = 19, /* member 0 and topic 2 */
        RANDOM_RULE_INTERFACE = 20,
        RANDOM_RULE_OWNER = 21, /* sender=a well-known name: one for each */
        RANDOM_RULE_ALL = 27,   /* every signal: what the observers have */
        RANDOM_RULES = 28,

        RANDOM_MEMBERS = 4,
        RANDOM_MEMBER_FENCE = 4, /* matched by SELF, OWNER and ALL only */
        RANDOM_PATHS = 3,
        RANDOM_TOPICS = 3,
};

#define RANDOM_INTERFACE "ringbus.order.Random" /* what the policy allows */
#define RANDOM_FENCE_INTERFACE "ringbus.fence.Random"

/* A broadcast's features in one number. */
static inline uint32_t random_rules_features(unsigned member, unsigned path, unsigned topic)
{
        return member | path << 8 | topic << 16;
}

const char *random_rules_path(uint32_t features);
const char *random_rules_topic(uint32_t features);
const char *random_rules_interface(uint32_t features);
const char *random_rules_member(uint32_t features);
const char *random_rules_name(unsigned name); /* the well-known name of that index */

/* The text of a rule, for the client :1.UNIQUE. */
void random_rules_text(unsigned rule, uint32_t unique, char *text, size_t size);

/* The rules that match, but for SELF and OWNER, which depend on who sent it and when. */
uint32_t random_rules_mask(uint32_t features);
uint32_t random_rules_mask_change(uint8_t name); /* of a NameOwnerChanged about that name */

#endif
