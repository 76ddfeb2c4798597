/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_AUTH_POLICYRULE_H
#define RINGBUS_AUTH_POLICYRULE_H

/*
 * Policy rules as the configuration states them: what <allow> and <deny> say, with names of users
 * and groups resolved, in the order of the file. auth/policy.h compiles them.
 *
 * Meaning: dbus-daemon(1), "CONFIGURATION FILE".
 *
 * Owner: whoever holds the list; a plain value whose strings are from the general heap.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The <policy> element that a rule stands in. Later ones win over earlier ones. */
typedef enum PolicyContext {
        POLICY_CONTEXT_DEFAULT,
        POLICY_CONTEXT_GROUP,   /* context_id: the gid */
        POLICY_CONTEXT_USER,    /* context_id: the uid */
        POLICY_CONTEXT_CONSOLE, /* at_console="false": everybody; "true" never matches */
        POLICY_CONTEXT_MANDATORY,
} PolicyContext;

typedef enum PolicyRuleKind {
        POLICY_RULE_SEND,
        POLICY_RULE_RECEIVE,
        POLICY_RULE_OWN,
        POLICY_RULE_USER,  /* may connect; only in default and mandatory contexts */
        POLICY_RULE_GROUP, /* the same, for the members of a group */
} PolicyRuleKind;

typedef enum PolicyBroadcast {
        POLICY_BROADCAST_ANY,
        POLICY_BROADCAST_NO,  /* send_broadcast="false" */
        POLICY_BROADCAST_YES, /* send_broadcast="true" */
} PolicyBroadcast;

#define POLICY_ID_ANY UINT32_MAX /* user="*", group="*" */
#define POLICY_FDS_MAX UINT32_MAX

typedef struct PolicyRule {
        PolicyContext context;
        uint32_t context_id; /* of GROUP and USER contexts */
        PolicyRuleKind kind;
        bool allow;
        bool log;             /* log="true" */
        bool eavesdrop;       /* eavesdrop="true" */
        bool requested_reply; /* *_requested_reply; not given: true for allow, false for deny */
        bool name_is_prefix;  /* send_destination_prefix, own_prefix */
        uint8_t type;         /* FRAME_TYPE_*; 0: any */
        PolicyBroadcast broadcast;
        uint32_t min_fds; /* 0: no lower bound */
        uint32_t max_fds; /* POLICY_FDS_MAX: no upper bound */
        uint32_t id;      /* of USER and GROUP rules: uid, gid or POLICY_ID_ANY */
        char *interface;  /* NULL in these: any ("*" or not given) */
        char *member;
        char *path;
        char *error;
        char *name; /* send_destination, receive_sender, own, or their prefix */
} PolicyRule;

typedef struct PolicyRules {
        PolicyRule *items;
        size_t n;
        size_t capacity;
} PolicyRules;

/* A rule that says nothing yet: every message, no bounds. */
void policyrule_init(PolicyRule *rule, PolicyContext context, PolicyRuleKind kind, bool allow);

/* Frees the strings; idempotent. */
void policyrule_deinit(PolicyRule *rule);

/* Appends and takes the rule's strings. -ENOMEM: the rule is still the caller's. */
int policyrules_add(PolicyRules *rules, PolicyRule *rule);

/* Appends all of `more`, which is then empty. -ENOMEM: both are unchanged. */
int policyrules_append(PolicyRules *rules, PolicyRules *more);

void policyrules_deinit(PolicyRules *rules); /* idempotent */

#endif
