/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_TESTS_UNIT_ROUTER_FIXTURE_H
#define RINGBUS_TESTS_UNIT_ROUTER_FIXTURE_H

/*
 * What the tests of broker/router share: a router without workers or sockets, and actors, which are
 * bare endpoints: what is pushed to one is taken from its mailbox as a duty holder would do it, and
 * read with the tests' own parser. Everything runs on the test's thread.
 *
 * The teardown checks that nobody holds a message, a duty or an account any more.
 */

/* cmocka.h wants these before it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "broker/router/ownership.h"
#include "broker/router/rules.h"
#include "broker/router/send.h"
#include "tests/support/rawmessage.h"

enum { FIXTURE_THREADS = 3, FIXTURE_LINE_MAX = 512 };

typedef struct RouterFixture {
        Wake wake;
        Qsbr qsbr;
        Router router;
        RouterRoot *root; /* the router's; tests set limits in it before they use it */
        RouterThread threads[FIXTURE_THREADS]; /* two workers and one thread without a ring */
        List actors;
        List duties;          /* Actor.duty_node, oldest first */
        unsigned n_handed[2]; /* duties that were passed to each worker */
        unsigned n_fds_before;
} RouterFixture;

/* An endpoint with nothing behind it. */
typedef struct Actor {
        Endpoint endpoint;
        Retired retired;
        ListNode node;
        ListNode duty_node; /* in RouterFixture.duties while the duty is the fixture's */
        RouterFixture *fixture;
        RouterThread *thread; /* its home's */
        MailNode *mail;       /* taken, not read yet */
        RawMessage *last;     /* what actor_next() returned last */
        uint32_t serial;      /* of its last call of a name method */
        bool left;
} Actor;

int router_fixture_setup(void **state);
int router_fixture_teardown(void **state);
#define ROUTER_TEST(function)                                                                      \
        cmocka_unit_test_setup_teardown(function, router_fixture_setup, router_fixture_teardown)

/* Frees what has been retired. */
void router_fixture_reclaim(RouterFixture *fixture);

/* Takes the duties that pushes have left on the threads' lists. */
void router_fixture_collect(RouterFixture *fixture);

/* How many deliveries to endpoints the three threads have made. */
uint64_t router_fixture_deliveries(const RouterFixture *fixture);

/* Before Hello; `home` is 0 or 1. The fixture owns it. */
Actor *actor_new(RouterFixture *fixture, unsigned home);

/* With a unique name; what that has pushed to anybody is dropped. */
Actor *actor_join(RouterFixture *fixture, unsigned home);

/* Closes the mailbox and leaves, as a peer does; the memory goes with the next reclaim. */
void actor_leave(Actor *actor);

/* The next message, valid until the next call of this; NULL: none. Every message that is taken must
 * be committed. */
const RawMessage *actor_next(Actor *actor);

/* Drops all messages; returns how many. */
unsigned actor_drop(Actor *actor);
void router_fixture_drop_all(RouterFixture *fixture);

/*
 * The next message must read like `line`, which is made by printf: "signal Member arg,arg",
 * "call Member", "return SERIAL arg", "error SERIAL Name" (without the common prefix); arguments of
 * types s, o and u only. NULL: there must be none.
 */
void actor_expect(Actor *actor, const char *line, ...) __attribute__((format(printf, 2, 3)));
#define actor_expect_nothing(actor) actor_expect(actor, NULL)

/* The name methods with a reply, as the driver would call them; they return the reply's serial, 0
 * if they were refused by a limit. */
OwnershipResult actor_hello(Actor *actor);
OwnershipResult actor_request(Actor *actor, const char *name, uint32_t flags);
OwnershipResult actor_release(Actor *actor, const char *name);

/* AddMatch, RemoveMatch without an answer. */
RulesResult actor_add_rule(Actor *actor, const char *rule);
RulesResult actor_remove_rule(Actor *actor, const char *rule);

/* BecomeMonitor with one rule; the reply's serial is actor->serial. */
void actor_become_monitor(Actor *actor, const char *rule);

/* A message as its sender's worker sees it. */
typedef struct Parcel {
        Marshal bytes;
        Incoming incoming;
} Parcel;

/* `fds` are duplicated into the parcel: as many as header->unix_fds says. */
void parcel_init(Parcel *parcel, Actor *sender, const RawHeader *header, const Marshal *body,
                 const int *fds);
void parcel_init_endian(Parcel *parcel, Actor *sender, const RawHeader *header, const Marshal *body,
                        bool big_endian);
void parcel_deinit(Parcel *parcel, Actor *sender); /* closes fds that were not taken */

SendResult actor_send(Actor *actor, const RawHeader *header, ...); /* one value per type */
SendResult actor_call(Actor *actor, uint32_t serial, const char *destination);
SendResult actor_reply(Actor *actor, uint32_t reply_serial, const char *destination);
SendResult actor_signal(Actor *actor, const char *destination, const char *member);
SendResult actor_broadcast(Actor *actor, const char *member, const char *arg0); /* of a.b, at /a */

Text actor_name(const Actor *actor);

#endif
