/* SPDX-License-Identifier: Apache-2.0 */
/* Which worker gets a connection. */
#include "broker/bus_private.h"

/* xorshift64: to break ties, not for secrets. */
static uint64_t draw(Bus *bus)
{
        bus->random ^= bus->random << 13;
        bus->random ^= bus->random >> 7;
        bus->random ^= bus->random << 17;
        return bus->random;
}

/* The less loaded of two workers drawn at random. Going round instead would give one worker all the
 * callers and the next one all the services of programs that start in pairs. */
static unsigned choose_by_load(Bus *bus)
{
        uint64_t random = draw(bus);
        unsigned first = (unsigned)(random % bus->n_workers), second = first;

        if (bus->n_workers > 1)
                second = (unsigned)((first + 1 + random / bus->n_workers % (bus->n_workers - 1)) %
                                    bus->n_workers);
        return worker_load(bus->workers[second]) < worker_load(bus->workers[first]) ? second
                                                                                    : first;
}

/*
 * The second connection of a process joins its first one. A program with two libraries that speak
 * D-Bus has two, and what it says on one and then on the other is handled in this order, as by a
 * bus with one thread. More than two are a program that puts load on the bus: they are spread.
 */
Worker *bus_place(Bus *bus, pid_t pid)
{
        BusProcess *process = &bus->processes[(unsigned)pid % BUS_PROCESSES];

        if (process->pid == pid && ++process->n_connections == 2)
                return bus->workers[process->worker];
        if (process->pid != pid)
                *process = (BusProcess){.pid = pid, .n_connections = 1};
        process->worker = choose_by_load(bus);
        return bus->workers[process->worker];
}
