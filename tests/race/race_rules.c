/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "broker/base/alloc.h"
#include "broker/base/assert.h"
#include "broker/router/rules.h"
#include "broker/router/send.h"
#include "tests/race/router_fixture.h"

/*
 * Rules R1 and R2, ordering contract c and e: all receivers see broadcasts in one order, and a
 * receiver that replaces one rule by another that overlaps it misses nothing and gets nothing
 * twice.
 */
enum {
        N_RECEIVERS = 2,
        N_SENDERS = 2,
        N_WORKERS = N_RECEIVERS + N_SENDERS,
        N_THREADS = N_WORKERS + 1,
        LOG_MAX = 1 << 20,
};

static Fixture fixture;
static Client clients[N_WORKERS]; /* receivers, then senders */

typedef struct Seen { /* a receiver's, duty holder */
        uint32_t next_serial[N_SENDERS];
        size_t n;
        uint64_t *log; /* of what came: sender and serial */
} Seen;

static Seen seen[N_RECEIVERS];
static uint64_t logs[N_RECEIVERS][LOG_MAX];
static uint32_t n_sent[N_SENDERS];
static uint64_t n_replaced[N_RECEIVERS];
static uint64_t n_listed[N_SENDERS];
static unsigned n_receivers; /* in this test */

static const MatchRule by_interface = {.interface = {"com.example.Interface", 21},
                                       .type = FRAME_TYPE_SIGNAL};
static const MatchRule by_member = {.member = {"Member", 6}, .type = FRAME_TYPE_SIGNAL};

static void receive(Client *client, const Message *message, const Header *header)
{
        Seen *mine = &seen[client->index];
        unsigned sender = 0;

        (void)message;
        if (!text_equal(header->member, TEXT("Member")))
                return;
        while (!text_equal(header->sender, endpoint_name(&clients[N_RECEIVERS + sender].endpoint)))
                sender++;
        ASSERT(header->frame.serial == mine->next_serial[sender]); /* none missed, none twice */
        mine->next_serial[sender]++;
        if (mine->n < LOG_MAX)
                mine->log[mine->n++] = (uint64_t)sender << 32 | header->frame.serial;
}

/* `from` holds; `to` is added before it goes. */
static void replace(unsigned index, const MatchRule *from, const MatchRule *to)
{
        RouterThread *thread = &fixture.threads[index];
        Endpoint *endpoint = &clients[index].endpoint;

        ASSERT(rules_add(thread, endpoint, to, NULL) == RULES_OK);
        ASSERT(rules_remove(thread, endpoint, from, NULL) == RULES_OK);
        n_replaced[index]++;
}

static void broadcast(unsigned sender)
{
        RouterThread *thread = &fixture.threads[N_RECEIVERS + sender];
        Client *client = &clients[N_RECEIVERS + sender];
        uint8_t bytes[FIXTURE_BYTES_MAX] __attribute__((aligned(8)));
        Incoming incoming;
        SendResult result;

        fixture_signal(bytes, ++n_sent[sender], TEXT_NONE, client, &incoming);
        result = send_broadcast(thread, &client->endpoint, &incoming);
        ASSERT(result == SEND_OK);
}

/* All rules, while some change: who has one all the while is there with it, once. */
static void list_all(unsigned index)
{
        const Router *router = &fixture.router;
        unsigned n_of[N_WORKERS] = {0};
        MatchesListed *listed;
        Endpoint **endpoints;
        size_t n;

        ASSERT(matches_list(&router->matches, &fixture.router.turn, &listed, &n) == 0);
        for (size_t i = 0; i < n; i++) {
                char text[MATCHRULE_CANONICAL_MAX];
                Endpoint *endpoint = matches_entry_endpoint(listed[i].entry);

                ASSERT(listed[i].n == 1);
                ASSERT(matches_entry_write(listed[i].entry, text) > 0);
                n_of[CONTAINER_OF(endpoint, Client, endpoint)->index]++;
        }
        alloc_free(listed);
        ASSERT(n_of[N_RECEIVERS] == MATCHRULE_ARG_INDEX_MAX + 1); /* the bystanders */
        for (unsigned i = 0; i < N_RECEIVERS; i++)
                ASSERT(n_of[i] <= 2);
        ASSERT(names_list_endpoints(&router->names, &endpoints, &n) == 0);
        ASSERT(n == N_WORKERS);
        alloc_free(endpoints);
        n_listed[index]++;
}

