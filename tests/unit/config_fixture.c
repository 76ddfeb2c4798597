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

#include <errno.h>
#include <stdio.h>

enum { FILES_MAX = 64 };

/* Adds a line. */
static void add(char *lines, unsigned *n, const char *before, const char *text)
{
        size_t size = strlen(lines);

        assert_null(strchr(text, '\n'));
        assert_true(size + strlen(before) + strlen(text) + 2 < CONFIG_FIXTURE_LINES_MAX);
        sprintf(lines + size, "%s%s\n", before, text);
        (*n)++;
}

static void load(const ConfigSource *source, const char *path, ConfigFixture *ret_fixture)
{
        ConfigReport report = {0};
        ConfigFixture *out = ret_fixture;

        *out = (ConfigFixture){0};
        out->result = config_load_from(source, path, &out->config, &report);
        assert_false(report.out_of_memory);
        for (size_t i = 0; i < report.n; i++) {
                const ConfigFinding *finding = &report.items[i];

                if (finding->severity == CONFIG_ERROR)
                        add(out->errors, &out->n_errors, "", finding->text);
                else
                        add(out->others, &out->n_others,
                            finding->severity == CONFIG_WARNING ? "warning: " : "", finding->text);
        }
        config_report_deinit(&report);
        assert_int_equal(out->result, out->n_errors > 0 ? -EINVAL : 0);
        assert_true(!out->config == (out->n_errors > 0));
}

void config_fixture_load(const char *path, ConfigFixture *ret_fixture)
{
        load(&config_source_system, path, ret_fixture);
}

void config_fixture_load_memory(ConfigMemory *memory, ConfigFixture *ret_fixture)
{
        ConfigSource source = config_memory_source(memory);
        char path[64];

        snprintf(path, sizeof(path), "%.*s", TEXT_FORMAT(memory->files[0].path));
        load(&source, path, ret_fixture);
}

void config_fixture_load_texts(const char *const *texts, ConfigFixture *ret_fixture)
{
        ConfigMemoryFile files[FILES_MAX];
        ConfigMemory memory = {.files = files};

        for (size_t i = 0; texts[i]; i += 2) {
                assert_true(memory.n < FILES_MAX);
                files[memory.n++] = (ConfigMemoryFile){
                        .path = text_from(texts[i]),
                        .text = text_from(texts[i + 1]),
                };
        }
        config_fixture_load_memory(&memory, ret_fixture);
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
        if (!strstr(fixture->errors, reason))
                fail_msg("\"%s\" lacks \"%s\": %s", fixture->errors, reason, what);
}

void config_fixture_assert_accepted(const ConfigFixture *fixture, const char *what)
{
        if (fixture->result < 0)
                fail_msg("%s: %s", fixture->errors, what);
        assert_non_null(fixture->config);
}
