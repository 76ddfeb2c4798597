/* SPDX-License-Identifier: Apache-2.0 */
/* What the bus's threads count, for Debug.Stats and for the log. */
#include <stdio.h>

#include "broker/base/log.h"
#include "broker/bus_private.h"

static void bus_read_totals(void *context, DriverTotals *ret_totals)
{
        const Bus *bus = context;
        GateCounters gate;

        gate_read_counters(bus->gate, &gate);
        *ret_totals = (DriverTotals){.n_incomplete = gate.incomplete};
        for (unsigned i = 0; i < bus->n_workers; i++) {
                WorkerCounters counters;

                worker_read_counters(bus->workers[i], &counters);
                ret_totals->pool_bytes += counters.pool_bytes;
                ret_totals->pool_free_bytes += counters.pool_free_bytes;
        }
}

static unsigned bus_copy_counts(const DriverCount *counts, unsigned n, DriverCount *ret_counts)
{
        ASSERT(n <= DRIVER_COUNTS_MAX);
        for (unsigned i = 0; i < n; i++)
                ret_counts[i] = counts[i];
        return n;
}

static unsigned bus_read_worker(void *context, unsigned index, DriverCount *ret_counts)
{
        const Bus *bus = context;
        WorkerCounters c;

        worker_read_counters(bus->workers[index], &c);
        return bus_copy_counts((const DriverCount[]){{"Connections", c.peers},
                                                     {"Routed", c.routed},
                                                     {"Deliveries", c.deliveries},
                                                     {"Flushes", c.flushes},
                                                     {"Dropped", c.dropped},
                                                     {"Denied", c.denied},
                                                     {"VerdictHits", c.verdict_hits},
                                                     {"VerdictMisses", c.verdict_misses},
                                                     {"AnswerHits", c.answer_hits},
                                                     {"AnswerMisses", c.answer_misses},
                                                     {"ClosedInvalid", c.closed_invalid},
                                                     {"ClosedStalled", c.closed_stalled},
                                                     {"KernelEntries", c.kernel_entries},
                                                     {"Sends", c.sends},
                                                     {"Receives", c.receives},
                                                     {"Sleeps", c.sleeps},
                                                     {"PoolBytes", c.pool_bytes},
                                                     {"PoolFreeBytes", c.pool_free_bytes}},
                               16, ret_counts);
}

static unsigned bus_read_gate(void *context, DriverCount *ret_counts)
{
        const Bus *bus = context;
        GateCounters c;

        gate_read_counters(bus->gate, &c);
        return bus_copy_counts((const DriverCount[]){{"Accepted", c.accepted},
                                                     {"Admitted", c.admitted},
                                                     {"Refused", c.refused},
                                                     {"TimedOut", c.timed_out},
                                                     {"Incomplete", c.incomplete}},
                               5, ret_counts);
}

DriverSources bus_stats_sources(Bus *bus)
{
        return (DriverSources){.n_workers = bus->n_workers,
                               .read_totals = bus_read_totals,
                               .read_worker = bus_read_worker,
                               .read_gate = bus_read_gate,
                               .context = bus};
}

/* What the gate has done so far; of those refused, how many for which reason. */
static void bus_log_gate(Bus *bus)
{
        static const char *const words[GATE_N_REFUSALS] = {
#define BUS_WORD(name, word, text) [GATE_REFUSAL_##name] = word,
                GATE_REFUSALS(BUS_WORD)
#undef BUS_WORD
        };
        char reasons[512];
        size_t size = 0;
        GateCounters c;

        gate_read_counters(bus->gate, &c);
        for (unsigned i = 0; i < GATE_N_REFUSALS && size < sizeof(reasons); i++)
                size += (size_t)snprintf(reasons + size, sizeof(reasons) - size, " refused_%s=%llu",
                                         words[i], (unsigned long long)c.refusals[i]);
        log_notice(
                "gate: accepted=%llu admitted=%llu refused=%llu timed_out=%llu incomplete=%llu%s",
                (unsigned long long)c.accepted, (unsigned long long)c.admitted,
                (unsigned long long)c.refused, (unsigned long long)c.timed_out,
                (unsigned long long)c.incomplete, reasons);
}

void bus_stats_log(Bus *bus)
{
        bus_log_gate(bus);
        for (unsigned i = 0; i < bus->n_workers; i++) {
                WorkerCounters c;

                worker_read_counters(bus->workers[i], &c);
                log_notice("worker %u: connections=%llu routed=%llu deliveries=%llu flushes=%llu "
                           "dropped=%llu invalid=%llu stalled=%llu kernel_entries=%llu "
                           "receives=%llu sleeps=%llu denied=%llu verdict_hits=%llu "
                           "verdict_misses=%llu",
                           i, (unsigned long long)c.peers, (unsigned long long)c.routed,
                           (unsigned long long)c.deliveries, (unsigned long long)c.flushes,
                           (unsigned long long)c.dropped, (unsigned long long)c.closed_invalid,
                           (unsigned long long)c.closed_stalled,
                           (unsigned long long)c.kernel_entries, (unsigned long long)c.receives,
                           (unsigned long long)c.sleeps, (unsigned long long)c.denied,
                           (unsigned long long)c.verdict_hits,
                           (unsigned long long)c.verdict_misses);
        }
}
