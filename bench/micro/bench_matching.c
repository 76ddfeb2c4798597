/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What it costs to find the receivers of one signal. Cases are named
 *
 *      find/SET/SIGNAL/RULES   one look-up, with the parsing of arguments if a rule asks
 *      add/SET/RULES           so many AddMatch, and the memory that a rule takes, all told: run
 *                              one of these alone, since the process keeps what it has freed
 *
 * with the sets and signals of matching_rules.h. tools/bench-micro runs them, tools/bench-matching
 * judges them.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bench/micro/gbench.h"
#include "bench/micro/matching_rules.h"
#include "bench/micro/world.h"

enum { CASES_MAX = 128, SUBSCRIBERS = 10 };

typedef struct Case {
        const MatchingSet *set;
        MatchingSignalKind kind;
        unsigned n;
} Case;

/* What the last case has built, for its repetitions. */
typedef struct Stage {
        const Case *built;
        World *world;
        WorldPeer *sender;
        WorldPeer *subscribers[SUBSCRIBERS];
        MatchingSignal signal;
} Stage;

static Case cases[CASES_MAX];
static unsigned n_cases;
static Stage stage;

static size_t resident_bytes(void)
{
        unsigned long total = 0, resident = 0;
        FILE *file = fopen("/proc/self/statm", "r");

        if (file && fscanf(file, "%lu %lu", &total, &resident) != 2)
                resident = 0;
        if (file)
                fclose(file);
        return resident * (size_t)sysconf(_SC_PAGESIZE);
}

/* A world with nothing but a sender and subscribers without rules. */
static void build_peers(void)
{
        stage.world = world_free(stage.world);
        stage.world = world_new();
        stage.sender = world_join(stage.world);
        for (unsigned i = 0; i < SUBSCRIBERS; i++)
                stage.subscribers[i] = world_join(stage.world);
}

static void add_rules(const Case *which)
{
        const MatchingAim aim = {.signal = &stage.signal,
                                 .sender = stage.sender->endpoint.unique_name,
                                 .n = which->n};
        char text[MATCHRULE_TEXT_MAX];

        for (unsigned i = 0; i < which->n; i++) {
                matching_rules_write(which->set, &aim, i, text);
                world_add_rule(stage.world, stage.subscribers[i % SUBSCRIBERS], text);
        }
}

static void build(const Case *which)
{
        char name[32];

        if (stage.built == which)
                return;
        stage.built = which;
        build_peers();
        matching_rules_make_signal(which->kind, &stage.signal);
        for (unsigned i = 0; i < (which->set->owns_names ? MATCHING_NAMES : 1); i++) {
                snprintf(name, sizeof(name), "com.example.v%u", i);
                world_own(stage.world, stage.sender, name);
        }
        add_rules(which);
}

static void run_find(GbenchState *state, const void *context)
{
        const Case *which = context;
        const Matches *matches;
        RouterThread *thread;
        MatchQuery query;
        unsigned expected = 1;

        build(which);
        matches = &stage.world->router.matches;
        thread = &stage.world->thread;
        while (gbench_next(state)) {
                matches_query(&query, &stage.signal.header,
                              stage.signal.bytes + stage.signal.header.frame.header_size,
                              &stage.sender->endpoint, NULL);
                matches_find(matches, &query, thread);
        }
        if (strcmp(which->set->name, "names_all") == 0)
                expected = SUBSCRIBERS;
        if (thread->n_targets != expected)
                gbench_fail(state, "the look-up finds other receivers than it should");
        gbench_count(state, "rules", (double)matches->n_entries);
        gbench_count(state, "receivers", thread->n_targets);
        gbench_did(state, 1, 0);
}

static void run_add(GbenchState *state, const void *context)
{
        /* Of the first time in this process: later, memory that was freed is used again. */
        static const Case *first;
        static double bytes = -1;
        const Case *which = context;

        matching_rules_make_signal(which->kind, &stage.signal);
        stage.built = NULL;
        if (!first)
                first = which;
        while (gbench_next(state)) {
                size_t before;

                build_peers();
                before = resident_bytes();
                add_rules(which);
                if (bytes < 0)
                        bytes = (double)resident_bytes() - (double)before;
        }
        gbench_count(state, "rules", (double)stage.world->router.matches.n_entries);
        if (which == first)
                gbench_count(state, "bytes_per_rule",
                             bytes / (double)stage.world->router.matches.n_entries);
        gbench_did(state, which->n, 0);
}

static void add_case(const MatchingSet *set, MatchingSignalKind kind, unsigned n)
{
        char name[128];

        ASSERT(n_cases < CASES_MAX);
        cases[n_cases] = (Case){.set = set, .kind = kind, .n = n};
        snprintf(name, sizeof(name), "find/%s/%s/%u", set->name,
                 kind == MATCHING_PLAIN ? "plain" : "rich", n);
        gbench_register(name, run_find, &cases[n_cases++]);
}

static void add_memory_case(const MatchingSet *set)
{
        char name[128];

        ASSERT(n_cases < CASES_MAX);
        cases[n_cases] = (Case){.set = set, .kind = MATCHING_RICH, .n = 100000};
        snprintf(name, sizeof(name), "add/%s/%u", set->name, cases[n_cases].n);
        gbench_register(name, run_add, &cases[n_cases++]);
}

static void add_find_cases(const MatchingSet *set, MatchingSignalKind kind)
{
        static const unsigned sizes[] = {1, 100, 10000};

        for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
                if (!set->hostile || sizes[i] == MATCHING_NAMES)
                        add_case(set, kind, sizes[i]);
}

static void add_cases(void)
{
        for (const MatchingSet *set = matching_rules_all(); set->name; set++) {
                add_find_cases(set, MATCHING_PLAIN);
                add_find_cases(set, MATCHING_RICH);
        }
        add_memory_case(matching_rules_find("desktop"));
        add_memory_case(matching_rules_find("mixed"));
        add_memory_case(matching_rules_find("sender_name"));
        add_memory_case(matching_rules_find("shapes"));
}

int main(int argc, char **argv)
{
        int status;

        fprintf(stderr, "bench_matching: the time to find the receivers of one signal among so "
                        "many match rules\n(find/SET/SIGNAL/RULES), and what 100000 AddMatch cost "
                        "in time and memory (add/...).\nTimes mean little on a busy machine; "
                        "tools/bench-matching repeats and judges.\n");
        add_cases();
        status = gbench_main(argc, argv);
        world_free(stage.world);
        return status;
}
