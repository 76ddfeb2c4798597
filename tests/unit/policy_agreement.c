/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The policy against its literal description, on random rules, connections and messages:
 *
 *      policy_agreement [--cases=N] [--seed=N]
 *
 * Each case is decided by auth/policy.h, decision and number of matching rules, and then asked of
 * broker/router/judge.h, whose cache of verdicts stays while the names of connections change and
 * from one policy to the next. Ends with status 1 at the first disagreement, and says how to
 * repeat it.
 */
#include <stdio.h>
#include <stdlib.h>

#include "broker/base/hash.h"
#include "broker/base/log.h"
#include "broker/router/judge.h"
#include "broker/router/matches.h"
#include "tests/support/policyliteral.h"
#include "tests/support/policyrandom.h"

enum { ROUNDS = 3, ASKED = 2 };

/* Endpoints like those of a bus, without connections. */
typedef struct World {
        Router router;
        RouterThread thread;
        RouterRoot root;
        Endpoint endpoints[POLICYCASE_PARTIES];
        Credentials credentials[POLICYCASE_PARTIES];
        uint64_t set_serial;
        uint64_t n_ids;
        uint64_t n_questions;
} World;

static Name *make_name(const char *text)
{
        const size_t size = strlen(text);
        Name *name = calloc(1, sizeof(*name) + size + 1);

        ASSERT(name);
        name->size = (uint32_t)size;
        memcpy(name->text, text, size);
        return name;
}

static void free_set(Endpoint *endpoint)
{
        NameSet *set = cell_get(&endpoint->names);

        for (unsigned i = 0; set && i < set->n; i++)
                free((void *)(uintptr_t)set->items[i]);
        free(set);
        cell_publish(&endpoint->names, NULL);
}

/* A new snapshot of its names, often at the address of the one before. */
static void publish_set(World *world, Endpoint *endpoint, const PolicyCaseParty *party)
{
        const unsigned n = (unsigned)party->n_names - 1;
        NameSet *set;

        free_set(endpoint);
        if (n == 0)
                return;
        set = calloc(1, names_set_size(n));
        ASSERT(set);
        set->serial = ++world->set_serial;
        for (unsigned i = 0; i < n; i++)
                set->items[set->n++] = make_name(party->names[1 + i]);
        cell_publish(&endpoint->names, set);
}

/* Ids are never used twice, so each case has endpoints of its own. */
static void enter_parties(World *world, PolicyCase *self)
{
        for (size_t i = 0; i < self->n_parties; i++) {
                Endpoint *endpoint = &world->endpoints[i];
                PolicyCaseParty *party = &self->parties[i];

                world->credentials[i] = (Credentials){
                        .uid = party->uid, .groups = party->gids, .n_groups = party->n_gids};
                endpoint_init(endpoint);
                endpoint->uid = party->uid;
                endpoint->credentials = &world->credentials[i];
                endpoint->id = world->n_ids++;
                endpoint->unique_name_size = strlen(party->names[0]);
                memcpy(endpoint->unique_name, party->names[0], endpoint->unique_name_size);
                publish_set(world, endpoint, party);
        }
}

static Verdict literal_verdict(const PolicyCase *self, const PolicyCaseParty *sender,
                               const PolicyCaseParty *recipient, const PolicyCaseMessage *message)
{
        PolicyCaseAnswer answer = {.allowed = true};

        if (sender)
                answer = policyliteral_send(&self->rules, sender, recipient, message);
        if (!answer.allowed)
                return VERDICT_NO_SEND;
        if (recipient && !policyliteral_receive(&self->rules, recipient, sender, message).allowed)
                return VERDICT_NO_RECEIVE;
        return answer.log ? VERDICT_LOGGED : VERDICT_ALLOWED;
}

