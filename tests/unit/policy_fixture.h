/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_TESTS_UNIT_POLICY_FIXTURE_H
#define RINGBUS_TESTS_UNIT_POLICY_FIXTURE_H

/* Policies of a few rules, a message and a connection to ask them about. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "auth/policy.h"

/* A rule; strings are literals. */
typedef struct PolicySpec {
        PolicyContext context;
        uint32_t context_id;
        PolicyRuleKind kind;
        bool allow;
        bool log, eavesdrop, is_prefix;
        int requested_reply; /* 0: not given; 1: "true"; 2: "false" */
        uint8_t type;
        PolicyBroadcast broadcast;
        uint32_t min_fds, max_fds; /* 0: no upper bound; 1 more than it otherwise */
        uint32_t id;
        const char *interface, *member, *path, *error, *name;
} PolicySpec;

#define ALLOW_SEND .kind = POLICY_RULE_SEND, .allow = true
#define DENY_SEND .kind = POLICY_RULE_SEND
#define ALLOW_RECEIVE .kind = POLICY_RULE_RECEIVE, .allow = true
#define DENY_RECEIVE .kind = POLICY_RULE_RECEIVE

/* uid 7, groups 20 and 30, called ":1.5" and "com.x.y". */
extern const PolicyParty policy_fixture_me;

/* The caller frees it. */
Policy *policy_fixture_compile(const PolicySpec *specs, size_t n);

#define COMPILE(...)                                                                               \
        policy_fixture_compile((const PolicySpec[]){__VA_ARGS__},                                  \
                               sizeof((const PolicySpec[]){__VA_ARGS__}) / sizeof(PolicySpec))

/* A call to "com.x.y" with everything that a rule can name. */
Header policy_fixture_call(void);

/* What the policy says of a message that policy_fixture_me sends, or receives; the other side is
 * NULL for the bus; POLICY_SHAPE_* that depend on the recipient. */
PolicyVerdict policy_fixture_ask_send(Policy *policy, const Header *header, const PolicyParty *to,
                                      unsigned flags);

/* The same; free the policy. */
bool policy_fixture_may_send(Policy *policy, const Header *header, const PolicyParty *to,
                             unsigned flags);
bool policy_fixture_may_receive(Policy *policy, const Header *header, const PolicyParty *from,
                                unsigned flags);

#endif
