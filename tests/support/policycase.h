/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_TESTS_SUPPORT_POLICYCASE_H
#define RINGBUS_TESTS_SUPPORT_POLICYCASE_H

/*
 * A case for the policy: rules, connections and messages, as values that two implementations can be
 * asked about: auth/policy.h, and policyliteral.h, which does word by word what dbus-daemon(1)
 * says.
 *
 * Owner: the test. Strings are borrowed and stay as long as the case.
 */

#include "auth/policy.h"

enum {
        POLICYCASE_PARTIES = 3,
        POLICYCASE_MESSAGES = 4,
        POLICYCASE_NAMES = 6,
        POLICYCASE_GIDS = 4,
};

typedef struct PolicyCaseParty {
        uint32_t uid;
        uint32_t gids[POLICYCASE_GIDS]; /* ascending */
        size_t n_gids;
        const char *names[POLICYCASE_NAMES]; /* the unique one first; owned or waited for */
        size_t n_names;
} PolicyCaseParty;

typedef struct PolicyCaseMessage { /* strings: NULL is absent */
        const char *path;
        const char *interface;
        const char *member;
        const char *error;
        const char *destination;
        const char *sender; /* the header's; asked for if the bus sends */
        uint32_t n_fds;
        uint8_t type;
        bool is_reply;  /* it has a REPLY_SERIAL */
        bool requested; /* and the recipient waits for it */
        bool addressed; /* DESTINATION means the recipient */
} PolicyCaseMessage;

typedef struct PolicyCase {
        PolicyRules rules;
        PolicyCaseParty parties[POLICYCASE_PARTIES];
        size_t n_parties;
        PolicyCaseMessage messages[POLICYCASE_MESSAGES];
        size_t n_messages;
} PolicyCase;

/* What both implementations answer. */
typedef struct PolicyCaseAnswer {
        bool allowed;
        bool log;
        unsigned n_matches;
} PolicyCaseAnswer;

/* The header of a message, whose strings are the case's; and the party as the policy takes it. */
void policycase_header(const PolicyCaseMessage *message, Header *ret_header);
PolicyParty policycase_party(const PolicyCaseParty *party);

/* Which POLICY_SHAPE_* the recipient adds. */
unsigned policycase_flags(const PolicyCaseMessage *message);

/*
 * Compiles the rules and asks both implementations everything: each message from each connection
 * and the bus to each other one and the bus, each name as one to own, each connection whether it
 * may connect. The number of questions; *ret_text is the first disagreement in words, or "".
 */
unsigned policycase_compare(const PolicyCase *self, char *ret_text, size_t size);

#endif
