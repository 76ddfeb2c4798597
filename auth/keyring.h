/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_AUTH_KEYRING_H
#define RINGBUS_AUTH_KEYRING_H

/*
 * Keyring: the cookies of DBUS_COOKIE_SHA1, in HOME/.dbus-keyrings/org_freedesktop_general, which
 * all D-Bus servers and clients of one user share. Specification: "DBUS_COOKIE_SHA1". File,
 * lock and ages are those of libdbus.
 *
 * A file is read without a lock, for it is only ever replaced by rename(2); only adding takes the
 * lock. What has expired is left out whenever the file is rewritten.
 *
 * Owner: one thread that may wait (up to 32 x 250 ms for somebody else's lock): the clerk.
 */

#include <stddef.h>
#include <sys/types.h>

#include "auth/keyring_text.h"

#define KEYRING_FOLDER ".dbus-keyrings"
#define KEYRING_CONTEXT "org_freedesktop_general"

enum {
        KEYRING_COOKIE_BYTES = 24,
        KEYRING_ROTATE_S = 240,  /* the youngest key is this old: keyring_rotate() adds another */
        KEYRING_LOCK_TRIES = 32, /* the same lock found so often is nobody's any more */
        KEYRING_LOCK_WAIT_MS = 250,
        KEYRING_LOCK_TRIES_MAX = 128, /* of locks that come and go */
};

/* What is wrong, and what to do about it: one line without a newline. */
typedef struct KeyringError {
        char text[512];
} KeyringError;

/* Every place where the world can fail, or end: X(name). In the order of an addition. */
#define KEYRING_STEPS(X)                                                                           \
        X(OPEN_HOME)                                                                               \
        X(MAKE_FOLDER)                                                                             \
        X(OPEN_FOLDER)                                                                             \
        X(CREATE_LOCK)                                                                             \
        X(TAKE_STALE_LOCK)                                                                         \
        X(OPEN_FILE)                                                                               \
        X(READ_FILE)                                                                               \
        X(RANDOM)                                                                                  \
        X(CREATE_TEMPORARY)                                                                        \
        X(WRITE_TEMPORARY)                                                                         \
        X(SYNC_TEMPORARY)                                                                          \
        X(CHECK_LOCK)                                                                              \
        X(RENAME)                                                                                  \
        X(SYNC_FOLDER)                                                                             \
        X(REMOVE_TEMPORARY)                                                                        \
        X(REMOVE_LOCK)

typedef enum KeyringStep {
#define KEYRING_STEP_ENTRY(name) KEYRING_STEP_##name,
        KEYRING_STEPS(KEYRING_STEP_ENTRY)
#undef KEYRING_STEP_ENTRY
                KEYRING_N_STEPS,
} KeyringStep;

/* What a keyring needs of the world besides the file system; tests have a clock of their own. */
typedef struct KeyringWorld {
        int64_t (*now_s)(void *context); /* since the epoch */
        void (*sleep_ms)(void *context, unsigned ms);
        int (*fill_random)(void *context, void *data, size_t size); /* 0 or -errno */
        /* Before each step; a negative errno makes it fail. NULL: no test. */
        int (*before_step)(void *context, KeyringStep step);
        void *context;
} KeyringWorld;

/* The real one: CLOCK_REALTIME, getrandom(2). */
extern const KeyringWorld keyring_world;

typedef struct Keyring {
        const char *home; /* borrowed; an absolute path */
        uid_t uid;        /* whose the folder and the file must be */
        const KeyringWorld *world;
} Keyring;

/*
 * A key to challenge a client with: the first of the file that is young; if there is none, one is
 * added. 0, or -errno with *ret_error. The caller wipes *ret_key.
 */
int keyring_get(const Keyring *ring, KeyringKey *ret_key, KeyringError *ret_error);

/*
 * Adds a key if the youngest is KEYRING_ROTATE_S old, so that keyring_get() need not. 0 or -errno;
 * *ret_next_s, on success: seconds until it is to be called again, at least 1.
 */
int keyring_rotate(const Keyring *ring, unsigned *ret_next_s, KeyringError *ret_error);

/*
 * Adds a key, unless another server has added one meanwhile that is younger than `young_s` (0:
 * always adds). 0 or -errno; the key that is young goes to *ret_key.
 */
int keyring_add(const Keyring *ring, unsigned young_s, KeyringKey *ret_key,
                KeyringError *ret_error);

/* For the keyring's own files: sets the error's text and returns -error. */
int keyring_fail(KeyringError *ret_error, int error, const char *format, ...)
        __attribute__((format(printf, 3, 4)));
/* Whether the step may be taken: 0 or what a test wants it to return. */
int keyring_step(const Keyring *ring, KeyringStep step);

#endif
