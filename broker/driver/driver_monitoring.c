/* SPDX-License-Identifier: Apache-2.0 */
/* org.freedesktop.DBus.Monitoring. */
#include "broker/base/log.h"
#include "broker/driver/driver_private.h"
#include "broker/router/judge.h"
#include "broker/router/rules.h"

const DriverMethod driver_monitoring_methods[] = {
        {"BecomeMonitor", "asu", "", DRIVER_PRIVILEGED, driver_become_monitor},
        {NULL, NULL, NULL, 0, NULL},
};

/* An array of rules as its bytes lie in the body. */
typedef struct DriverRules {
        size_t begin;
        size_t end;
} DriverRules;

static DriverRules driver_read_rules(DriverCall *call)
{
        const size_t size = driver_read_u32(call);
        const DriverRules rules = {.begin = call->at, .end = call->at + size};

        call->at = rules.end;
        return rules;
}

/* Nothing is changed before all of them are known to be good. */
static bool driver_check_rules(DriverCall *call, const DriverRules *rules)
{
        char scratch[MATCHRULE_TEXT_MAX];
        MatchRule rule;

        call->at = rules->begin;
        while (call->at < rules->end)
                if (!driver_parse_rule(call, driver_read_string(call), scratch, &rule))
                        return false;
        return true;
}

static bool driver_add_rule(DriverCall *call, Text text)
{
        char scratch[MATCHRULE_TEXT_MAX];
        MatchRule rule;

        return matchrule_parse(text, scratch, &rule, NULL) == MATCHRULE_OK &&
               rules_add_monitoring(call->thread, call->caller, &rule) == RULES_OK;
}

/* None is one that everything satisfies. */
static bool driver_add_rules(DriverCall *call, const DriverRules *rules)
{
        bool added = rules->begin < rules->end || driver_add_rule(call, TEXT(""));

        call->at = rules->begin;
        while (added && call->at < rules->end)
                added = driver_add_rule(call, driver_read_string(call));
        if (!added)
                rules_forget_monitoring(call->thread, call->caller);
        return added;
}

void driver_become_monitor(DriverCall *call)
{
        char who[CREDENTIALS_TEXT_MAX];
        const DriverRules rules = driver_read_rules(call);
        Message *reply = NULL;

        if (!judge_eavesdropping(call->thread, call->caller)) {
                driver_fail(call, "AccessDenied", "%s", judge_refusal(call->thread));
                return;
        }
        if (driver_read_u32(call) != 0) {
                driver_fail(call, "InvalidArgs", "BecomeMonitor does not support any flags yet");
                return;
        }
        if (!driver_check_rules(call, &rules))
                return;
        if (!driver_add_rules(call, &rules)) {
                driver_fail(call, "NoMemory", "Out of memory");
                return;
        }
        if (driver_wants_ack(call))
                reply = driver_build_reply(call, "", NULL, NULL);
        ownership_become_monitor(call->thread, call->caller, reply);
        log_notice("connection %s of %s became a monitor", call->caller->unique_name,
                   credentials_text(&call->peer->credentials, who));
}
