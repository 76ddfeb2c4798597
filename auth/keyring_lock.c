/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See keyring_lock.h.
 *
 * Two differences to libdbus, which any mixture of both tolerates. A lock is stale when the same
 * file was found KEYRING_LOCK_TRIES times, not when there was some lock each time: with many
 * servers there may be. And a stale lock is moved away, not unlinked: of two servers that give up
 * on the same one, the second would unlink the first one's new lock; here it notices which one it
 * has moved, and puts it back.
 */

#include "auth/keyring_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "broker/base/cleanup.h"

static bool same_file(const struct stat *a, const struct stat *b)
{
        return a->st_dev == b->st_dev && a->st_ino == b->st_ino &&
               a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

int keyring_lock_make_name(const Keyring *ring, const char *prefix, char *ret_name, size_t size)
{
        uint64_t random;
        int r = ring->world->fill_random(ring->world->context, &random, sizeof(random));

        if (r < 0)
                return r;
        snprintf(ret_name, size, "%s%016llx", prefix, (unsigned long long)random);
        return 0;
}

static int create_lock(const Keyring *ring, int folder, KeyringLock *lock)
{
        int r = keyring_step(ring, KEYRING_STEP_CREATE_LOCK);

        if (r < 0)
                return r;
        lock->fd = openat(folder, KEYRING_LOCK_NAME,
                          O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (lock->fd < 0)
                return -errno;
        if (fstat(lock->fd, &lock->identity) < 0) {
                r = -errno;
                lock->fd = cleanup_close(lock->fd);
                unlinkat(folder, KEYRING_LOCK_NAME, 0);
                return r;
        }
        return 0;
}

/* Moves the lock that was found to be stale out of the way. */
static int remove_stale(const Keyring *ring, int folder, const struct stat *stale)
{
        char name[sizeof(KEYRING_LOCK_STALE) + 16];
        struct stat moved;
        int r = keyring_step(ring, KEYRING_STEP_TAKE_STALE_LOCK);

        if (r == 0)
                r = keyring_lock_make_name(ring, KEYRING_LOCK_STALE, name, sizeof(name));
        if (r < 0)
                return r;
        if (renameat(folder, KEYRING_LOCK_NAME, folder, name) < 0)
                return errno == ENOENT ? 0 : -errno;
        if (fstatat(folder, name, &moved, AT_SYMLINK_NOFOLLOW) == 0 && !same_file(&moved, stale))
                linkat(folder, name, folder, KEYRING_LOCK_NAME, 0); /* a newer one: it stays */
        unlinkat(folder, name, 0);
        return 0;
}

static int fail_to_lock(int error, KeyringError *ret_error)
{
        return keyring_fail(ret_error, error,
                            "%s cannot be created there: %s; make the folder writable",
                            KEYRING_LOCK_NAME, strerrordesc_np(error));
}

int keyring_lock_take(const Keyring *ring, int folder, KeyringLock *ret_lock,
                      KeyringError *ret_error)
{
        struct stat found = {0};
        unsigned n_same = 0;

        for (unsigned i = 0; i < KEYRING_LOCK_TRIES_MAX; i++) {
                struct stat now;
                int r = create_lock(ring, folder, ret_lock);

                if (r != -EEXIST)
                        return r < 0 ? fail_to_lock(-r, ret_error) : 0;
                if (fstatat(folder, KEYRING_LOCK_NAME, &now, AT_SYMLINK_NOFOLLOW) < 0)
                        continue; /* it has just been released */
                n_same = same_file(&now, &found) ? n_same + 1 : 1;
                found = now;
                if (n_same > KEYRING_LOCK_TRIES) {
                        r = remove_stale(ring, folder, &found);
                        if (r < 0)
                                return fail_to_lock(-r, ret_error);
                        n_same = 0;
                        continue;
                }
                ring->world->sleep_ms(ring->world->context, KEYRING_LOCK_WAIT_MS);
        }
        return keyring_fail(ret_error, EBUSY,
                            "%s was always held by some other process; if there is none, remove it",
                            KEYRING_LOCK_NAME);
}

bool keyring_lock_is_held(const KeyringLock *lock, int folder)
{
        struct stat now;

        return fstatat(folder, KEYRING_LOCK_NAME, &now, AT_SYMLINK_NOFOLLOW) == 0 &&
               now.st_dev == lock->identity.st_dev && now.st_ino == lock->identity.st_ino;
}

void keyring_lock_release(const Keyring *ring, KeyringLock *lock, int folder)
{
        if (keyring_step(ring, KEYRING_STEP_REMOVE_LOCK) == 0 && keyring_lock_is_held(lock, folder))
                unlinkat(folder, KEYRING_LOCK_NAME, 0);
        lock->fd = cleanup_close(lock->fd);
}
