/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/policy_fixture.h"

/* Who asks: uid 7, groups 20 and 30, called ":1.5" and "com.x.y". */
static const uint32_t my_gids[] = {20, 30};

static bool my_names(const void *context, Text name, bool is_prefix)
{
        const Text mine = TEXT("com.x.y");

        (void)context;
        if (text_equal(name, TEXT(":1.5")))
                return true;
        return is_prefix ? text_starts_with(mine, name) &&
                                   (mine.size == name.size || mine.data[name.size] == '.')
                         : text_equal(name, mine);
}

const PolicyParty policy_fixture_me = {
        .uid = 7, .gids = my_gids, .n_gids = 2, .has_name = my_names, .context = NULL};

Policy *policy_fixture_compile(const PolicySpec *specs, size_t n)
{
        PolicyRules rules = {0};
        Policy *policy;

        for (size_t i = 0; i < n; i++) {
                const PolicySpec *spec = &specs[i];
                PolicyRule rule;

                policyrule_init(&rule, spec->context, spec->kind, spec->allow);
                rule.context_id = spec->context_id;
                rule.log = spec->log;
                rule.eavesdrop = spec->eavesdrop;
                rule.name_is_prefix = spec->is_prefix;
                if (spec->requested_reply)
                        rule.requested_reply = spec->requested_reply == 1;
                rule.type = spec->type;
                rule.broadcast = spec->broadcast;
                rule.min_fds = spec->min_fds;
                if (spec->max_fds)
                        rule.max_fds = spec->max_fds - 1;
                rule.id = spec->id;
                rule.interface = spec->interface ? strdup(spec->interface) : NULL;
                rule.member = spec->member ? strdup(spec->member) : NULL;
                rule.path = spec->path ? strdup(spec->path) : NULL;
                rule.error = spec->error ? strdup(spec->error) : NULL;
                rule.name = spec->name ? strdup(spec->name) : NULL;
                assert_int_equal(policyrules_add(&rules, &rule), 0);
        }
        assert_int_equal(policy_compile(&rules, 1, &policy), 0);
        policyrules_deinit(&rules);
        return policy;
}

Header policy_fixture_call(void)
{
        return (Header){.frame.type = FRAME_TYPE_METHOD_CALL,
                        .path = TEXT("/p"),
                        .interface = TEXT("a.I"),
                        .member = TEXT("M"),
                        .destination = TEXT("com.x.y"),
                        .signature = TEXT("")};
}

PolicyVerdict policy_fixture_ask_send(Policy *policy, const Header *header, const PolicyParty *to,
                                      unsigned flags)
{
        PolicyShape shape;

        policy_shape(policy, header, to ? TEXT_NONE : header->destination, &shape);
        shape.flags |= (uint8_t)flags;
        return policy_decide_send(policy, &policy_fixture_me, to, &shape);
}

bool policy_fixture_may_send(Policy *policy, const Header *header, const PolicyParty *to,
                             unsigned flags)
{
        const bool allowed = policy_fixture_ask_send(policy, header, to, flags).allowed;

        policy_free(policy);
        return allowed;
}

bool policy_fixture_may_receive(Policy *policy, const Header *header, const PolicyParty *from,
                                unsigned flags)
{
        PolicyShape shape;
        bool allowed;

        policy_shape(policy, header, from ? TEXT_NONE : header->sender, &shape);
        shape.flags |= (uint8_t)flags;
        allowed = policy_decide_receive(policy, &policy_fixture_me, from, &shape).allowed;
        policy_free(policy);
        return allowed;
}
