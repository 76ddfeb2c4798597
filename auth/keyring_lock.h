/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_AUTH_KEYRING_LOCK_H
#define RINGBUS_AUTH_KEYRING_LOCK_H

/*
 * The lock of a keyring file, in libdbus's protocol: a file beside it that is created with O_EXCL
 * and removed afterwards. Owner: as of the Keyring; private to it.
 */

#include <sys/stat.h>

#include "auth/keyring.h"

typedef struct KeyringLock {
        int fd; /* of the lock file; open, so that its inode is nobody else's */
        struct stat identity;
} KeyringLock;

/*
 * Waits for the lock, KEYRING_LOCK_TRIES times for the same owner, who then is taken for dead.
 * 0, -EBUSY (too many owners came before us) or -errno.
 */
int keyring_lock_take(const Keyring *ring, int folder, KeyringLock *ret_lock,
                      KeyringError *ret_error);

/* Whether the lock is still ours: another server may have taken us for dead. */
bool keyring_lock_is_held(const KeyringLock *lock, int folder);

/* Removes the lock if it is still ours. */
void keyring_lock_release(const Keyring *ring, KeyringLock *lock, int folder);

/* 16 random hex digits behind `prefix`. 0 or -errno. */
int keyring_lock_make_name(const Keyring *ring, const char *prefix, char *ret_name, size_t size);

#define KEYRING_LOCK_NAME KEYRING_CONTEXT ".lock"
#define KEYRING_LOCK_STALE KEYRING_CONTEXT ".stale-"

#endif
