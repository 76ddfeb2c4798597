/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/load/lobby_run.h"

#include <stdio.h>
#include <unistd.h>

#include "bench/load/bystanders.h"
#include "bench/load/engine/facts.h"
#include "bench/load/newcomer.h"

enum {
        RECOVER_MS = 20000, /* until the broker's fds are back */
        NEWCOMER_MS = 2000, /* during an attack */
        NEWCOMER_AFTER_MS = 20000,
        LOOK_EVERY = 5, /* times that pair_measure() offers one, every 10 ms */
        REST_MS = 300,  /* between an attack and the next measurement */
};

typedef struct Round {
        const LobbyPlan *plan; // borrowed
        Broker broker;
        Broker decoy;
        Pair pair;
        Bystanders bystanders;
        LobbyOutcome outcome; /* of the round under way */
        unsigned n_looks;
} Round;

/* All that is compared between the two ends of a measurement. */
typedef struct Moment {
        FactsCpu machine;
        uint64_t broker_ns, attacker_ns, pair_ns;
        IntrusionCounts counts;
} Moment;

static uint64_t cpu_of(pid_t pid)
{
        FactsProcess facts;

        facts_read_process(pid, &facts);
        return facts.cpu_ns;
}

static void read_moment(const Round *round, const Intrusion *intrusion, Moment *moment)
{
        const Pair *pair = &round->pair;

        *moment = (Moment){.broker_ns = cpu_of(round->broker.pid),
                           .pair_ns = cpu_of(pair->caller.pid) + cpu_of(pair->callee.pid) +
                                      cpu_of(pair->relay.process.pid)};
        if (intrusion) {
                moment->attacker_ns = cpu_of(intrusion->process.pid);
                intrusion_read_counts(intrusion, &moment->counts);
        }
        facts_read_cpu(&moment->machine);
}

static void fill_window(const Moment *begin, const Moment *end, LobbyWindow *window)
{
        const IntrusionCounts *a = &begin->counts, *b = &end->counts;
        double ns = (double)(end->machine.taken_ns - begin->machine.taken_ns);
        double n_cpus = (double)sysconf(_SC_NPROCESSORS_ONLN), busy;

        window->tried_per_s = (double)(b->n_tried - a->n_tried) * 1e9 / ns;
        window->late_per_s = (double)(b->n_late - a->n_late) * 1e9 / ns;
        window->broker_cpu = (double)(end->broker_ns - begin->broker_ns) / ns;
        window->attacker_cpu = (double)(end->attacker_ns - begin->attacker_ns) / ns;
        window->pair_cpu = (double)(end->pair_ns - begin->pair_ns) / ns;
        busy = (double)(end->machine.busy_ns - begin->machine.busy_ns + end->machine.steal_ns -
                        begin->machine.steal_ns) /
               ns;
        window->machine_cpu = busy / n_cpus;
        busy -= window->broker_cpu + window->attacker_cpu + window->pair_cpu;
        window->foreign_cpu = busy > 0 ? busy : 0;
}

/* Now and then: to look takes CPU time, the more of it the more fds there are. */
static void watch_broker(void *context)
{
        Round *round = context;

        if (round->n_looks++ % LOOK_EVERY == 0)
                vitals_watch(&round->outcome.vitals);
}

/* `intrusion` NULL: there is none. */
static int measure(Round *round, const Intrusion *intrusion, LobbyWindow *window)
{
        Moment begin, end;
        int r;

        read_moment(round, intrusion, &begin);
        r = pair_measure(&round->pair, round->plan->measure_ms, watch_broker, round, window->pair);
        read_moment(round, intrusion, &end);
        fill_window(&begin, &end, window);
        return r;
}

/* The attack on the pair's own broker, or on the decoy. */
static int measure_attack(Round *round, IntrusionKind kind, const Broker *target,
                          LobbyWindow *window)
{
        LobbyOutcome *outcome = &round->outcome;
        Intrusion intrusion;
        int r = intrusion_start(&intrusion, kind, target->address, &round->plan->intrusion);

        if (r == 0)
                r = measure(round, &intrusion, window);
        if (r == 0 && target == &round->broker) {
                outcome->newcomer_ms = newcomer_join(target->address, NEWCOMER_MS);
                intrusion_read_counts(&intrusion, &outcome->counts);
        }
        intrusion_stop(&intrusion);
        return r;
}

static int run_round(Round *round, IntrusionKind kind)
{
        LobbyOutcome *outcome = &round->outcome;
        int r;

        *outcome = (LobbyOutcome){0};
        vitals_begin(&outcome->vitals, round->broker.pid);
        r = measure(round, NULL, &outcome->quiet);
        if (r == 0 && round->plan->decoy.daemon) {
                r = measure_attack(round, kind, &round->decoy, &outcome->decoy);
                process_sleep_ms(REST_MS);
        }
        vitals_begin(&outcome->vitals, round->broker.pid);
        if (r == 0)
                r = measure_attack(round, kind, &round->broker, &outcome->attack);
        if (r < 0)
                return r;
        outcome->newcomer_after_ms = newcomer_join(round->broker.address, NEWCOMER_AFTER_MS);
        vitals_end(&outcome->vitals, RECOVER_MS);
        outcome->n_lost = bystanders_lost(&round->bystanders);
        process_sleep_ms(REST_MS);
        return broker_is_alive(&round->broker) ? 0 : -1;
}

static void say_if_failed(const Round *round, IntrusionKind kind, int r)
{
        if (r == 0)
                return;
        fprintf(stderr, "bench_lobby: failed in the attack '%s'; the broker %s\n",
                intrusion_name(kind), broker_is_alive(&round->broker) ? "is alive" : "has ended");
        if (!broker_is_alive(&round->broker))
                broker_explain_end(&round->broker, stderr);
}

static int open_round(Round *round)
{
        const LobbyPlan *plan = round->plan;

        if (broker_start(&round->broker, &plan->broker) < 0)
                return -1;
        if (plan->decoy.daemon && broker_start(&round->decoy, &plan->decoy) < 0)
                return -1;
        if (pair_start(&round->pair, round->broker.address) < 0)
                return -1;
        return bystanders_open(&round->bystanders, round->broker.address);
}

void lobby_run(const LobbyPlan *plan, IntrusionKind kind,
               void (*take)(void *context, const LobbyOutcome *outcome), void *context)
{
        Round round = {.plan = plan,
                       .broker = {.pid = -1},
                       .decoy = {.pid = -1},
                       .pair = {.relay = {.ends = {-1, -1}}},
                       .bystanders = {.fd = -1}};
        int r = open_round(&round);

        for (unsigned i = 0; i < plan->n_rounds; i++) {
                if (r == 0) {
                        r = run_round(&round, kind);
                        say_if_failed(&round, kind, r);
                }
                take(context, r < 0 ? NULL : &round.outcome);
        }
        bystanders_close(&round.bystanders);
        pair_stop(&round.pair);
        broker_stop(&round.decoy);
        if (broker_stop(&round.broker) < 0 && r == 0) {
                fprintf(stderr, "bench_lobby: the broker did not end well\n");
                take(context, NULL);
        }
}