/* As the router asks: a recipient that is meant, one that is not, and the bus. */
static bool judges_alike(World *world, const PolicyCase *self, size_t from, size_t to,
                         PolicyCaseMessage message)
{
        RouterThread *thread = &world->thread;
        Endpoint *sender = &world->endpoints[from], *recipient = &world->endpoints[to];
        const PolicyCaseParty *parties = self->parties;
        bool alike, allowed, expected;
        Header header;

        message.addressed = true;
        policycase_header(&message, &header);
        alike = judge_unicast(thread, sender, recipient, &header, message.requested) ==
                literal_verdict(self, &parties[from], &parties[to], &message);
        message.addressed = false;
        message.requested = false;
        for (unsigned by_bus = 0; by_bus < 2; by_bus++) {
                matches_begin(thread); /* as every look-up does */
                thread->targets[0] = recipient;
                thread->n_targets = 1;
                judge_targets(thread, by_bus ? NULL : sender, &header, JUDGE_LOCKED);
                expected = !judge_is_refusal(literal_verdict(self, by_bus ? NULL : &parties[from],
                                                             &parties[to], &message));
                alike = alike && (thread->n_targets == 1) == expected;
        }
        allowed = judge_to_bus(thread, sender, &header);
        expected = !judge_is_refusal(literal_verdict(self, &parties[from], NULL, &message));
        world->n_questions += 4;
        return alike && allowed == expected;
}

static bool judge_case(World *world, const PolicyCase *self)
{
        const size_t n_pairs = self->n_parties * self->n_parties;

        for (size_t pair = 0; pair < n_pairs; pair++)
                for (size_t i = 0; i < self->n_messages * ASKED; i++)
                        if (!judges_alike(world, self, pair / self->n_parties,
                                          pair % self->n_parties, self->messages[i / ASKED]))
                                return false;
        return true;
}

/* The same policy while names come and go. */
static bool run_with_cache(World *world, PolicyRandom *random, PolicyCase *self,
                           uint64_t generation)
{
        bool alike = true;

        ASSERT(policy_compile(&self->rules, generation, &world->root.policy) == 0);
        world->thread.root = &world->root;
        enter_parties(world, self);
        for (unsigned round = 0; round < ROUNDS && alike; round++) {
                const unsigned changed = policyrandom_below(random, POLICYCASE_PARTIES);

                alike = world->root.policy->allows_all_messages || judge_case(world, self);
                policyrandom_rename(random, &self->parties[changed]);
                publish_set(world, &world->endpoints[changed], &self->parties[changed]);
        }
        for (size_t i = 0; i < self->n_parties; i++)
                free_set(&world->endpoints[i]);
        policy_free(world->root.policy);
        return alike;
}

static bool run_case(World *world, uint64_t seed, uint64_t at)
{
        PolicyRandom random = {.state = (seed << 32) + at};
        char text[512];
        PolicyCase self;
        bool alike;

        policyrandom_make(&random, &self);
        world->n_questions += policycase_compare(&self, text, sizeof(text));
        alike = text[0] == '\0';
        if (!alike)
                fprintf(stderr, "policy_agreement: %s\n", text);
        if (alike && !run_with_cache(world, &random, &self, at + 1)) {
                fprintf(stderr, "policy_agreement: the judge, or its cache, disagrees\n");
                alike = false;
        }
        policyrandom_end(&self);
        if (!alike)
                fprintf(stderr, "policy_agreement: case %llu of --seed=%llu\n",
                        (unsigned long long)at, (unsigned long long)seed);
        return alike;
}

int main(int argc, char **argv)
{
        static World world;
        uint64_t n_cases = 10000, seed = 1, at = 0;

        for (int i = 1; i < argc; i++) {
                if (sscanf(argv[i], "--cases=%lu", &n_cases) != 1 &&
                    sscanf(argv[i], "--seed=%lu", &seed) != 1) {
                        fprintf(stderr, "usage: policy_agreement [--cases=N] [--seed=N]\n");
                        return 2;
                }
        }
        log_set_level(LOG_LEVEL_ERROR);
        ASSERT(hash_init() == 0 && routerthread_init(&world.thread, &world.router, 0) == 0);
        while (at < n_cases && run_case(&world, seed, at))
                at++;
        if (at == n_cases)
                printf("%llu cases, %llu questions, all decided alike; verdicts: %llu from the "
                       "cache, %llu "
                       "decided\n",
                       (unsigned long long)at, (unsigned long long)world.n_questions,
                       (unsigned long long)tally_read(&world.thread.n_verdict_hits),
                       (unsigned long long)tally_read(&world.thread.n_verdict_misses));
        routerthread_deinit(&world.thread);
        return at == n_cases ? 0 : 1;
}
