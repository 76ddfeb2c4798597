/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See keyring.h. An addition, as a list of steps (KEYRING_STEPS): lock, read again, one key more,
 * write beside the file, fsync, is the lock still ours?, rename, fsync the folder, unlock. Killed
 * between any two of them, it leaves either the old file or the new one, and at most a lock that
 * goes stale and a temporary file that a later addition removes.
 */

#include "auth/keyring.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/random.h>
#include <time.h>

#include "auth/keyring_file.h"
#include "auth/keyring_lock.h"
#include "broker/base/alloc.h"
#include "broker/base/assert.h"
#include "broker/base/cleanup.h"

enum { ADD_TRIES = 4 };

static int64_t real_now_s(void *context)
{
        struct timespec now;

        (void)context;
        clock_gettime(CLOCK_REALTIME, &now);
        return now.tv_sec;
}

static void real_sleep_ms(void *context, unsigned ms)
{
        struct timespec left = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};

        (void)context;
        while (nanosleep(&left, &left) < 0 && errno == EINTR)
                continue;
}

static int real_fill_random(void *context, void *data, size_t size)
{
        char *next = data;

        (void)context;
        while (size > 0) {
                ssize_t n = getrandom(next, size, 0);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                next += n;
                size -= (size_t)n;
        }
        return 0;
}

const KeyringWorld keyring_world = {
        .now_s = real_now_s, .sleep_ms = real_sleep_ms, .fill_random = real_fill_random};

int keyring_fail(KeyringError *ret_error, int error, const char *format, ...)
{
        va_list arguments;

        va_start(arguments, format);
        vsnprintf(ret_error->text, sizeof(ret_error->text), format, arguments);
        va_end(arguments);
        return -error;
}

int keyring_step(const Keyring *ring, KeyringStep step)
{
        return ring->world->before_step ? ring->world->before_step(ring->world->context, step) : 0;
}

static int64_t now_s(const Keyring *ring)
{
        return ring->world->now_s(ring->world->context);
}

static KeyringKeys *free_keys(KeyringKeys *keys)
{
        if (keys)
                explicit_bzero(keys, sizeof(*keys));
        return alloc_free(keys);
}

static void write_hex(const uint8_t *bytes, size_t size, char *hex)
{
        static const char digits[] = "0123456789abcdef";

        for (size_t i = 0; i < size; i++) {
                hex[2 * i] = digits[bytes[i] >> 4];
                hex[2 * i + 1] = digits[bytes[i] & 15];
        }
        hex[2 * size] = '\0';
}

/* A key with an id that none of `keys` has. */
static int make_key(const Keyring *ring, const KeyringKeys *keys, KeyringKey *ret_key)
{
        struct {
                uint32_t id;
                uint8_t cookie[KEYRING_COOKIE_BYTES];
        } random;
        int r;

        do {
                r = keyring_step(ring, KEYRING_STEP_RANDOM);
                if (r == 0)
                        r = ring->world->fill_random(ring->world->context, &random, sizeof(random));
                if (r < 0)
                        return r;
                ret_key->id = (int32_t)(random.id & INT32_MAX);
        } while (keyring_text_find_id(keys, ret_key->id));
        ret_key->time_s = now_s(ring);
        write_hex(random.cookie, sizeof(random.cookie), ret_key->hex);
        explicit_bzero(&random, sizeof(random));
        return 0;
}

