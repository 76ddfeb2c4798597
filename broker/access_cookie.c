/* SPDX-License-Identifier: Apache-2.0 */
/* See access_cookie.h. Specification: "DBUS_COOKIE_SHA1". */

#include "broker/access_cookie.h"

#include <errno.h>
#include <limits.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "auth/keyring.h"
#include "auth/sha1.h"
#include "broker/access_report.h"
#include "broker/base/alloc.h"
#include "broker/base/cleanup.h"
#include "broker/base/hash.h"

enum { CHALLENGE_BYTES = 16, TEXT_SIZE = 256 };

/* What the bus asks: all three are words of printable characters. */
typedef struct Challenge {
        char context[TEXT_SIZE];
        int id;
        char text[TEXT_SIZE];
} Challenge;

static bool decode(const char *hex, char *text, size_t size)
{
        size_t n = strlen(hex) / 2;

        if (n >= size)
                return false;
        for (size_t i = 0; i < n; i++) {
                unsigned byte;

                if (sscanf(hex + 2 * i, "%2x", &byte) != 1 || byte < ' ' || byte > '~')
                        return false;
                text[i] = (char)byte;
        }
        text[n] = '\0';
        return true;
}

static void encode(const char *text, char *hex)
{
        for (; *text; text++, hex += 2)
                snprintf(hex, 3, "%02hhx", (unsigned char)*text);
}

static bool read_challenge(const char *hex, Challenge *challenge, FILE *out)
{
        char text[2 * TEXT_SIZE];

        if (decode(hex, text, sizeof(text)) &&
            sscanf(text, "%255s %d %255s", challenge->context, &challenge->id, challenge->text) ==
                    3 &&
            !strchr(challenge->context, '/') && challenge->context[0] != '.')
                return true;
        access_report_refusal(out, "cookie", "the bus's challenge is none");
        access_report_remedy(out, "it may not be a D-Bus bus");
        return false;
}

/* Reads the whole file; its size, or -errno. */
static ssize_t read_file(const char *path, char *text, size_t size)
{
        CLEANUP_FILE FILE *file = fopen(path, "re");
        size_t n;

        if (!file)
                return -errno;
        n = fread(text, 1, size, file);
        return ferror(file) ? -EIO : (ssize_t)n;
}

/* The cookie that the bus means. */
static bool find_cookie(const Challenge *challenge, const char *path, char *cookie, FILE *out)
{
        CLEANUP_ALLOC char *text = alloc_bytes(KEYRING_FILE_MAX);
        CLEANUP_ALLOC KeyringKeys *keys = alloc_bytes(sizeof(*keys));
        const KeyringKey *key = NULL;
        ssize_t n = text && keys ? read_file(path, text, KEYRING_FILE_MAX) : -ENOMEM;

        if (n < 0) {
                access_report_refusal(out, "cookie", "%s: %s", path, strerror((int)-n));
                access_report_remedy(out, "the bus and its clients share this file: it has to be "
                                          "the home of the same user, on the same file system");
                return false;
        }
        keyring_text_read((Text){text, (size_t)n}, time(NULL), keys);
        key = keyring_text_find_id(keys, challenge->id);
        if (key) {
                memcpy(cookie, key->hex, sizeof(key->hex));
                access_report_step(out, "cookie", "%s: holds cookie %d", path, challenge->id);
        } else {
                access_report_refusal(out, "cookie", "%s: has no cookie %d", path, challenge->id);
                access_report_remedy(out, "the bus writes its cookies to another home: is this "
                                          "account the one that runs it, and on that machine?");
        }
        explicit_bzero(text, (size_t)n);
        explicit_bzero(keys, sizeof(*keys));
        return key != NULL;
}

static void write_answer(const Challenge *challenge, const char *cookie, const char *own,
                         char *ret_line)
{
        char digest[SHA1_HEX_SIZE + 1];
        char answer[2 * CHALLENGE_BYTES + 1 + sizeof(digest)];

        sha1_hex_of_three(text_from(challenge->text), text_from(own), text_from(cookie), digest);
        snprintf(answer, sizeof(answer), "%s %s", own, digest);
        strcpy(ret_line, "DATA ");
        encode(answer, ret_line + strlen(ret_line));
}

/* As libdbus looks for it; or NULL. */
static const char *find_home(void)
{
        const char *home = secure_getenv("HOME");
        const struct passwd *account;

        if (home && home[0] == '/')
                return home;
        account = getpwuid(geteuid());
        return account ? account->pw_dir : NULL;
}

bool access_cookie_answer(const char *challenge_hex, char ret_line[ACCESS_COOKIE_LINE_MAX],
                          FILE *out)
{
        const char *home = find_home();
        unsigned char random[CHALLENGE_BYTES];
        char own[2 * CHALLENGE_BYTES + 1];
        char cookie[KEYRING_HEX_MAX + 1];
        char path[PATH_MAX];
        Challenge challenge;

        if (!read_challenge(challenge_hex, &challenge, out))
                return false;
        if (!home || hash_random(random, sizeof(random)) < 0) {
                access_report_refusal(out, "cookie", "this account has no home, nor a keyring");
                access_report_remedy(out, "set HOME, or let it have a line in /etc/passwd");
                return false;
        }
        for (size_t i = 0; i < sizeof(random); i++)
                snprintf(own + 2 * i, 3, "%02x", random[i]);
        snprintf(path, sizeof(path), "%s/" KEYRING_FOLDER "/%s", home, challenge.context);
        if (!find_cookie(&challenge, path, cookie, out))
                return false;
        write_answer(&challenge, cookie, own, ret_line);
        explicit_bzero(cookie, sizeof(cookie));
        return true;
}
