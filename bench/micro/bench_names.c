/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finding the receiver of a unicast by name, among so many names. Cases are named
 *
 *      find/unique/NAMES/hit|miss       ":1.N" of one of so many connections
 *      find/well_known/NAMES/hit|miss   the owner of a name, ten names to a connection
 *
 * Names are asked for in a random order, each as often as the others: with many, what is measured
 * is the way to memory that no cache holds.
 */
#include <stdio.h>

#include "bench/micro/gbench.h"
#include "bench/micro/world.h"
#include "broker/base/alloc.h"

enum { NAMES_EACH = 10, TEXT_MAX = 32 };

typedef enum Kind { UNIQUE, WELL_KNOWN } Kind;

typedef struct Case {
        Kind kind;
        unsigned n;
        bool hit;
} Case;

typedef struct Query {
        const Endpoint *expected; /* NULL: nobody has it */
        unsigned size;
        char text[TEXT_MAX];
} Query;

/* What the last case has built, for its repetitions and for the case of the other sort. */
typedef struct Stage {
        World *world;
        Kind kind;
        unsigned n;
        Query *queries;
} Stage;

static Stage stage;

static void write_query(Query *query, const Case *which, unsigned i)
{
        const WorldPeer *peer = stage.world->peers[which->kind == UNIQUE ? i : i / NAMES_EACH];

        if (which->kind == WELL_KNOWN)
                query->size = (unsigned)snprintf(query->text, TEXT_MAX, "org.example.%s%u",
                                                 which->hit ? "Service" : "Nobody", i);
        else if (which->hit)
                query->size =
                        (unsigned)snprintf(query->text, TEXT_MAX, "%s", peer->endpoint.unique_name);
        else /* as one that has left: there never were so many */
                query->size = (unsigned)snprintf(query->text, TEXT_MAX, ":1.%u", 1000000 + i);
        query->expected = which->hit ? &peer->endpoint : NULL;
}

static void build_world(const Case *which)
{
        const unsigned n_peers = which->kind == UNIQUE ? which->n : which->n / NAMES_EACH;
        char name[TEXT_MAX];

        if (stage.world && stage.kind == which->kind && stage.n == which->n)
                return;
        world_free(stage.world);
        stage.world = world_new();
        stage.kind = which->kind;
        stage.n = which->n;
        for (unsigned i = 0; i < n_peers; i++)
                world_join(stage.world);
        for (unsigned i = 0; which->kind == WELL_KNOWN && i < which->n; i++) {
                snprintf(name, sizeof(name), "org.example.Service%u", i);
                world_own(stage.world, stage.world->peers[i / NAMES_EACH], name);
        }
}

/* The queries in a random order, but always the same one (Fisher-Yates). */
static void build_queries(const Case *which)
{
        uint64_t seed = 1;

        stage.queries = alloc_resize(stage.queries, which->n * sizeof(stage.queries[0]));
        ASSERT(stage.queries);
        for (unsigned i = 0; i < which->n; i++)
                write_query(&stage.queries[i], which, i);
        for (unsigned i = which->n - 1; i > 0; i--) {
                Query query = stage.queries[i];
                unsigned k;

                seed = seed * UINT64_C(6364136223846793005) + 1;
                k = (unsigned)((seed >> 33) % (i + 1));
                stage.queries[i] = stage.queries[k];
                stage.queries[k] = query;
        }
}

static const Endpoint *find(const Names *names, const Query *query)
{
        const Text text = {.data = query->text, .size = query->size};
        const Name *name;
        bool marked;

        if (stage.kind == UNIQUE)
                return names_find_unique(names, text);
        name = names_find(names, text);
        return name ? names_load(name, &marked) : NULL;
}

static void run_find(GbenchState *state, const void *context)
{
        const Case *which = context;
        unsigned i = 0, n_wrong = 0;
        const Names *names;

        build_world(which);
        build_queries(which);
        names = &stage.world->router.names;
        while (gbench_next(state)) {
                const Query *query = &stage.queries[i];

                n_wrong += find(names, query) != query->expected;
                i = i + 1 < which->n ? i + 1 : 0;
        }
        /* Once more: there may have been fewer iterations than names. */
        for (i = 0; i < which->n; i++)
                n_wrong += find(names, &stage.queries[i]) != stage.queries[i].expected;
        if (n_wrong > 0 ||
            table_count(which->kind == UNIQUE ? &names->unique : &names->well_known) != which->n)
                gbench_fail(state, "a name is found that nobody has, or another's, or not at all");
        gbench_did(state, 1, 0);
        gbench_count(state, "names", which->n);
}

int main(int argc, char **argv)
{
        static Case cases[12];
        static const unsigned sizes[] = {10, 1000, 100000};
        static const char *const kinds[] = {"unique", "well_known"};
        unsigned n_cases = 0;
        char name[64];
        int status;

        fprintf(stderr, "bench_names: what it costs to find the receiver of a message by name.\n");
        for (Kind kind = UNIQUE; kind <= WELL_KNOWN; kind++)
                for (unsigned i = 0; i < 2 * ARRAY_SIZE(sizes); i++) {
                        Case *which = &cases[n_cases++];

                        *which = (Case){.kind = kind, .n = sizes[i / 2], .hit = i % 2 == 0};
                        snprintf(name, sizeof(name), "find/%s/%u/%s", kinds[kind], which->n,
                                 which->hit ? "hit" : "miss");
                        gbench_register(name, run_find, which);
                }
        status = gbench_main(argc, argv);
        world_free(stage.world);
        alloc_free(stage.queries);
        return status;
}