/* The lock is held. */
static int add_locked(const Keyring *ring, int folder, const KeyringLock *lock, unsigned young_s,
                      KeyringKey *ret_key, KeyringError *ret_error)
{
        KeyringKeys *keys = alloc_bytes(sizeof(*keys));
        const KeyringKey *young;
        int r;

        if (!keys)
                return keyring_fail(ret_error, ENOMEM, "out of memory");
        r = keyring_file_read(ring, folder, keys, ret_error);
        young = r == 0 && young_s > 0 ? keyring_text_find_young(keys, now_s(ring), young_s) : NULL;
        if (young) {
                *ret_key = *young;
        } else if (r == 0) {
                r = make_key(ring, keys, ret_key);
                if (r < 0)
                        keyring_fail(ret_error, -r, "no random bytes: %s", strerrordesc_np(-r));
        }
        if (r == 0 && !young) {
                keyring_text_append(keys, ret_key);
                keyring_file_tidy(ring, folder);
                r = keyring_file_replace(ring, folder, lock, keys, ret_error);
        }
        free_keys(keys);
        return r;
}

int keyring_add(const Keyring *ring, unsigned young_s, KeyringKey *ret_key, KeyringError *ret_error)
{
        CLEANUP_FD int folder = -1;
        KeyringLock lock;
        int r = keyring_file_open_folder(ring, &folder, ret_error);

        if (r < 0)
                return r;
        for (unsigned i = 0; i < ADD_TRIES; i++) {
                r = keyring_lock_take(ring, folder, &lock, ret_error);
                if (r < 0)
                        return r;
                r = add_locked(ring, folder, &lock, young_s, ret_key, ret_error);
                keyring_lock_release(ring, &lock, folder);
                if (r != -EBUSY)
                        return r;
        }
        return keyring_fail(ret_error, EBUSY,
                            "other processes took our lock for a stale one, %d times; is the file "
                            "system that slow?",
                            ADD_TRIES);
}

static int read_keys(const Keyring *ring, KeyringKeys *ret_keys, KeyringError *ret_error)
{
        CLEANUP_FD int folder = -1;
        int r = keyring_file_open_folder(ring, &folder, ret_error);

        return r < 0 ? r : keyring_file_read(ring, folder, ret_keys, ret_error);
}

int keyring_get(const Keyring *ring, KeyringKey *ret_key, KeyringError *ret_error)
{
        KeyringKeys *keys = alloc_bytes(sizeof(*keys));
        const KeyringKey *young = NULL;
        int r;

        if (!keys)
                return keyring_fail(ret_error, ENOMEM, "out of memory");
        r = read_keys(ring, keys, ret_error);
        if (r == 0)
                young = keyring_text_find_young(keys, now_s(ring), KEYRING_YOUNG_S);
        if (young)
                *ret_key = *young;
        else if (r == 0)
                r = keyring_add(ring, KEYRING_YOUNG_S, ret_key, ret_error);
        free_keys(keys);
        return r;
}

/* Seconds until the youngest key is KEYRING_ROTATE_S old; 0: it is, or there is none. */
static unsigned find_rest(const KeyringKeys *keys, int64_t now)
{
        unsigned rest_s = 0;

        for (unsigned i = 0; i < keys->n; i++) {
                int64_t rest = keys->keys[i].time_s + KEYRING_ROTATE_S - now;

                if (rest > KEYRING_ROTATE_S)
                        rest = KEYRING_ROTATE_S;
                if (rest > (int64_t)rest_s)
                        rest_s = (unsigned)rest;
        }
        return rest_s;
}

int keyring_rotate(const Keyring *ring, unsigned *ret_next_s, KeyringError *ret_error)
{
        KeyringKeys *keys = alloc_bytes(sizeof(*keys));
        KeyringKey key;
        unsigned rest_s;
        int r;

        if (!keys)
                return keyring_fail(ret_error, ENOMEM, "out of memory");
        r = read_keys(ring, keys, ret_error);
        rest_s = r == 0 ? find_rest(keys, now_s(ring)) : 0;
        free_keys(keys);
        if (r == 0 && rest_s == 0) {
                r = keyring_add(ring, KEYRING_ROTATE_S, &key, ret_error);
                explicit_bzero(&key, sizeof(key));
                rest_s = KEYRING_ROTATE_S;
        }
        if (r == 0)
                *ret_next_s = rest_s;
        return r;
}
