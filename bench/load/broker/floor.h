/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BENCH_LOAD_BROKER_FLOOR_H
#define RINGBUS_BENCH_LOAD_BROKER_FLOOR_H

/*
 * The floor: what forwarding D-Bus messages costs at least, when the sockets are the kernel's and
 * one thread does the work. It cuts messages, inserts a SENDER field and passes them on: no
 * validation, no policy, no quotas, no activation, no replies owed, no order but that of one
 * connection. What it spends is what every broker has to spend; what a broker spends beyond is the
 * price of being one.
 *
 * How: one epoll; in each turn one read of up to 256 KiB from each socket that has something, then
 * one sendmsg() to each receiver with all that is queued for it (1024 pieces at most).
 *
 * Clients need a little more to connect and to find each other: EXTERNAL, Hello, RequestName and
 * ReleaseName (the last who asks owns it), AddMatch and RemoveMatch (whoever has any rule gets all
 * broadcasts), GetNameOwner, NameHasOwner, ListNames, GetId, Ping. Nothing else is answered but by
 * an error; no signal is ever sent.
 *
 * A receiver that does not read stops those who send to it once 16 MiB wait for it.
 */

/* Serves clients of the listening socket (non-blocking) until SIGTERM. 0, or -1 after saying on
 * stderr why not. One thread; it changes signal handlers, and wants a process of its own. */
int floor_run(int listen_fd);

#endif
