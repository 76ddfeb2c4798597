/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/wire/mediation.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tests/support/rawsocket.h"
#include "tests/wire/denial.h"

static char folder[] = "/tmp/test-mediation-XXXXXX";

int mediation_init(void)
{
        char path[64];

        if (!mkdtemp(folder))
                return -1;
        snprintf(path, sizeof(path), "%s/world", folder);
        return setenv(FAKE_LSM_VARIABLE, path, 1);
}

int mediation_deinit(void)
{
        fake_lsm_file_remove();
        return rmdir(folder);
}

int mediation_start(void **state, const char *world, const char *config)
{
        fake_lsm_file_write(world);
        return scene_start_with(state, config);
}

void mediation_change(Scene *scene, const char *world)
{
        const struct timespec pause = {.tv_nsec = 1000000};
        const unsigned before = denial_count_lines(scene, "is in force");
        int waited_ms = 0;

        fake_lsm_file_write(world);
        while (denial_count_lines(scene, "is in force") == before) {
                assert_true(waited_ms++ < RAWCLIENT_TIMEOUT_MS);
                nanosleep(&pause, NULL);
        }
}

RawClient *mediation_open(Scene *scene, const char *label)
{
        struct sockaddr_un address;
        const socklen_t size = fake_lsm_file_address(label, &address);

        rawsocket_bind_next((const struct sockaddr *)&address, size);
        return scene_open(scene, 0);
}

RawClient *mediation_join(Scene *scene, const char *label)
{
        RawClient *client = mediation_open(scene, label);

        assert_int_equal(rawclient_hello(client), 0);
        expect_name_signal(client, "NameAcquired", client->unique_name);
        return client;
}

void mediation_expect_denied(RawClient *client, uint32_t serial, const char *text)
{
        const RawMessage *error = expect_error(client, serial, "AccessDenied", NULL);
        const char *said;

        assert_true(rawmessage_read(error, "s", &said));
        if (strncmp(said, text, strlen(text)) != 0)
                assert_string_equal(said, text);
}
