/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of the configuration share. */

#include "config_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <sys/mman.h>
#include <unistd.h>

#include "tests/support/config_memory.h"

enum { FILES_MAX = 64 };

static void load(const ConfigSource *source, const char *path, ConfigFixture *ret_fixture)
{
        int log = memfd_create("log", MFD_CLOEXEC);
        int saved = dup(STDERR_FILENO);
        ssize_t size;

        *ret_fixture = (ConfigFixture){0};
        dup2(log, STDERR_FILENO);
        ret_fixture->result =
                config_load_from(source, path, &ret_fixture->config, &ret_fixture->error);
        dup2(saved, STDERR_FILENO);
        close(saved);
        size = pread(log, ret_fixture->log, sizeof(ret_fixture->log) - 1, 0);
        close(log);
        assert_true(size >= 0);
        for (ssize_t i = 0; i < size; i++)
                ret_fixture->n_lines += ret_fixture->log[i] == '\n';
}

void config_fixture_load(const char *path, ConfigFixture *ret_fixture)
{
        load(&config_source_files, path, ret_fixture);
}

void config_fixture_load_texts(const char *const *texts, ConfigFixture *ret_fixture)
{
        ConfigMemoryFile files[FILES_MAX];
        ConfigMemory memory = {.files = files};
        ConfigSource source = config_memory_source(&memory);

        for (size_t i = 0; texts[i]; i += 2) {
                assert_true(memory.n < FILES_MAX);
                files[memory.n++] = (ConfigMemoryFile){
                        .path = text_from(texts[i]),
                        .text = text_from(texts[i + 1]),
                };
        }
        load(&source, texts[0], ret_fixture);
}

void config_fixture_load_text(const char *text, ConfigFixture *ret_fixture)
{
        config_fixture_load_texts((const char *[]){"conf", text, NULL}, ret_fixture);
}

void config_fixture_assert_refused(const ConfigFixture *fixture, const char *what,
                                   const char *reason)
{
        if (fixture->result == 0)
                fail_msg("accepted, expected \"%s\": %s", reason, what);
        if (!strstr(fixture->error.text, reason))
                fail_msg("\"%s\" lacks \"%s\": %s", fixture->error.text, reason, what);
        assert_null(strchr(fixture->error.text, '\n'));
        assert_null(fixture->config);
}

void config_fixture_assert_accepted(const ConfigFixture *fixture, const char *what)
{
        if (fixture->result < 0)
                fail_msg("%s: %s", fixture->error.text, what);
        assert_non_null(fixture->config);
}
