/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_TESTS_WIRE_SCENE_H
#define RINGBUS_TESTS_WIRE_SCENE_H

/*
 * What the tests of one program share: a running bus, and the clients of the current test, which
 * are closed at its end. A test begins when nobody but the janitor is on the bus, so that no
 * signal of an earlier test is left over.
 *
 * Owner: the main thread. A function that cannot do its work fails the running test.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/support/bus.h"
#include "tests/support/rawclient.h"

enum {
        SCENE_CLIENTS_MAX = 32,
};

#define SCENE_DRIVER "org.freedesktop.DBus"
#define SCENE_DRIVER_PATH "/org/freedesktop/DBus"

typedef struct Scene {
        Bus bus;
        RawClient *janitor;
        RawClient *clients[SCENE_CLIENTS_MAX];
        size_t n_clients;
} Scene;

/*
 * Runs a group of tests on a bus which `start` starts. The status for main(): not 0 if a test
 * failed, or if the bus did not start or did not end with status 0, which cmocka alone overlooks.
 */
#define scene_run(name, tests, start)                                                              \
        scene_run_tests(name, tests, sizeof(tests) / sizeof((tests)[0]), start)
int scene_run_tests(const char *name, const struct CMUnitTest *tests, size_t n_tests,
                    CMFixtureFunction start);

/* A group fixture for `start`: a bus without special limits. */
int scene_start(void **state);

/* For group fixtures that need further elements in the configuration of their bus. */
int scene_start_with(void **state, const char *config);

/* For those that need another kind of bus. */
int scene_start_bus(void **state, const BusOptions *options);

/* Test fixture: closes the clients of the test and waits until they have left the bus. */
int scene_clear(void **state);

/* A client that has authenticated (see RAWCLIENT_ flags); one that has called Hello, too. */
RawClient *scene_open(Scene *scene, unsigned flags);
RawClient *scene_join(Scene *scene);
RawClient *scene_join_with(Scene *scene, unsigned flags);

/* Closes a client now. */
void scene_leave(Scene *scene, RawClient *client);

/* Sends a message whose header is given; the serial. */
uint32_t scene_send(RawClient *client, const RawHeader *header, ...);

/* Calls a method of org.freedesktop.DBus; the serial of the call. */
uint32_t scene_call(RawClient *client, const char *member, const char *types, ...);

/* Calls AddMatch and waits for the reply. */
void scene_match(RawClient *client, const char *rule);

/* Calls RequestName and waits for the reply, which must be 1, passing NameAcquired. */
void scene_own(RawClient *client, const char *name);

/* A call or signal between clients: path /t, interface t.I; destination may be NULL. */
RawHeader scene_method(const char *destination, const char *member, const char *signature);
RawHeader scene_signal(const char *destination, const char *member, const char *signature);

/* A reply to a message that a client received; the destination is borrowed from that message. */
RawHeader scene_reply(const RawMessage *call, const char *signature);

#endif
