/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "broker/base/assert.h"
#include "broker/router/ownership.h"
#include "broker/router/send.h"
#include "tests/race/router_fixture.h"

/*
 * Rule R3. Two clients take a name from each other, and now and then release it, while two others
 * send to it. Nothing addressed to the name may reach a client that does not own it, as its own
 * output says: after its NameLost, or before its NameAcquired. What one sender sent comes in order
 * and, if it was accepted, exactly once.
 */
enum { N_OWNERS = 2, N_SENDERS = 2, N_WORKERS = N_OWNERS + N_SENDERS, N_THREADS = N_WORKERS + 1 };

#define NAME TEXT("com.example.Name")

static Fixture fixture;
static Client clients[N_WORKERS]; /* owners, then senders; each one's home is the same thread */

typedef struct Seen { /* an owner's, duty holder */
        bool owns;
        uint64_t n_lost;
        uint32_t last_serial[N_SENDERS];
        uint64_t n_received[N_SENDERS];
} Seen;

static Seen seen[N_OWNERS];
static uint64_t n_accepted[N_SENDERS], n_without_owner[N_SENDERS];
static uint32_t last_sent[N_SENDERS]; /* serials, also of earlier races */

static unsigned sender_of(const Header *header)
{
        for (unsigned i = 0; i < N_SENDERS; i++)
                if (text_equal(header->sender, endpoint_name(&clients[N_OWNERS + i].endpoint)))
                        return i;
        ASSERT_NOT_REACHED();
}

static void receive(Client *client, const Message *message, const Header *header)
{
        Seen *mine = &seen[client->index];

        (void)message;
        if (text_equal(header->member, TEXT("NameAcquired"))) {
                ASSERT(!mine->owns);
                mine->owns = true;
        } else if (text_equal(header->member, TEXT("NameLost"))) {
                ASSERT(mine->owns);
                mine->owns = false;
                mine->n_lost++;
        } else {
                unsigned sender = sender_of(header);

                ASSERT(text_equal(header->destination, NAME));
                ASSERT(mine->owns);
                ASSERT(header->frame.serial > mine->last_serial[sender]);
                mine->last_serial[sender] = header->frame.serial;
                mine->n_received[sender]++;
        }
}

static void own(unsigned index, uint64_t *seed)
{
        const uint32_t flags =
                NAMES_ALLOW_REPLACEMENT | NAMES_REPLACE_EXISTING | NAMES_DO_NOT_QUEUE;
        RouterThread *thread = &fixture.threads[index];
        Endpoint *endpoint = &clients[index].endpoint;

        if (race_random(seed, 8) == 0)
                ownership_release(thread, endpoint, NAME, NULL);
        else
                ownership_request(thread, endpoint, NAME, flags, NULL);
}

static void send_one(unsigned sender)
{
        RouterThread *thread = &fixture.threads[N_OWNERS + sender];
        Client *client = &clients[N_OWNERS + sender];
        uint8_t bytes[FIXTURE_BYTES_MAX] __attribute__((aligned(8)));
        Incoming incoming;
        SendResult result;

        fixture_signal(bytes, ++last_sent[sender], NAME, client, &incoming);
        result = send_unicast(thread, &client->endpoint, &incoming);
        ASSERT(result == SEND_OK || result == SEND_NO_OWNER);
        if (result == SEND_OK)
                n_accepted[sender]++;
        else
                n_without_owner[sender]++;
}

static void body(Race *race, unsigned index)
{
        uint64_t seed = index;

        if (index == N_WORKERS) {
                fixture_reclaim(&fixture, N_WORKERS);
                return;
        }
        fixture_begin_work();
        while (!race_is_over(race)) {
                if (index < N_OWNERS)
                        own(index, &seed);
                else
                        send_one(index - N_OWNERS);
                if (race_random(&seed, 3) == 0)
                        fixture_flush(&fixture, index);
                qsbr_quiescent();
                race_stumble(&seed);
        }
        fixture_end_work(&fixture, index);
}

static void test_names_nothing_sent_to_a_name_follows_its_name_lost(void **state)
{
        uint64_t n_lost = 0;

        (void)state;
        fixture_init(&fixture, N_WORKERS);
        for (unsigned i = 0; i < N_WORKERS; i++) {
                clients[i].index = i;
                fixture_add_client(&fixture, &clients[i], i);
        }
        for (unsigned i = 0; i < N_OWNERS; i++)
                clients[i].receive = receive;
        for (int i = 0; i < RACE_TRIES && n_lost == 0; i++) {
                fixture.n_workers_done = (Counter){0};
                race_run(N_THREADS, body, NULL);
                n_lost = seen[0].n_lost + seen[1].n_lost;
        }
        for (unsigned s = 0; s < N_SENDERS; s++) {
                assert_int_equal(seen[0].n_received[s] + seen[1].n_received[s], n_accepted[s]);
                print_message("sender %u: %llu accepted, %llu without owner\n", s,
                              (unsigned long long)n_accepted[s],
                              (unsigned long long)n_without_owner[s]);
        }
        print_message("%llu times NameLost\n", (unsigned long long)n_lost);
        assert_true(n_lost > 0);
        for (unsigned i = 0; i < N_WORKERS; i++)
                fixture_remove_client(&fixture, &clients[i]);
        fixture_deinit(&fixture);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_names_nothing_sent_to_a_name_follows_its_name_lost),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
