/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_TESTS_UNIT_KEYRING_FIXTURE_H
#define RINGBUS_TESTS_UNIT_KEYRING_FIXTURE_H

/*
 * A keyring in a home folder of its own, with a clock that the test moves, sleep that takes no
 * time, and steps that fail on request.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "auth/keyring.h"

#define KEYRING_FIXTURE_EPOCH INT64_C(1700000000)

typedef struct KeyringFixture {
        char home[64];
        Keyring ring;
        KeyringWorld world;
        int64_t now_s;
        uint64_t slept_ms;
        unsigned n_random;   /* calls, each with other bytes */
        bool repeats_random; /* each twice */
        int fail_step;       /* KeyringStep, or -1 */
        int error;           /* what it returns */
        void (*at_step)(struct KeyringFixture *fixture, KeyringStep step); /* or NULL */
        void (*at_sleep)(struct KeyringFixture *fixture);                  /* or NULL */
        unsigned n_steps[KEYRING_N_STEPS];
        KeyringError text;
} KeyringFixture;

/* cmocka's: *state is the fixture; the folder does not exist yet. */
int keyring_fixture_setup(void **state);
int keyring_fixture_teardown(void **state);

/* The path of something in the keyring's folder ("" is the folder); a static buffer. */
const char *keyring_fixture_path(const KeyringFixture *fixture, const char *name);

/* Makes the folder, with the file in it unless `text` is NULL. */
void keyring_fixture_write(const KeyringFixture *fixture, const char *text);

/* The file's text, as a string; "" if there is none. A static buffer. */
const char *keyring_fixture_read(const KeyringFixture *fixture);

/* The keys of the file that count now. */
void keyring_fixture_load(const KeyringFixture *fixture, KeyringKeys *ret_keys);

/* The number of entries of the folder but "." and "..". */
unsigned keyring_fixture_count_files(const KeyringFixture *fixture);

/* keyring_get() succeeds / fails with an error that says `hint`. */
KeyringKey keyring_fixture_get(KeyringFixture *fixture);
void keyring_fixture_refused(KeyringFixture *fixture, const char *hint);

#endif
