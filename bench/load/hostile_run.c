/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/load/hostile_run.h"

#include <stdio.h>
#include <sys/resource.h>

#include "bench/load/bystanders.h"
#include "bench/load/engine/process.h"

enum {
        SETTLE_MS = 500,    /* of an attack, so that queues are full */
        RECOVER_MS = 20000, /* until the broker's fds are back */
        PASS_FD_MS = 2000,  /* during an attack */
        PASS_FD_AFTER_MS = 10000,
        SLACK_KIB = 64 * 1024, /* pools and buffers that a broker keeps */
        HALF_KIB = 64,
};

typedef struct Round {
        const HostilePlan *plan; // borrowed
        Broker broker;
        Pair pair;
        Bystanders bystanders;
        HostileOutcome *outcome; /* of the attack under way */
} Round;

static unsigned n_victims(const HostilePlan *plan, AttackKind kind)
{
        switch (kind) {
        case ATTACK_SIGNALS:
        case ATTACK_CALLS:
        case ATTACK_FDS:
                return 1;
        case ATTACK_HOARD:
                return plan->n_hoards;
        case ATTACK_HALVES:
                return plan->n_halves;
        case ATTACK_FLOOD:
        case ATTACK_KINDS:
                break;
        }
        return 0;
}

/* What the broker may hold at most because of an attack: one full queue for who does not read, one
 * for each sender, what is in their sockets; beside that only small things. */
static uint64_t resident_bound_kib(const HostilePlan *plan, AttackKind kind)
{
        uint64_t queue_kib = plan->broker.queue_max / 1024;

        if (broker_kind(plan->broker.daemon) == BROKER_DBUS_BROKER) /* a quota for each user */
                return queue_kib * BROKER_QUOTA_QUEUES + SLACK_KIB;
        if (kind == ATTACK_HALVES)
                return (uint64_t)plan->n_halves * 2 * HALF_KIB + SLACK_KIB;
        if (kind == ATTACK_HOARD)
                return 2 * queue_kib + SLACK_KIB;
        /* A queue counts bytes of messages; the memory around them is allowed as much again. */
        return 2 * (1 + plan->n_flooders) * queue_kib + SLACK_KIB;
}

static void watch_broker(void *context)
{
        vitals_watch(context);
}

/* In-flight fds are limited by the broker's own RLIMIT_NOFILE: lowered, a few hundred clients that
 * do not read exhaust it. */
static struct rlimit lower_limit(const Round *round, unsigned n)
{
        struct rlimit old = {0}, lower;

        if (prlimit(round->broker.pid, RLIMIT_NOFILE, NULL, &old) < 0)
                return old;
        lower = (struct rlimit){.rlim_cur = n, .rlim_max = old.rlim_max};
        prlimit(round->broker.pid, RLIMIT_NOFILE, &lower, NULL);
        return old;
}

static void note_attack(HostileOutcome *outcome, AttackShared *shared)
{
        outcome->n_sent = atomic_load(&shared->n_sent);
        outcome->n_limits = atomic_load(&shared->n_limits);
        outcome->n_errors = atomic_load(&shared->n_errors);
        outcome->n_closed = atomic_load(&shared->n_closed);
        outcome->longest_wait_ms = atomic_load(&shared->longest_wait_ms);
}

static int measure_attack(Round *round, AttackKind kind)
{
        HostileOutcome *outcome = round->outcome;
        struct rlimit limit = {0};
        Attack attack;
        int r;

        if (kind == ATTACK_HOARD)
                limit = lower_limit(round, round->plan->rlimit_nofile);
        r = attack_start(&attack, kind, round->broker.address, round->plan->n_flooders,
                         n_victims(round->plan, kind));
        if (r < 0)
                return r;
        process_sleep_ms(SETTLE_MS);
        r = pair_measure(&round->pair, round->plan->measure_ms, watch_broker, &outcome->vitals,
                         outcome->attacked);
        if (r == 0)
                outcome->pass_fd_ms = bystanders_pass_fd(&round->bystanders, PASS_FD_MS);
        note_attack(outcome, attack.shared);
        attack_stop(&attack);
        attack_deinit(&attack);
        if (limit.rlim_max > 0)
                prlimit(round->broker.pid, RLIMIT_NOFILE, &limit, NULL);
        return r;
}

/* Quiet, the attack, and what is left of it. */
static int run_attack(Round *round, AttackKind kind)
{
        HostileOutcome *outcome = round->outcome;

        outcome->resident_bound_kib = resident_bound_kib(round->plan, kind);
        vitals_begin(&outcome->vitals, round->broker.pid);
        if (pair_measure(&round->pair, round->plan->measure_ms, NULL, NULL, outcome->quiet) < 0 ||
            measure_attack(round, kind) < 0) {
                fprintf(stderr, "bench_hostile: failed in the attack '%s'; the broker %s\n",
                        attack_name(kind),
                        broker_is_alive(&round->broker) ? "is alive" : "has ended");
                return -1;
        }
        vitals_end(&outcome->vitals, RECOVER_MS);
        outcome->pass_fd_after_ms = bystanders_pass_fd(&round->bystanders, PASS_FD_AFTER_MS);
        outcome->n_lost = bystanders_lost(&round->bystanders);
        return broker_is_alive(&round->broker) ? 0 : -1;
}

int hostile_run(const HostilePlan *plan, AttackKind kind, HostileOutcome *ret_outcome)
{
        HostileOutcome outcome = {0};
        Round round = {.plan = plan, .bystanders = {.fd = -1}, .outcome = &outcome};
        int r;

        if (broker_start(&round.broker, &plan->broker) < 0)
                return -1;
        r = pair_start(&round.pair, round.broker.address);
        if (r == 0)
                r = bystanders_open(&round.bystanders, round.broker.address);
        /* The first fd costs what all later ones do not. */
        if (r == 0)
                (void)bystanders_pass_fd(&round.bystanders, PASS_FD_AFTER_MS);
        if (r == 0)
                r = run_attack(&round, kind);
        bystanders_close(&round.bystanders);
        pair_stop(&round.pair);
        if (broker_stop(&round.broker) < 0)
                r = -1;
        if (r == 0)
                *ret_outcome = outcome;
        return r;
}
