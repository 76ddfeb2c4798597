/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_TESTS_UNIT_LSM_FIXTURE_H
#define RINGBUS_TESTS_UNIT_LSM_FIXTURE_H

/* Tests of broker/lsm.h: a kernel out of tests/support/fake_lsm.h, and a log that is kept. */

#include "broker/lsm.h"
#include "tests/support/fake_lsm.h"

typedef struct LsmFixture {
        Config config; /* of type "session"; its lists are the test's */
        Mediators mediators;
} LsmFixture;

int lsm_fixture_main_setup(void **state); /* of the program */
int lsm_fixture_main_teardown(void **state);
int lsm_fixture_setup(void **state); /* of each test; *state is a LsmFixture */
int lsm_fixture_teardown(void **state);

/* A kernel like this one, looked at, watched, and ready to be asked. */
void lsm_fixture_start(LsmFixture *fixture, const char *kernel);

/* The n-th Mediator's answer, and that it is the same as concerns() says. */
int lsm_fixture_ask(const LsmFixture *fixture, unsigned n, const MediatorQuestion *question);

/* Asserts that exactly this was asked since the last time; see fake_lsm_file_take_asked(). */
void lsm_fixture_assert_asked(const char *text);

/* The errors of lsm_check() with this kernel; "" if there are none. Borrowed until the next one. */
const char *lsm_fixture_check(const LsmFixture *fixture, const char *kernel);

/* Whether a line of the log since the test began contains it. */
bool lsm_fixture_logged(const char *text);

/* Whether poll(2) says that this one of lsm_watches() can be read. */
bool lsm_fixture_is_readable(int fd);

#endif
