/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_TESTS_SUPPORT_POLICYLITERAL_H
#define RINGBUS_TESTS_SUPPORT_POLICYLITERAL_H

/*
 * The policy as its description tells it, slow and without a thought of its own: the rules that
 * concern a connection are written into one list, what a general rule discards is struck out, and
 * the list is read from its beginning, string by string; the last rule that matches wins. What
 * auth/policy.c is compared with.
 */

#include "tests/support/policycase.h"

/* `recipient`, or `sender`, may be NULL: the bus. */
PolicyCaseAnswer policyliteral_send(const PolicyRules *rules, const PolicyCaseParty *sender,
                                    const PolicyCaseParty *recipient,
                                    const PolicyCaseMessage *message);
PolicyCaseAnswer policyliteral_receive(const PolicyRules *rules, const PolicyCaseParty *recipient,
                                       const PolicyCaseParty *sender,
                                       const PolicyCaseMessage *message);
bool policyliteral_own(const PolicyRules *rules, const PolicyCaseParty *party, const char *name);
bool policyliteral_connect(const PolicyRules *rules, const PolicyCaseParty *party, bool owns_bus);

#endif
