/* SPDX-License-Identifier: Apache-2.0 */
/*
 * org.freedesktop.DBus.Debug.Stats: GetStats and GetConnectionStats. The reference's keys come
 * first, in its order and with its types; ringbus's own begin with "Ringbus".
 *
 * Each counter has one writer, or is there for a limit; whoever asks reads them where they are, one
 * after the other, and nobody stops. So sums are of slightly different moments.
 */
#include "broker/base/alloc.h"
#include "broker/driver/driver_private.h"
#include "broker/router/rules.h"

static void driver_get_stats(DriverCall *call);
static void driver_get_connection_stats(DriverCall *call);

const DriverMethod driver_stats_methods[] = {
        {"GetStats", "", "a{sv}", DRIVER_ANY_PATH, driver_get_stats},
        {"GetConnectionStats", "s", "a{sv}", DRIVER_ANY_PATH, driver_get_connection_stats},
        {"GetAllMatchRules", "", "a{sas}", DRIVER_ANY_PATH, driver_get_all_rules},
        {NULL, NULL, NULL, 0, NULL},
};

/* What the writers write: gathered before, for a reply may be written twice. */
typedef struct DriverStats {
        uint32_t serial;
        unsigned n_endpoints;
        const Router *router;
        DriverTotals totals;
        DriverCount gate[DRIVER_COUNTS_MAX];
        unsigned n_gate;
        DriverCount (*workers)[DRIVER_COUNTS_MAX];
        unsigned n_counts[ROUTER_WORKERS_MAX];
        unsigned n_workers;
        DriverUser *users;
        size_t n_users;
} DriverStats;

static void driver_write_key(Writer *writer, const char *key, Text type)
{
        writer_open_struct(writer);
        writer_string(writer, text_from(key));
        writer_open_variant(writer, type);
}

/* The reference's type for all that it counts: what is larger is shown as the largest. */
static void driver_write_count(Writer *writer, const char *key, uint64_t value)
{
        driver_write_key(writer, key, TEXT("u"));
        writer_u32(writer, value < UINT32_MAX ? (uint32_t)value : UINT32_MAX);
}

static void driver_write_count64(Writer *writer, const char *key, uint64_t value)
{
        driver_write_key(writer, key, TEXT("t"));
        writer_u64(writer, value);
}

/* The entries of an open a{st}. */
static void driver_write_counts(Writer *writer, const DriverCount *counts, unsigned n)
{
        for (unsigned i = 0; i < n; i++) {
                writer_open_struct(writer);
                writer_string(writer, text_from(counts[i].name));
                writer_u64(writer, counts[i].value);
        }
}

static void driver_write_workers(Writer *writer, const DriverStats *stats)
{
        driver_write_key(writer, "RingbusWorkers", TEXT("aa{st}"));
        writer_open_array(writer, 'a');
        for (unsigned i = 0; i < stats->n_workers; i++) {
                writer_open_array(writer, '{');
                driver_write_counts(writer, stats->workers[i], stats->n_counts[i]);
                writer_close_array(writer);
        }
        writer_close_array(writer);
}

static void driver_write_users(Writer *writer, const DriverStats *stats)
{
        driver_write_key(writer, "RingbusUsers", TEXT("a{ua{st}}"));
        writer_open_array(writer, '{');
        for (size_t i = 0; i < stats->n_users; i++) {
                const DriverUser *user = &stats->users[i];
                const DriverCount counts[] = {{"Connections", user->n_connections},
                                              {"IncomingMessages", user->n_incoming},
                                              {"IncomingBytes", user->incoming_bytes},
                                              {"IncomingFDs", user->incoming_fds},
                                              {"OutgoingMessages", user->n_outgoing},
                                              {"OutgoingBytes", user->outgoing_bytes},
                                              {"OutgoingFDs", user->outgoing_fds}};

                writer_open_struct(writer);
                writer_u32(writer, user->uid);
                writer_open_array(writer, '{');
                driver_write_counts(writer, counts, ARRAY_SIZE(counts));
                writer_close_array(writer);
        }
        writer_close_array(writer);
}

static void driver_write_stats(Writer *writer, const void *context)
{
        const DriverStats *stats = context;
        const DriverTotals *totals = &stats->totals;
        const Router *router = stats->router;
        const Names *names = &router->names;

        writer_open_array(writer, '{');
        driver_write_count(writer, "Serial", stats->serial);
        driver_write_count(writer, "ListMemPoolUsedBytes",
                           totals->pool_bytes - totals->pool_free_bytes);
        driver_write_count(writer, "ListMemPoolCachedBytes", totals->pool_free_bytes);
        driver_write_count(writer, "ListMemPoolAllocatedBytes", totals->pool_bytes);
        driver_write_count(writer, "ActiveConnections", stats->n_endpoints);
        driver_write_count(writer, "IncompleteConnections", totals->n_incomplete);
        driver_write_count(writer, "MatchRules", tally_read(&router->n_rules));
        driver_write_count(writer, "PeakMatchRules", tally_read(&router->peak_rules));
        driver_write_count(writer, "PeakMatchRulesPerConnection",
                           tally_read(&router->peak_rules_per_connection));
        driver_write_count(writer, "BusNames", tally_read(&names->n_places));
        driver_write_count(writer, "PeakBusNames", tally_read(&names->peak_places));
        driver_write_count(writer, "PeakBusNamesPerConnection",
                           tally_read(&names->peak_places_per_connection));
        driver_write_key(writer, "RingbusGate", TEXT("a{st}"));
        writer_open_array(writer, '{');
        driver_write_counts(writer, stats->gate, stats->n_gate);
        writer_close_array(writer);
        driver_write_workers(writer, stats);
        driver_write_users(writer, stats);
        writer_close_array(writer);
}

