/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/driver/driver_reload.h"

#include "broker/base/alloc.h"
#include "broker/driver/driver_private.h"
#include "broker/router/step.h"

DriverReload *driver_reload_new(Endpoint *caller, uint32_t serial)
{
        DriverReload *reload = alloc_zeroed(1, sizeof(*reload));

        if (!reload)
                return NULL;
        if (caller)
                endpoint_ref(caller);
        reload->caller = caller;
        reload->serial = serial;
        return reload;
}

/* Takes the first of the others away. */
static DriverReload *driver_take_other(DriverReload *reload)
{
        DriverReload *other = reload->others;

        if (other)
                reload->others = other->node.next
                                         ? CONTAINER_OF(other->node.next, DriverReload, node)
                                         : NULL;
        return other;
}

DriverReload *driver_reload_free(DriverReload *reload, Pool *mine)
{
        DriverReload *other;

        if (!reload)
                return NULL;
        while ((other = driver_take_other(reload)))
                driver_reload_free(other, mine);
        if (reload->caller)
                endpoint_unref(reload->caller, mine);
        alloc_free(reload->error);
        return alloc_free(reload);
}

void driver_reload_config(DriverCall *call)
{
        Driver *driver = call->driver;
        DriverReload *reload;

        reload = driver_reload_new(call->caller, call->header->frame.serial);
        if (!reload) {
                driver_fail(call, "NoMemory", "Out of memory");
                return;
        }
        /* What this connection says next is judged by the new configuration. */
        peer_pause(call->peer, PEER_PAUSE_DRIVER);
        driver->hooks.post_reload(driver->hooks.context, reload);
}

/* Sent whether or not the reload succeeded, as the reference does. */
static void driver_announce_services(RouterThread *thread)
{
        WriterHeader header = {.type = FRAME_TYPE_SIGNAL,
                               .sender = BUSMESSAGE_BUS_NAME,
                               .path = BUSMESSAGE_BUS_PATH,
                               .interface = BUSMESSAGE_BUS_NAME,
                               .member = TEXT("ActivatableServicesChanged")};
        Message *message = busmessage_build(thread, &header, driver_write_nothing, NULL);
        Step step;

        step_begin(&step, thread);
        step_broadcast_own(&step, message, NULL);
        step_end(&step);
}

static void driver_answer_reload(Shard *shard, DriverReload *reload)
{
        RouterThread *thread = &shard->thread;
        WriterHeader header = {.type = FRAME_TYPE_METHOD_RETURN,
                               .sender = BUSMESSAGE_BUS_NAME,
                               .reply_serial = reload->serial,
                               .destination = endpoint_name(reload->caller)};

        if (reload->failed)
                driver_push_error(thread, reload->caller, reload->serial, "Failed", "%s",
                                  reload->error ? reload->error : "Out of memory");
        else
                driver_push(thread, reload->caller,
                            busmessage_build(thread, &header, driver_write_nothing, NULL));
        peer_continue(peer_of(reload->caller), PEER_PAUSE_DRIVER);
}

void driver_reload_finish(Driver *driver, Shard *shard, DriverReload *reload)
{
        DriverReload *other;

        router_load_root(&shard->thread);
        if (reload->announces)
                driver_announce_services(&shard->thread);
        if (reload->caller)
                driver_answer_reload(shard, reload);
        while ((other = driver_take_other(reload)))
                driver->hooks.post_answer(driver->hooks.context, other);
        driver_reload_free(reload, &shard->thread.pool);
}
