/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/policyrule.h"

#include "broker/base/alloc.h"

void policyrule_init(PolicyRule *rule, PolicyContext context, PolicyRuleKind kind, bool allow)
{
        *rule = (PolicyRule){.context = context,
                             .kind = kind,
                             .allow = allow,
                             .requested_reply = allow,
                             .max_fds = POLICY_FDS_MAX};
}

void policyrule_deinit(PolicyRule *rule)
{
        rule->interface = alloc_free(rule->interface);
        rule->member = alloc_free(rule->member);
        rule->path = alloc_free(rule->path);
        rule->error = alloc_free(rule->error);
        rule->name = alloc_free(rule->name);
}
