/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See cookies.h. The keyring is where libdbus's clients look for it: in $HOME, or, if that is not
 * set, in the folder that the user database names. A HOME that is no absolute path counts as not
 * set, and none counts in a process that has changed its privileges.
 */

#include "auth/cookies.h"

#include <errno.h>
#include <pwd.h>
#include <stdlib.h>
#include <unistd.h>

#include "broker/base/alloc.h"
#include "broker/base/cleanup.h"
#include "broker/base/log.h"

enum { ENTRY_SIZE_FIRST = 1024, ENTRY_SIZE_MAX = 1024 * 1024 };

/* The user called `name`, or, if that is NULL, with `uid`. 0, -ENOENT or -errno. The strings of
 * *ret_entry lie in *ret_memory. */
static int look_up(const char *name, uid_t uid, struct passwd *ret_entry, char **ret_memory)
{
        for (size_t size = ENTRY_SIZE_FIRST; size <= ENTRY_SIZE_MAX; size *= 2) {
                CLEANUP_ALLOC char *memory = alloc_bytes(size);
                struct passwd *found;
                int error;

                if (!memory)
                        return -ENOMEM;
                error = name ? getpwnam_r(name, ret_entry, memory, size, &found)
                             : getpwuid_r(uid, ret_entry, memory, size, &found);
                if (error == ERANGE)
                        continue;
                if (error || !found)
                        return error ? -error : -ENOENT;
                *ret_memory = memory;
                memory = NULL;
                return 0;
        }
        return -ERANGE;
}

static int find_home(Cookies *cookies, KeyringError *ret_error)
{
        const char *home = secure_getenv("HOME");
        CLEANUP_ALLOC char *memory = NULL;
        struct passwd entry;
        int r;

        if (cookies->home)
                return 0;
        if (!home || home[0] != '/' || getuid() != geteuid()) {
                r = look_up(NULL, cookies->ring.uid, &entry, &memory);
                if (r < 0)
                        return keyring_fail(ret_error, -r,
                                            "the user database does not tell the home folder of "
                                            "uid %u: %s; set HOME for the bus",
                                            (unsigned)cookies->ring.uid,
                                            r == -ENOENT ? "it has no such user"
                                                         : strerrordesc_np(-r));
                home = entry.pw_dir;
        }
        cookies->home = alloc_string(home, strlen(home));
        if (!cookies->home)
                return keyring_fail(ret_error, ENOMEM, "out of memory");
        cookies->ring.home = cookies->home;
        return 0;
}

/* Tells once that the keyring cannot be used, and once that it can again. */
static void report(Cookies *cookies, int r, const KeyringError *error)
{
        if (r < 0 && !cookies->refused)
                log_warning("DBUS_COOKIE_SHA1 is not offered: %s. Other mechanisms go on; this one "
                            "is tried again every %d s",
                            error->text, COOKIES_RETRY_S);
        if (r == 0 && cookies->refused)
                log_notice("DBUS_COOKIE_SHA1 is offered from now on; its keyring is in "
                           "%s/" KEYRING_FOLDER,
                           cookies->home);
        cookies->refused = r < 0;
}

void cookies_init(Cookies *cookies, uid_t uid, const KeyringWorld *world)
{
        *cookies = (Cookies){.ring = {.uid = uid, .world = world}};
}

void cookies_deinit(Cookies *cookies)
{
        cookies->home = alloc_free(cookies->home);
}

static bool is_own_user(const Cookies *cookies, const char *user)
{
        CLEANUP_ALLOC char *memory = NULL;
        struct passwd entry;

        if (user[0] == '\0')
                return true;
        return look_up(user, 0, &entry, &memory) == 0 && entry.pw_uid == cookies->ring.uid;
}

static int make_challenge(Cookies *cookies, char *ret_challenge)
{
        static const char digits[] = "0123456789abcdef";
        const KeyringWorld *world = cookies->ring.world;
        uint8_t bytes[SASL_CHALLENGE_SIZE / 2];
        int r = world->fill_random(world->context, bytes, sizeof(bytes));

        for (unsigned i = 0; r == 0 && i < sizeof(bytes); i++) {
                ret_challenge[2 * i] = digits[bytes[i] >> 4];
                ret_challenge[2 * i + 1] = digits[bytes[i] & 15];
        }
        return r;
}

void cookies_answer(Cookies *cookies, const SaslQuestion *question, SaslAnswer *ret_answer)
{
        KeyringError error = {.text = ""};
        KeyringKey key;
        int r;

        *ret_answer = (SaslAnswer){.available = true};
        if (!is_own_user(cookies, question->user))
                return;
        r = find_home(cookies, &error);
        if (r == 0)
                r = keyring_get(&cookies->ring, &key, &error);
        if (r == 0) {
                r = make_challenge(cookies, ret_answer->challenge);
                if (r < 0)
                        keyring_fail(&error, -r, "no random bytes: %s", strerrordesc_np(-r));
        }
        report(cookies, r, &error);
        ret_answer->available = r == 0;
        ret_answer->granted = r == 0;
        if (r == 0) {
                ret_answer->cookie_id = key.id;
                memcpy(ret_answer->cookie, key.hex, sizeof(key.hex));
        }
        explicit_bzero(&key, sizeof(key));
}

bool cookies_rotate(Cookies *cookies, unsigned *ret_next_s)
{
        KeyringError error = {.text = ""};
        int r = find_home(cookies, &error);

        *ret_next_s = COOKIES_RETRY_S;
        if (r == 0)
                r = keyring_rotate(&cookies->ring, ret_next_s, &error);
        report(cookies, r, &error);
        return r == 0;
}
