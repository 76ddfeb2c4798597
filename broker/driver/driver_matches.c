/* SPDX-License-Identifier: Apache-2.0 */
/* AddMatch and RemoveMatch. */
#include "broker/driver/driver_private.h"
#include "broker/router/judge.h"
#include "broker/router/rules.h"

bool driver_parse_rule(DriverCall *call, Text text, char *scratch, MatchRule *rule)
{
        const char *reason = NULL;

        switch (matchrule_parse(text, scratch, rule, &reason)) {
        case MATCHRULE_OK:
                return true;
        case MATCHRULE_TOO_LONG:
                driver_fail(call, "LimitsExceeded", "Match rule text is %zu bytes, maximum is %d",
                            text.size, MATCHRULE_TEXT_MAX);
                return false;
        case MATCHRULE_INVALID:
                driver_fail(call, "MatchRuleInvalid", "%s", reason);
                return false;
        }
        return false;
}

void driver_add_match(DriverCall *call)
{
        const RouterLimits *limits = &call->thread->root->limits;
        char scratch[MATCHRULE_TEXT_MAX];
        Message *reply = NULL;
        MatchRule rule;
        RulesResult result = RULES_LIMIT;

        /* The limit comes first, as in the reference: n_rules grows by this worker's calls only. */
        if (rules_count(call->thread, call->caller) < limits->max_match_rules_per_connection) {
                if (!driver_parse_rule(call, driver_read_string(call), scratch, &rule))
                        return;
                if (rule.eavesdrop && !call->caller->privileged) {
                        driver_log_refused(call);
                        driver_fail(call, "AccessDenied",
                                    "Connection \"%s\" is not allowed to eavesdrop",
                                    call->caller->unique_name);
                        return;
                }
                if (rule.eavesdrop && !judge_eavesdropping(call->thread, call->caller)) {
                        driver_fail(call, "AccessDenied", "%s", judge_refusal(call->thread));
                        return;
                }
                if (driver_wants_ack(call))
                        reply = driver_build_reply(call, "", NULL, NULL);
                result = rules_add(call->thread, call->caller, &rule, reply);
        }
        if (result == RULES_OK)
                return;
        if (reply)
                message_unref(&call->thread->pool, reply, 1);
        if (result == RULES_LIMIT)
                driver_fail(call, "LimitsExceeded",
                            "Connection \"%s\" is not allowed to add more match rules (increase "
                            "limits in configuration file if required; "
                            "max_match_rules_per_connection=%llu)",
                            call->caller->unique_name,
                            (unsigned long long)
                                    call->thread->root->limits.max_match_rules_per_connection);
        else
                driver_fail(call, "NoMemory", "Out of memory");
}

void driver_remove_match(DriverCall *call)
{
        char scratch[MATCHRULE_TEXT_MAX];
        Message *reply = NULL;
        MatchRule rule;

        if (!driver_parse_rule(call, driver_read_string(call), scratch, &rule))
                return;
        if (driver_wants_ack(call))
                reply = driver_build_reply(call, "", NULL, NULL);
        if (rules_remove(call->thread, call->caller, &rule, reply) == RULES_OK)
                return;
        if (reply)
                message_unref(&call->thread->pool, reply, 1);
        driver_fail(call, "MatchRuleNotFound",
                    "The given match rule wasn't found and can't be removed");
}
