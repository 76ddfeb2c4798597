/* SPDX-License-Identifier: Apache-2.0 */
/* See keyring_fixture.h. */

#include "tests/unit/keyring_fixture.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static int64_t fake_now_s(void *context)
{
        const KeyringFixture *fixture = context;

        return fixture->now_s;
}

static void fake_sleep_ms(void *context, unsigned ms)
{
        KeyringFixture *fixture = context;

        fixture->slept_ms += ms;
        if (fixture->at_sleep)
                fixture->at_sleep(fixture);
}

/* Not random at all, but different each time (each second time). */
static int fake_fill_random(void *context, void *data, size_t size)
{
        KeyringFixture *fixture = context;
        unsigned n = fixture->n_random++;
        uint8_t *bytes = data;

        if (fixture->repeats_random)
                n /= 2;
        for (size_t i = 0; i < size; i++)
                bytes[i] = (uint8_t)(n * 37 + i * 11 + (n >> 3));
        return 0;
}

static int fake_before_step(void *context, KeyringStep step)
{
        KeyringFixture *fixture = context;

        fixture->n_steps[step]++;
        if (fixture->at_step)
                fixture->at_step(fixture, step);
        return fixture->fail_step == (int)step ? fixture->error : 0;
}

int keyring_fixture_setup(void **state)
{
        KeyringFixture *fixture = calloc(1, sizeof(*fixture));

        assert_non_null(fixture);
        snprintf(fixture->home, sizeof(fixture->home), "/tmp/test-keyring-XXXXXX");
        assert_non_null(mkdtemp(fixture->home));
        fixture->now_s = KEYRING_FIXTURE_EPOCH;
        fixture->fail_step = -1;
        fixture->world = (KeyringWorld){.now_s = fake_now_s,
                                        .sleep_ms = fake_sleep_ms,
                                        .fill_random = fake_fill_random,
                                        .before_step = fake_before_step,
                                        .context = fixture};
        fixture->ring =
                (Keyring){.home = fixture->home, .uid = geteuid(), .world = &fixture->world};
        *state = fixture;
        return 0;
}

static int remove_entry(const char *path, const struct stat *stat, int type, struct FTW *where)
{
        (void)stat;
        (void)type;
        (void)where;
        return remove(path);
}

int keyring_fixture_teardown(void **state)
{
        KeyringFixture *fixture = *state;

        chmod(fixture->home, 0700);
        assert_int_equal(nftw(fixture->home, remove_entry, 8, FTW_DEPTH | FTW_PHYS), 0);
        free(fixture);
        return 0;
}

const char *keyring_fixture_path(const KeyringFixture *fixture, const char *name)
{
        static char path[256];

        snprintf(path, sizeof(path), "%s/" KEYRING_FOLDER "/%s", fixture->home, name);
        return path;
}

void keyring_fixture_write(const KeyringFixture *fixture, const char *text)
{
        int fd;

        assert_true(mkdir(keyring_fixture_path(fixture, ""), 0700) == 0 || errno == EEXIST);
        if (!text)
                return;
        fd = open(keyring_fixture_path(fixture, KEYRING_CONTEXT), O_WRONLY | O_CREAT | O_TRUNC,
                  0600);
        assert_true(fd >= 0);
        assert_int_equal(write(fd, text, strlen(text)), strlen(text));
        close(fd);
}

const char *keyring_fixture_read(const KeyringFixture *fixture)
{
        static char text[KEYRING_TEXT_MAX + 1];
        int fd = open(keyring_fixture_path(fixture, KEYRING_CONTEXT), O_RDONLY);
        ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);

        assert_true(n >= 0);
        text[n] = '\0';
        if (fd >= 0)
                close(fd);
        return text;
}

void keyring_fixture_load(const KeyringFixture *fixture, KeyringKeys *ret_keys)
{
        const char *text = keyring_fixture_read(fixture);

        keyring_text_read(text_from(text), fixture->now_s, ret_keys);
}

unsigned keyring_fixture_count_files(const KeyringFixture *fixture)
{
        DIR *folder = opendir(keyring_fixture_path(fixture, ""));
        struct dirent *entry;
        unsigned n = 0;

        assert_non_null(folder);
        while ((entry = readdir(folder)))
                n += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
        closedir(folder);
        return n;
}

KeyringKey keyring_fixture_get(KeyringFixture *fixture)
{
        KeyringKey key;
        int r = keyring_get(&fixture->ring, &key, &fixture->text);

        if (r < 0)
                fail_msg("%d: %s", r, fixture->text.text);
        return key;
}

void keyring_fixture_refused(KeyringFixture *fixture, const char *hint)
{
        KeyringKey key;

        fixture->text.text[0] = '\0';
        assert_true(keyring_get(&fixture->ring, &key, &fixture->text) < 0);
        print_message("%s\n", fixture->text.text);
        if (!strstr(fixture->text.text, hint))
                fail_msg("\"%s\" does not say \"%s\"", fixture->text.text, hint);
}
