/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See keyring_file.h.
 *
 * The folder is opened once for each use, and everything else relative to it: whoever can rename
 * things above it cannot redirect us in between. A symlink is never followed, neither for the
 * folder nor for what is in it; the home folder itself may be one.
 */

#include "auth/keyring_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "broker/base/alloc.h"
#include "broker/base/cleanup.h"

#define TEMPORARY KEYRING_CONTEXT ".ringbus-"

enum { TIDY_AGE_S = 600 };

static int open_home(const Keyring *ring, KeyringError *ret_error)
{
        int r = keyring_step(ring, KEYRING_STEP_OPEN_HOME);
        int home = -1;

        if (r == 0) {
                home = open(ring->home, O_PATH | O_DIRECTORY | O_CLOEXEC);
                r = home < 0 ? -errno : 0;
        }
        if (r < 0)
                return keyring_fail(ret_error, -r,
                                    "the home folder %s cannot be opened: %s; create it, or set "
                                    "HOME for the bus",
                                    ring->home, strerrordesc_np(-r));
        return home;
}

static int make_folder(const Keyring *ring, int home, KeyringError *ret_error)
{
        int r = keyring_step(ring, KEYRING_STEP_MAKE_FOLDER);

        if (r == 0 && mkdirat(home, KEYRING_FOLDER, 0700) < 0 && errno != EEXIST)
                r = -errno;
        if (r < 0)
                return keyring_fail(ret_error, -r,
                                    "%s/" KEYRING_FOLDER " cannot be created: %s; make the home "
                                    "folder writable, or create it with mode 0700",
                                    ring->home, strerrordesc_np(-r));
        return 0;
}

/* Whether a folder or file is ours alone. `name` is the part of its path behind the folder's. */
static int check_private(const Keyring *ring, const struct stat *stat, const char *name,
                         KeyringError *ret_error)
{
        const char *mode = S_ISDIR(stat->st_mode) ? "0700" : "0600";

        if (stat->st_uid != ring->uid)
                return keyring_fail(ret_error, EPERM,
                                    "%s/" KEYRING_FOLDER "%s belongs to uid %u, not to uid %u as "
                                    "this bus does; remove it, or change its owner",
                                    ring->home, name, (unsigned)stat->st_uid, (unsigned)ring->uid);
        if (stat->st_mode & 077)
                return keyring_fail(ret_error, EPERM,
                                    "%s/" KEYRING_FOLDER "%s is open to others (mode %04o); "
                                    "chmod it to %s",
                                    ring->home, name, (unsigned)stat->st_mode & 07777, mode);
        return 0;
}

