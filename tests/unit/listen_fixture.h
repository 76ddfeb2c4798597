/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_TESTS_UNIT_LISTEN_FIXTURE_H
#define RINGBUS_TESTS_UNIT_LISTEN_FIXTURE_H

/* What the tests of listening addresses share. Owner: the test under way. */

#include <stdbool.h>
#include <stddef.h>

#include "broker/listen.h"

/* A folder of this test's own, empty when it starts and when it ends. */
extern char listen_fixture_folder[64];

/* cmocka's; tear down fails if something was left in the folder. */
int listen_fixture_set_up(void **state);
int listen_fixture_tear_down(void **state);

/* Listens, or fails the test. */
Listeners *listen_fixture_open(const char *const *addresses, size_t n);
Listeners *listen_fixture_open_one(const char *address);

/* The address is refused with this -errno and a reason that holds `reason`. */
void listen_fixture_assert_refused(const char *address, int expected, const char *reason);

/* Checks that `printed` begins with `expected`, ",guid=" and `guid`; returns what follows. */
const char *listen_fixture_skip_address(const char *printed, const char *expected,
                                        const char *guid);

/* The next connection of a listening socket; waits for it. */
int listen_fixture_accept(int listener);

/* A client reaches the socket file. */
void listen_fixture_assert_connects(const char *path);

/* `before`, the folder, '/' and `name`. */
void listen_fixture_path(char *out, size_t size, const char *before, const char *name);

unsigned listen_fixture_count_files(void);

/* Containers may have no ::1. */
bool listen_fixture_has_ipv6(void);

#endif
