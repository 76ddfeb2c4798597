/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BENCH_LOAD_NEWCOMER_H
#define RINGBUS_BENCH_LOAD_NEWCOMER_H

/* A client that wants to join while others keep the bus busy. */

/* Connects, authenticates and says Hello: how long that took in ms, or -1 if it has not come so far
 * after `timeout_ms`. */
double newcomer_join(const char *address, int timeout_ms);

#endif
