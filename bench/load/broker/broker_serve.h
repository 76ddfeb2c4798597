/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BENCH_LOAD_BROKER_BROKER_SERVE_H
#define RINGBUS_BENCH_LOAD_BROKER_BROKER_SERVE_H

/*
 * `ringbus-load broker NAME [COMMAND...]`: a private broker for other programs. Runs the command
 * with DBUS_SESSION_BUS_ADDRESS set and returns its exit status; without one it prints the address
 * and serves until SIGINT or SIGTERM. `arguments[0]` is the subcommand. Returns an exit status: 1
 * if the broker did not start or ended by itself, 2 for wrong usage.
 */
int broker_serve(int n_arguments, char **arguments);

#endif
