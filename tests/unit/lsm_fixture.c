/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/lsm_fixture.h"

#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "broker/base/log.h"

static char folder[] = "/tmp/test-lsm-XXXXXX";
static char log_text[16384];

void __wrap_log_line(LogLevel level, const char *format, ...) __attribute__((format(printf, 2, 3)));
void __wrap_log_line(LogLevel level, const char *format, ...)
{
        size_t n = strlen(log_text);
        va_list arguments;

        (void)level;
        va_start(arguments, format);
        vsnprintf(log_text + n, sizeof(log_text) - n, format, arguments);
        va_end(arguments);
        n = strlen(log_text);
        snprintf(log_text + n, sizeof(log_text) - n, "\n");
}

bool lsm_fixture_logged(const char *text)
{
        return strstr(log_text, text) != NULL;
}

int lsm_fixture_main_setup(void **state)
{
        char path[64];

        (void)state;
        if (!mkdtemp(folder))
                return -1;
        snprintf(path, sizeof(path), "%s/kernel", folder);
        return setenv(FAKE_LSM_VARIABLE, path, 1);
}

int lsm_fixture_main_teardown(void **state)
{
        (void)state;
        fake_lsm_file_remove();
        return rmdir(folder);
}

int lsm_fixture_setup(void **state)
{
        static char type[] = "session";
        static LsmFixture fixture;
        char asked[FAKE_LSM_TEXT_MAX];

        fixture = (LsmFixture){.config.type = type};
        log_text[0] = '\0';
        fake_lsm_file_write("");
        fake_lsm_file_take_asked(asked);
        *state = &fixture;
        return 0;
}

int lsm_fixture_teardown(void **state)
{
        LsmFixture *fixture = *state;

        lsm_free_mediators(&fixture->mediators);
        lsm_stop();
        return 0;
}

const char *lsm_fixture_check(const LsmFixture *fixture, const char *kernel)
{
        static char text[CONFIG_ERROR_MAX];
        ConfigReport report = {0};

        fake_lsm_file_write(kernel);
        lsm_check(&fixture->config, "conf", &report);
        assert_int_equal(report.n, report.n_errors);
        snprintf(text, sizeof(text), "%s",
                 report.n_errors > 0 ? config_report_first_error(&report) : "");
        config_report_deinit(&report);
        return text;
}

void lsm_fixture_start(LsmFixture *fixture, const char *kernel)
{
        lsm_free_mediators(&fixture->mediators);
        assert_string_equal(lsm_fixture_check(fixture, kernel), "");
        lsm_start();
        assert_int_equal(lsm_mediators(&fixture->config, &fixture->mediators), 0);
}

int lsm_fixture_ask(const LsmFixture *fixture, unsigned n, const MediatorQuestion *question)
{
        const Mediator *mediator = fixture->mediators.items[n];
        int r;

        assert_true(n < fixture->mediators.n);
        r = mediator->ask(mediator, question);
        if (!mediator->concerns(mediator, question))
                assert_int_equal(r, 0);
        return r;
}

void lsm_fixture_assert_asked(const char *text)
{
        char asked[FAKE_LSM_TEXT_MAX];

        fake_lsm_file_take_asked(asked);
        assert_string_equal(asked, text);
}

bool lsm_fixture_is_readable(int fd)
{
        struct pollfd poll_fd = {.fd = fd, .events = POLLIN};

        assert_true(poll(&poll_fd, 1, 0) >= 0);
        return poll_fd.revents != 0;
}
