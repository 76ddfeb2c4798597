/* SPDX-License-Identifier: Apache-2.0 */
/* What somebody does that is no message: owning names, seeing what others say. */
#include <stdarg.h>
#include <stdio.h>

#include "broker/router/judge_private.h"
#include "broker/router/mediate.h"

static bool judge_name_fits(Text mine, Text name, bool is_prefix)
{
        if (!is_prefix)
                return text_equal(mine, name);
        return text_starts_with(mine, name) &&
               (mine.size == name.size || mine.data[name.size] == '.');
}

static bool judge_has_name(const void *context, Text name, bool is_prefix)
{
        const JudgeParty *self = context;
        const unsigned n = self->names ? self->names->n : 0;

        if (judge_name_fits(endpoint_name(self->endpoint), name, is_prefix))
                return true;
        for (unsigned i = 0; i < n; i++)
                if (judge_name_fits(names_text(self->names->items[i]), name, is_prefix))
                        return true;
        return false;
}

void judge_begin_party(JudgeParty *self, const Endpoint *endpoint)
{
        const Credentials *credentials;

        *self = (JudgeParty){.endpoint = endpoint};
        if (!endpoint)
                return;
        credentials = endpoint->credentials;
        self->names = cell_get(&endpoint->names);
        self->party =
                (PolicyParty){.uid = endpoint->uid, .has_name = judge_has_name, .context = self};
        if (credentials && credentials->groups) {
                self->party.gids = credentials->groups;
                self->party.n_gids = credentials->n_groups;
        } else if (credentials) { /* a kernel that does not tell: at least this one is known */
                self->party.gids = &credentials->gid;
                self->party.n_gids = 1;
        }
}

/* Counts it, logs it and keeps the words. */
__attribute__((format(printf, 2, 3))) static void judge_refuse_act(RouterThread *thread,
                                                                   const char *format, ...)
{
        Refusals *refusals = &thread->refusals;
        va_list args;

        tally_add(&thread->n_denied, 1);
        va_start(args, format);
        vsnprintf(refusals->text, sizeof(refusals->text), format, args);
        va_end(args);
        refusals_log(refusals, refusals->text);
}

static bool judge_name_by_policy(RouterThread *thread, const Endpoint *endpoint, Text name)
{
        JudgeParty self;

        if (thread->root->policy->allows_all_names)
                return true;
        judge_begin_party(&self, endpoint);
        return policy_decide_own(thread->root->policy, &self.party, name);
}

bool judge_name(RouterThread *thread, const Endpoint *endpoint, Text name)
{
        const Mediator *mediator =
                mediate_is_needed(thread) ? mediate_name(thread, endpoint, name) : NULL;

        if (mediator) {
                judge_refuse_act(thread,
                                 "Connection \"%.*s\" is not allowed to own the service \"%.*s\" "
                                 "due to %s policy",
                                 TEXT_FORMAT(endpoint_name(endpoint)), TEXT_FORMAT(name),
                                 mediator->title);
                return false;
        }
        if (judge_name_by_policy(thread, endpoint, name))
                return true;
        judge_refuse_act(thread,
                         "Connection \"%.*s\" is not allowed to own the service \"%.*s\" due to "
                         "security policies in the configuration file",
                         TEXT_FORMAT(endpoint_name(endpoint)), TEXT_FORMAT(name));
        return false;
}

bool judge_eavesdropping(RouterThread *thread, const Endpoint *endpoint)
{
        const Mediator *mediator =
                mediate_is_needed(thread) ? mediate_eavesdropping(thread, endpoint) : NULL;

        if (!mediator)
                return true;
        judge_refuse_act(thread, "Connection \"%.*s\" is not allowed to eavesdrop due to %s policy",
                         TEXT_FORMAT(endpoint_name(endpoint)), mediator->title);
        return false;
}