/* False: out of memory. */
static bool driver_gather_stats(DriverCall *call, DriverStats *stats)
{
        const DriverSources *sources = &call->driver->sources;
        Names *names = &call->driver->router->names;

        lock_acquire(&names->lock);
        stats->n_endpoints = names->n_endpoints;
        lock_release(&names->lock);
        if (driver_list_users(names, &stats->users, &stats->n_users) < 0)
                return false;
        if (sources->n_workers == 0)
                return true;
        stats->workers = alloc_zeroed(sources->n_workers, sizeof(*stats->workers));
        if (!stats->workers)
                return false;
        stats->n_workers = sources->n_workers;
        for (unsigned i = 0; i < stats->n_workers; i++)
                stats->n_counts[i] = sources->read_worker(sources->context, i, stats->workers[i]);
        stats->n_gate = sources->read_gate(sources->context, stats->gate);
        sources->read_totals(sources->context, &stats->totals);
        return true;
}

static void driver_get_stats(DriverCall *call)
{
        DriverStats stats = {.router = call->driver->router,
                             .serial = (uint32_t)counter_next(&call->driver->n_stats) - 1};

        if (driver_gather_stats(call, &stats))
                driver_reply(call, "a{sv}", driver_write_stats, &stats);
        else
                driver_fail(call, "NoMemory", "Out of memory");
        alloc_free(stats.users);
        alloc_free(stats.workers);
}

typedef struct DriverConnectionStats {
        uint32_t serial;
        unsigned n_rules, peak_rules;
        unsigned n_names, peak_names;
        const Endpoint *endpoint;
} DriverConnectionStats;

static uint64_t driver_max(uint64_t a, uint64_t b)
{
        return a > b ? a : b;
}

/* A peak is noted when the queue gets shorter: until then it is what there is now. */
static void driver_write_queues(Writer *writer, const Endpoint *endpoint)
{
        const Account *account = endpoint->account;
        const uint64_t bytes = endpoint_queued_bytes(endpoint);
        const uint64_t fds = counter_read(&endpoint->queued_fds);

        driver_write_count(writer, "IncomingMessages", account_n_messages(account));
        driver_write_count(writer, "IncomingBytes", counter_read(&account->bytes));
        driver_write_count(writer, "IncomingFDs", counter_read(&account->fds));
        driver_write_count(writer, "PeakIncomingBytes", tally_read(&account->peak_bytes));
        driver_write_count(writer, "PeakIncomingFDs", tally_read(&account->peak_fds));
        driver_write_count(writer, "OutgoingMessages", endpoint_queued_messages(endpoint));
        driver_write_count(writer, "OutgoingBytes", bytes);
        driver_write_count(writer, "OutgoingFDs", fds);
        driver_write_count(writer, "PeakOutgoingBytes",
                           driver_max(bytes, tally_read(&endpoint->peak_queued_bytes)));
        driver_write_count(writer, "PeakOutgoingFDs",
                           driver_max(fds, tally_read(&endpoint->peak_queued_fds)));
}

static void driver_write_connection_stats(Writer *writer, const void *context)
{
        const DriverConnectionStats *stats = context;
        const Endpoint *endpoint = stats->endpoint;

        writer_open_array(writer, '{');
        driver_write_count(writer, "Serial", stats->serial);
        driver_write_count(writer, "MatchRules", stats->n_rules);
        driver_write_count(writer, "PeakMatchRules", stats->peak_rules);
        driver_write_count(writer, "BusNames", stats->n_names);
        driver_write_count(writer, "PeakBusNames", stats->peak_names);
        driver_write_key(writer, "UniqueName", TEXT("s"));
        writer_string(writer, endpoint_name(endpoint));
        driver_write_queues(writer, endpoint);
        driver_write_count(writer, "RingbusWorker", endpoint->home);
        driver_write_count(writer, "RingbusRepliesPending", counter_read(&endpoint->n_owed_to));
        driver_write_count64(writer, "RingbusMessagesReceived", tally_read(&endpoint->n_received));
        driver_write_count64(writer, "RingbusMessagesSent", tally_read(&endpoint->n_sent));
        driver_write_key(writer, "RingbusIsPaused", TEXT("b"));
        writer_bool(writer, switch_is_on(&endpoint->account->paused));
        driver_write_key(writer, "RingbusIsStalled", TEXT("b"));
        writer_bool(writer, switch_is_on(&endpoint->stalled));
        writer_close_array(writer);
}

static void driver_get_connection_stats(DriverCall *call)
{
        Names *names = &call->driver->router->names;
        Text name = driver_read_string(call);
        bool failed;
        Peer *peer = driver_find_peer(call, name, "statistics", &failed);
        DriverConnectionStats stats = {.endpoint = peer ? &peer->endpoint : NULL};

        if (failed)
                return;
        if (!peer) {
                driver_fail(call, "InvalidArgs",
                            "GetConnectionStats is not meaningful for the message bus \"%s\" "
                            "itself",
                            BUSMESSAGE_BUS_NAME.data);
                return;
        }
        stats.serial = (uint32_t)counter_next(&call->driver->n_connection_stats) - 1;
        rules_read_counts(call->thread, &peer->endpoint, &stats.n_rules, &stats.peak_rules);
        lock_acquire(&names->lock);
        stats.n_names = peer->endpoint.n_owners + 1;
        stats.peak_names = peer->endpoint.peak_owners;
        lock_release(&names->lock);
        driver_reply(call, "a{sv}", driver_write_connection_stats, &stats);
        driver_forget_peer(call, peer);
}
