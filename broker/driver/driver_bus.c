/* SPDX-License-Identifier: Apache-2.0 */
/* Hello, GetId, and what starts services. */
#include <errno.h>

#include "broker/base/stage.h"
#include "broker/driver/driver_private.h"

static Message *driver_build_hello(RouterThread *thread, const void *context, uint32_t code)
{
        DriverCall call = *(const DriverCall *)context;
        Text name = endpoint_name(call.caller); /* assigned just now */

        (void)thread;
        (void)code;
        return driver_build_reply(&call, "s", driver_write_text, &name);
}

static void driver_show_hello(Step *step, const void *context)
{
        const DriverCall *call = context;

        if (!call->shown)
                send_show(step, call->caller, call->incoming);
}

void driver_hello(DriverCall *call)
{
        OwnershipReply reply = {
                .build = driver_build_hello, .show = driver_show_hello, .context = call};

        if (call->caller->id != ENDPOINT_NO_ID) {
                driver_fail(call, "Failed", "Already handled an Hello message");
                return;
        }
        STAGE_STOP(HELLO_BEGUN, 0);
        switch (ownership_hello(call->thread, call->caller, &reply)) {
        case OWNERSHIP_OK:
                peer_set_complete(call->peer);
                break;
        case OWNERSHIP_LIMIT:
                driver_fail(call, "LimitsExceeded",
                            "The maximum number of active connections has been reached");
                break;
        case OWNERSHIP_USER_LIMIT:
                driver_fail(call, "LimitsExceeded",
                            "The maximum number of active connections for UID %u has been reached",
                            call->caller->uid);
                break;
        case OWNERSHIP_NO_MEMORY:
                peer_close(call->peer);
                break;
        }
}

void driver_get_id(DriverCall *call)
{
        driver_reply_text(call, text_from(call->driver->id));
}

/* The variables of an "a{ss}". What environment_set_add() returns. */
static int driver_read_environment(DriverCall *call, EnvironmentSet *set)
{
        size_t end = driver_read_u32(call);
        int r = 0;

        call->at = (call->at + 7) & ~(size_t)7;
        end += call->at;
        while (r == 0 && call->at < end) {
                Text key, value;

                call->at = (call->at + 7) & ~(size_t)7;
                key = driver_read_string(call);
                value = driver_read_string(call);
                r = environment_set_add(set, key, value);
        }
        return r;
}

void driver_update_environment(DriverCall *call)
{
        EnvironmentSet set;
        int r;

        environment_set_init(&set);
        r = driver_read_environment(call, &set);
        if (r == 0)
                r = environment_apply(&call->driver->environment, &set);
        environment_set_deinit(&set);
        if (r == 0)
                driver_reply_empty(call);
        else if (r == -E2BIG)
                driver_fail(call, "LimitsExceeded",
                            "The activation environment has room for %d variables of %d "
                            "bytes together",
                            ENVIRONMENT_VARIABLES_MAX, ENVIRONMENT_BYTES_MAX);
        else
                driver_fail(call, "NoMemory", "Out of memory");
}

enum { START_ALREADY_RUNNING = 2 };

void driver_start_service(DriverCall *call)
{
        Names *names = &call->driver->router->names;
        Text name = driver_read_string(call);

        lock_acquire(&names->lock);
        if (names_get_owner(names, name))
                driver_reply_u32(call, START_ALREADY_RUNNING);
        else
                driver_fail(call, "ServiceUnknown",
                            "The name %.*s was not provided by any .service files",
                            TEXT_FORMAT(name));
        lock_release(&names->lock);
}