static void body(Race *race, unsigned index)
{
        const bool replaces = *(const bool *)race->context;
        uint64_t seed = index;
        bool odd = false;

        if (index == N_WORKERS) {
                fixture_reclaim(&fixture, N_WORKERS);
                return;
        }
        fixture_begin_work();
        while (!race_is_over(race)) {
                if (index >= N_RECEIVERS && race_random(&seed, 4) == 0)
                        list_all(index - N_RECEIVERS);
                else if (index >= N_RECEIVERS)
                        broadcast(index - N_RECEIVERS);
                else if (index < n_receivers && replaces)
                        replace(index, odd ? &by_member : &by_interface,
                                odd ? &by_interface : &by_member);
                odd = !odd;
                if (race_random(&seed, 3) == 0)
                        fixture_flush(&fixture, index);
                qsbr_quiescent();
                race_stumble(&seed);
        }
        fixture_end_work(&fixture, index);
}

/* Rules of one sender that match nothing but have to be looked at, between the interface's rules
 * and those without: they make a look-up long, so that much can happen during it. */
static void add_bystanders(void)
{
        MatchRule rule = by_interface;

        rule.n_args = 1;
        for (uint8_t i = 0; i <= MATCHRULE_ARG_INDEX_MAX; i++) {
                rule.args[0] =
                        (MatchRuleArg){.value = TEXT("x"), .index = i, .kind = MATCHRULE_ARG_EXACT};
                assert_int_equal(rules_add(&fixture.threads[N_RECEIVERS],
                                           &clients[N_RECEIVERS].endpoint, &rule, NULL),
                                 RULES_OK);
        }
}

static void run_once(unsigned n, bool replaces)
{
        memset(seen, 0, sizeof(seen));
        memset(n_sent, 0, sizeof(n_sent));
        memset(n_replaced, 0, sizeof(n_replaced));
        memset(n_listed, 0, sizeof(n_listed));
        n_receivers = n;
        fixture_init(&fixture, N_WORKERS);
        for (unsigned i = 0; i < N_WORKERS; i++) {
                clients[i] = (Client){.index = i};
                fixture_add_client(&fixture, &clients[i], i);
        }
        add_bystanders();
        for (unsigned i = 0; i < n; i++) {
                seen[i].log = logs[i];
                for (unsigned s = 0; s < N_SENDERS; s++)
                        seen[i].next_serial[s] = 1;
                clients[i].receive = receive;
                assert_int_equal(
                        rules_add(&fixture.threads[i], &clients[i].endpoint, &by_interface, NULL),
                        RULES_OK);
        }
        race_run(N_THREADS, body, &replaces);
        for (unsigned i = 0; i < N_WORKERS; i++)
                fixture_remove_client(&fixture, &clients[i]);
        fixture_deinit(&fixture);
        for (unsigned i = 0; i < n; i++)
                for (unsigned s = 0; s < N_SENDERS; s++)
                        assert_int_equal(seen[i].next_serial[s], n_sent[s] + 1);
        print_message("%u and %u sent, %llu rules replaced, listed %llu times\n", n_sent[0],
                      n_sent[1], (unsigned long long)(n_replaced[0] + n_replaced[1]),
                      (unsigned long long)(n_listed[0] + n_listed[1]));
}

static bool has_met(bool replaces)
{
        return n_sent[0] > 0 && n_sent[1] > 0 && n_listed[0] > 0 &&
               (n_replaced[0] > 0 || !replaces);
}

static void run(unsigned n, bool replaces)
{
        run_once(n, replaces);
        for (int i = 1; i < RACE_TRIES && !has_met(replaces); i++)
                run_once(n, replaces);
        assert_true(n_sent[0] > 0 && n_sent[1] > 0 && n_listed[0] > 0);
        assert_int_equal(n_replaced[0] > 0, replaces);
}

static void test_rules_broadcasts_reach_all_receivers_in_one_order(void **state)
{
        (void)state;
        run(2, false);
        assert_int_equal(seen[0].n, seen[1].n);
        assert_memory_equal(logs[0], logs[1], seen[0].n * sizeof(logs[0][0]));
}

static void test_rules_replaced_by_an_overlapping_one_miss_nothing(void **state)
{
        (void)state;
        run(2, true);
        assert_memory_equal(logs[0], logs[1], seen[0].n * sizeof(logs[0][0]));
}

/* A look-up that meets neither the new rule nor the old one finds nobody at all. */
static void test_rules_replaced_by_the_only_receiver_miss_nothing(void **state)
{
        (void)state;
        run(1, true);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_rules_broadcasts_reach_all_receivers_in_one_order),
                cmocka_unit_test(test_rules_replaced_by_an_overlapping_one_miss_nothing),
                cmocka_unit_test(test_rules_replaced_by_the_only_receiver_miss_nothing),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
