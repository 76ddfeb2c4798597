/* SPDX-License-Identifier: Apache-2.0 */

/* UpdateActivationEnvironment is carried out as a whole or not at all. */

#include <stdio.h>

#include "tests/wire/expect.h"
#include "tests/wire/scene.h"

enum {
        VARIABLES_MAX = 1024,    /* ringbus; the reference has no limit of its own */
        BYTES_MAX = 1024 * 1024, /* of KEY=VALUE, each with a NUL */
        VALUE_SIZE = BYTES_MAX / 4,
};

/* Sets `n` variables PREFIX0, PREFIX1, ... to `value`. The serial. */
static uint32_t update(RawClient *client, const char *prefix, unsigned n, const char *value)
{
        const RawHeader call = {.type = RAWMESSAGE_CALL,
                                .serial = rawclient_serial(client),
                                .path = SCENE_DRIVER_PATH,
                                .interface = SCENE_DRIVER,
                                .member = "UpdateActivationEnvironment",
                                .destination = SCENE_DRIVER,
                                .signature = "a{ss}"};
        MarshalArray array;
        Marshal body;

        marshal_init(&body, false);
        array = marshal_open_array(&body, 8);
        for (unsigned i = 0; i < n; i++) {
                char key[32];

                snprintf(key, sizeof(key), "%s%u", prefix, i);
                marshal_align(&body, 8);
                marshal_string(&body, key);
                marshal_string(&body, value);
        }
        marshal_close_array(&body, array);
        assert_int_equal(rawclient_send_body(client, &call, &body, NULL, 0), 0);
        marshal_deinit(&body);
        return call.serial;
}

/* What was refused has taken no room: it is all there for others. */
static void test_environment_beyond_the_limit_leaves_no_trace(void **state)
{
        Scene *scene = *state;
        RawClient *client = scene_join(scene);
        static char value[VALUE_SIZE];

        if (!scene->bus.is_ringbus) {
                expect_empty(client, update(client, "N", VARIABLES_MAX + 1, "v"));
                return;
        }
        for (size_t i = 0; i + 1 < sizeof(value); i++)
                value[i] = 'v';
        expect_error(client, update(client, "N", VARIABLES_MAX + 1, "v"), "LimitsExceeded", NULL);
        expect_error(client, update(client, "B", 4, value), "LimitsExceeded", NULL);
        expect_empty(client, update(client, "O", 1, "v"));
        expect_error(client, update(client, "P", VARIABLES_MAX, "v"), "LimitsExceeded", NULL);
        expect_empty(client, update(client, "B", 3, value));
        expect_empty(client, update(client, "B", 3, value)); /* in the place of the first */
        expect_empty(client, update(client, "Q", VARIABLES_MAX - 4, "v"));
        expect_error(client, update(client, "R", 1, "v"), "LimitsExceeded", NULL);
        expect_empty(client, update(client, "O", 1, "other"));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_teardown(test_environment_beyond_the_limit_leaves_no_trace,
                                          scene_clear),
        };

        return scene_run("wire/environment", tests, scene_start);
}
