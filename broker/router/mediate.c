/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/router/mediate.h"

#include <errno.h>

#include "broker/router/busmessage.h"

static const char *mediate_label(const Endpoint *endpoint)
{
        return endpoint && endpoint->credentials ? endpoint->credentials->security_label : NULL;
}

/* What the cache knows an answer about sending by; false: it is not to be remembered. */
static bool mediate_key(const Endpoint *sender, const Endpoint *to,
                        const MediatorQuestion *question, const Mediator *mediator, unsigned module,
                        AnswersKey *ret_key)
{
        const Text none[ANSWERS_TEXTS] = {TEXT_NONE, TEXT_NONE, TEXT_NONE, TEXT_NONE};
        const Text texts[ANSWERS_TEXTS] = {question->name, question->path, question->interface,
                                           question->member};

        if (sender->id == ENDPOINT_NO_ID) /* a Hello: all who say it have this id */
                return false;
        return answers_key(sender->id, to ? to->id : ENDPOINT_NO_ID, module,
                           mediator->reads_messages ? texts : none, ret_key);
}

/*
 * A module that could not be asked has not answered, so there is nothing to remember.
 *
 * EXCEPTION: no system call is made inside the turn, but for the first such message between two
 * connections while somebody eavesdrops, or whose receivers changed during the look-up: the kernel
 * answers without waiting for anybody, and to look up all receivers beforehand, too, would cost
 * every other message twice that.
 */
static bool mediate_ask(RouterThread *thread, const Endpoint *sender, const Endpoint *to,
                        const MediatorQuestion *question, unsigned module)
{
        const Mediator *mediator = thread->root->mediators.items[module];
        const uint64_t generation = thread->root->policy->generation;
        AnswersKey key;
        bool allowed;
        int r;

        if (!mediate_key(sender, to, question, mediator, module, &key))
                return mediator->ask(mediator, question) == 0;
        if (answers_find(&thread->answers, generation, &key, &allowed)) {
                tally_add(&thread->n_answer_hits, 1);
                return allowed;
        }
        tally_add(&thread->n_answer_misses, 1);
        r = mediator->ask(mediator, question);
        if (r == 0 || r == -EACCES)
                answers_add(&thread->answers, &key, r == 0);
        return r == 0;
}

const Mediator *mediate_send(RouterThread *thread, const Endpoint *sender, const Endpoint *to,
                             const Header *header, bool requested)
{
        const Mediators *mediators = &thread->root->mediators;
        const bool has_name = text_present(header->destination);
        const MediatorQuestion question = {.act = MEDIATOR_SEND,
                                           .label = mediate_label(sender),
                                           .recipient_label = mediate_label(to),
                                           .to_bus = !to,
                                           .source = endpoint_name(sender),
                                           .path = header->path,
                                           .interface = header->interface,
                                           .member = header->member,
                                           .name = has_name ? header->destination
                                                            : BUSMESSAGE_BUS_NAME};

        for (unsigned i = 0; i < mediators->n; i++) {
                const Mediator *mediator = mediators->items[i];

                if (requested && mediator->ignores_replies)
                        continue;
                if (!mediator->concerns(mediator, &question))
                        continue;
                if (!mediate_ask(thread, sender, to, &question, i))
                        return mediator;
        }
        return NULL;
}

/* Rare acts: nothing is remembered. */
static const Mediator *mediate_act(RouterThread *thread, const MediatorQuestion *question)
{
        const Mediators *mediators = &thread->root->mediators;

        for (unsigned i = 0; i < mediators->n; i++) {
                const Mediator *mediator = mediators->items[i];

                if (question->act == MEDIATOR_EAVESDROP && !mediator->mediates_eavesdropping)
                        continue;
                if (mediator->concerns(mediator, question) &&
                    mediator->ask(mediator, question) != 0)
                        return mediator;
        }
        return NULL;
}

const Mediator *mediate_name(RouterThread *thread, const Endpoint *endpoint, Text name)
{
        const MediatorQuestion question = {
                .act = MEDIATOR_OWN, .label = mediate_label(endpoint), .name = name};

        return mediate_act(thread, &question);
}

const Mediator *mediate_eavesdropping(RouterThread *thread, const Endpoint *endpoint)
{
        const MediatorQuestion question = {.act = MEDIATOR_EAVESDROP,
                                           .label = mediate_label(endpoint)};

        return mediate_act(thread, &question);
}