static int open_at_home(const Keyring *ring, int home)
{
        int r = keyring_step(ring, KEYRING_STEP_OPEN_FOLDER);
        int folder;

        if (r < 0)
                return r;
        folder = openat(home, KEYRING_FOLDER, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        return folder < 0 ? -errno : folder;
}

int keyring_file_open_folder(const Keyring *ring, int *ret_folder, KeyringError *ret_error)
{
        CLEANUP_FD int home = open_home(ring, ret_error);
        CLEANUP_FD int folder = -1;
        struct stat stat;
        int r;

        if (home < 0)
                return home;
        folder = open_at_home(ring, home);
        if (folder == -ENOENT) {
                r = make_folder(ring, home, ret_error);
                if (r < 0)
                        return r;
                folder = open_at_home(ring, home);
        }
        if (folder == -ELOOP || folder == -ENOTDIR)
                return keyring_fail(ret_error, -folder,
                                    "%s/" KEYRING_FOLDER " is a symbolic link, or no folder at "
                                    "all; replace it by a folder with mode 0700",
                                    ring->home);
        r = folder < 0 ? folder : fstat(folder, &stat) < 0 ? -errno : 0;
        if (r < 0)
                return keyring_fail(ret_error, -r,
                                    "%s/" KEYRING_FOLDER " cannot be opened: %s; check its owner "
                                    "and mode (0700)",
                                    ring->home, strerrordesc_np(-r));
        r = check_private(ring, &stat, "", ret_error);
        if (r < 0)
                return r;
        *ret_folder = folder;
        folder = -1;
        return 0;
}

static int fail_file(const Keyring *ring, int error, const char *what, KeyringError *ret_error)
{
        return keyring_fail(ret_error, error, "%s/" KEYRING_FOLDER "/" KEYRING_CONTEXT " %s: %s",
                            ring->home, what, strerrordesc_np(error));
}

/* The file, opened and checked; -ENOENT: there is none (no error text is set). */
static int open_file(const Keyring *ring, int folder, struct stat *ret_stat,
                     KeyringError *ret_error)
{
        CLEANUP_FD int fd = -1;
        int r = keyring_step(ring, KEYRING_STEP_OPEN_FILE);
        int opened;

        if (r == 0) {
                /* Non-blocking: a FIFO in its place must not hold us up. */
                fd = openat(folder, KEYRING_CONTEXT,
                            O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
                r = fd < 0 ? -errno : 0;
        }
        if (r == -ENOENT)
                return r;
        if (r == 0 && fstat(fd, ret_stat) < 0)
                r = -errno;
        if (r == -ELOOP || (r == 0 && !S_ISREG(ret_stat->st_mode)))
                return keyring_fail(ret_error, EPERM,
                                    "%s/" KEYRING_FOLDER "/" KEYRING_CONTEXT " is a symbolic link "
                                    "or no regular file; remove it",
                                    ring->home);
        if (r < 0)
                return fail_file(ring, -r, "cannot be opened (remove it)", ret_error);
        r = check_private(ring, ret_stat, "/" KEYRING_CONTEXT, ret_error);
        if (r < 0)
                return r;
        opened = fd;
        fd = -1;
        return opened;
}

/* All of a file of at most KEYRING_FILE_MAX bytes. 0 or -errno. */
static int read_all(int fd, char *text, size_t *ret_size)
{
        size_t size = 0;

        while (size <= KEYRING_FILE_MAX) {
                ssize_t n = read(fd, text + size, KEYRING_FILE_MAX + 1 - size);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                if (n == 0)
                        break;
                size += (size_t)n;
        }
        *ret_size = size;
        return 0;
}

int keyring_file_read(const Keyring *ring, int folder, KeyringKeys *ret_keys,
                      KeyringError *ret_error)
{
        struct stat stat = {0};
        CLEANUP_FD int fd = open_file(ring, folder, &stat, ret_error);
        char *text;
        size_t size = 0;
        int r;

        ret_keys->n = 0;
        if (fd == -ENOENT)
                return 0;
        if (fd < 0)
                return fd;
        text = alloc_bytes(KEYRING_FILE_MAX + 1);
        r = text ? keyring_step(ring, KEYRING_STEP_READ_FILE) : -ENOMEM;
        if (r == 0)
                r = read_all(fd, text, &size);
        if (r == 0)
                keyring_text_read((Text){.data = text, .size = size},
                                  ring->world->now_s(ring->world->context), ret_keys);
        if (text)
                explicit_bzero(text, size);
        alloc_free(text);
        return r < 0 ? fail_file(ring, -r, "cannot be read", ret_error) : 0;
}

static int write_all(int fd, const char *text, size_t size)
{
        while (size > 0) {
                ssize_t n = write(fd, text, size);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                text += n;
                size -= (size_t)n;
        }
        return 0;
}

/* Writes the keys to a new file and has it on the disk. */
static int write_temporary(const Keyring *ring, int folder, const char *name,
                           const KeyringKeys *keys)
{
        CLEANUP_FD int fd = -1;
        char *text;
        size_t size;
        int r = keyring_step(ring, KEYRING_STEP_CREATE_TEMPORARY);

        if (r < 0)
                return r;
        fd = openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (fd < 0)
                return -errno;
        text = alloc_bytes(KEYRING_TEXT_MAX);
        if (!text)
                return -ENOMEM;
        size = keyring_text_write(keys, text);
        r = keyring_step(ring, KEYRING_STEP_WRITE_TEMPORARY);
        if (r == 0)
                r = write_all(fd, text, size);
        explicit_bzero(text, size);
        alloc_free(text);
        if (r == 0)
                r = keyring_step(ring, KEYRING_STEP_SYNC_TEMPORARY);
        if (r == 0 && fsync(fd) < 0)
                r = -errno;
        return r;
}

static int publish(const Keyring *ring, int folder, const KeyringLock *lock, const char *name)
{
        int r = keyring_step(ring, KEYRING_STEP_CHECK_LOCK);

        if (r == 0 && !keyring_lock_is_held(lock, folder))
                r = -EBUSY;
        if (r == 0)
                r = keyring_step(ring, KEYRING_STEP_RENAME);
        if (r == 0 && renameat(folder, name, folder, KEYRING_CONTEXT) < 0)
                r = -errno;
        return r;
}

int keyring_file_replace(const Keyring *ring, int folder, const KeyringLock *lock,
                         const KeyringKeys *keys, KeyringError *ret_error)
{
        char name[sizeof(TEMPORARY) + 16];
        int r = keyring_lock_make_name(ring, TEMPORARY, name, sizeof(name));

        if (r == 0)
                r = write_temporary(ring, folder, name, keys);
        if (r == 0)
                r = publish(ring, folder, lock, name);
        if (r < 0) {
                if (keyring_step(ring, KEYRING_STEP_REMOVE_TEMPORARY) == 0)
                        unlinkat(folder, name, 0);
                return r == -EBUSY ? r
                                   : fail_file(ring, -r,
                                               "cannot be replaced (make room, or the "
                                               "folder writable)",
                                               ret_error);
        }
        /* Best effort: the new file is there, whether or not a crash of the machine forgets it. */
        if (keyring_step(ring, KEYRING_STEP_SYNC_FOLDER) == 0)
                fsync(folder);
        return 0;
}

static bool is_leftover(const char *name)
{
        return strncmp(name, TEMPORARY, strlen(TEMPORARY)) == 0 ||
               strncmp(name, KEYRING_LOCK_STALE, strlen(KEYRING_LOCK_STALE)) == 0;
}

void keyring_file_tidy(const Keyring *ring, int folder)
{
        const int64_t now_s = ring->world->now_s(ring->world->context);
        int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        DIR *entries = fd < 0 ? NULL : fdopendir(fd);
        struct dirent *entry;

        if (!entries) {
                cleanup_close(fd);
                return;
        }
        while ((entry = readdir(entries))) {
                struct stat stat;

                if (is_leftover(entry->d_name) &&
                    fstatat(folder, entry->d_name, &stat, AT_SYMLINK_NOFOLLOW) == 0 &&
                    stat.st_mtim.tv_sec < now_s - TIDY_AGE_S)
                        unlinkat(folder, entry->d_name, 0);
        }
        closedir(entries);
}
