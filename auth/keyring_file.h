/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_AUTH_KEYRING_FILE_H
#define RINGBUS_AUTH_KEYRING_FILE_H

/* The keyring's folder and file. Owner: as of the Keyring; private to it. */

#include "auth/keyring.h"
#include "auth/keyring_lock.h"

/* Opens the folder, and makes it if there is none. 0 or -errno. */
int keyring_file_open_folder(const Keyring *ring, int *ret_folder, KeyringError *ret_error);

/* The keys of the file that count now; none if there is no file. 0 or -errno. */
int keyring_file_read(const Keyring *ring, int folder, KeyringKeys *ret_keys,
                      KeyringError *ret_error);

/*
 * Replaces the file as a whole: written beside it, synced, renamed. 0 or -errno; -EBUSY: the lock
 * is not ours any more, nothing was changed.
 */
int keyring_file_replace(const Keyring *ring, int folder, const KeyringLock *lock,
                         const KeyringKeys *keys, KeyringError *ret_error);

/* Removes what additions that were killed left beside the file; only old enough things. */
void keyring_file_tidy(const Keyring *ring, int folder);

#endif
