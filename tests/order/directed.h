/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_TESTS_ORDER_DIRECTED_H
#define RINGBUS_TESTS_ORDER_DIRECTED_H

/*
 * Directed tests: clients on chosen workers of a staged daemon, whose threads are stopped at the
 * points of broker/base/stage.h. They use the scene of the wire tests.
 *
 * With one worker a stopped thread stops the whole bus, so nothing is stopped there: arming,
 * waiting and releasing do nothing (directed_stops() is false), and what the test asserts is the
 * clause alone, without the interleaving. So it is with the reference, which has to pass as well:
 *      RINGBUS_DAEMON=/usr/bin/dbus-daemon build/dev/tests/order/test_order_names
 *
 * Owner: the main thread. What cannot be done fails the running test.
 */

#include <stdbool.h>

#include "tests/order/staged.h"
#include "tests/wire/expect.h"
#include "tests/wire/scene.h"

/* Group fixture: a staged bus with RINGBUS_TEST_WORKERS workers (2 unless set). */
int directed_start(void **state);

/* For group fixtures that need further elements in the configuration of their bus. */
int directed_start_with(void **state, const char *config);

/* Test fixture: lets everybody go on, closes the clients. */
int directed_clear(void **state);

/* For main(): runs the tests, or those that match the pattern in RINGBUS_ORDER_TEST. */
#define directed_run(name, tests)                                                                  \
        directed_run_tests(name, tests, sizeof(tests) / sizeof((tests)[0]))
int directed_run_tests(const char *name, const struct CMUnitTest *tests, size_t n_tests);

#define directed_test(test) cmocka_unit_test_teardown(test, directed_clear)

unsigned directed_workers(void);

/* Whether workers can be stopped: there is more than one. */
bool directed_stops(void);

/* A client that has said Hello and whose input worker `worker` (modulo their number) owns. */
RawClient *directed_join(Scene *scene, unsigned worker);

/* N of the client's ":1.N"; which worker owns its input; its mailbox in the daemon. */
uint64_t directed_id(const RawClient *client);
unsigned directed_worker(const RawClient *client);
uint64_t directed_mailbox(const RawClient *client);

/* The next thread that comes by at `point` with `who` (STAGED_ANYBODY: with anybody), the first
 * `skips` of them excepted, stops there. NULL with one worker. */
#define directed_arm(point, who) directed_arm_after(STAGE_##point, who, 0)
StagedStop *directed_arm_after(StagePoint point, uint64_t who, uint32_t skips);

/* Waits until a thread has stopped there. */
void directed_wait(StagedStop *stop);

/* The same; fails if `client` receives something before. */
#define directed_wait_silent(stop, client) directed_wait_silent_at(stop, client, EXPECT_HERE)
void directed_wait_silent_at(StagedStop *stop, RawClient *client, const char *at);

/* Waits until the worker waits for a lock; fails if `client` receives something before. */
#define directed_wait_blocked(worker, client) directed_wait_blocked_at(worker, client, EXPECT_HERE)
void directed_wait_blocked_at(unsigned worker, RawClient *client, const char *at);

/* Lets the stopped thread go on; NULL is fine. */
void directed_release(StagedStop *stop);

/* `holder` sends the signal Held to the receiver, and the holder's worker, which has the duty for
 * that receiver now, stops before it sends it: what others push meanwhile queues up behind it. */
StagedStop *directed_hold(RawClient *holder, RawClient *receiver);

/* A round trip to the bus: everything the client sent before has been pushed. It must not have
 * anything else to receive. */
void directed_barrier(RawClient *client);

/* The client receives that signal and nothing else; it has been pushed already, so if it is missing
 * the test does not have to wait to know. */
#define directed_expect_pushed(client, sender, member)                                             \
        directed_expect_pushed_at(client, sender, member, EXPECT_HERE)
void directed_expect_pushed_at(RawClient *client, const char *sender, const char *member,
                               const char *at);

/* Nothing has arrived at the client so far. Not a proof that nothing is under way. */
#define directed_silent(client) directed_silent_at(client, EXPECT_HERE)
void directed_silent_at(RawClient *client, const char *at);

/* Whether messages for names without an owner wait for one, as they will for activation. */
void directed_activate(bool wanted);

/* The driver's signal about a name: receives NameOwnerChanged. */
#define DIRECTED_CHANGES "type='signal',sender='org.freedesktop.DBus',member='NameOwnerChanged'"

#endif
