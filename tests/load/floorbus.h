/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_TESTS_LOAD_FLOORBUS_H
#define RINGBUS_TESTS_LOAD_FLOORBUS_H

/* A floor and clients of it, for tests. Whatever goes wrong fails the test. */

#include "bench/load/broker/broker.h"
#include "tests/support/rawclient.h"

extern Broker floorbus_broker;

/* Fixtures of a group of tests. */
int floorbus_start(void **state);
int floorbus_stop(void **state);

RawClient *floorbus_open_client(unsigned flags); /* after Hello */
RawMessage *floorbus_receive(RawClient *client);
RawHeader floorbus_call_to(const char *destination);

/* A call of the driver with one string; returns the reply, whose type is checked. */
RawMessage *floorbus_call_driver(RawClient *client, const char *member, const char *argument,
                                 uint8_t type);

/* A body of `size` bytes that only `seed` can have written. */
void floorbus_fill_body(Marshal *body, size_t size, uint32_t seed);
void floorbus_send_body(RawClient *sender, const char *destination, size_t size, uint32_t seed);
void floorbus_check_body(RawClient *receiver, size_t size, uint32_t seed);

/* A signal without destination. */
void floorbus_emit(RawClient *emitter, unsigned number);

/* One call between two new clients; `forged`: the sender that it claims, or NULL. */
void floorbus_check_call(unsigned flags, const char *forged);

#endif
