/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/load/scenario/target_watch.h"

#include "bench/load/scenario/names_change.h"
#include "broker/base/assert.h"

static void take_change(Connection *connection, const ConnectionFrame *frame)
{
        TargetWatch *watch = CONTAINER_OF(run_client(connection), TargetWatch, client);
        NamesChange change;

        if (run_client_take(&watch->client, frame) || frame->type != FRAME_TYPE_SIGNAL ||
            !names_change_read(frame, &change))
                return;
        if (!text_equal(change.name, text_from(watch->name)) || change.before.size == 0 ||
            change.after.size > 0)
                return;
        atomic_store_explicit(&watch->is_lost, true, memory_order_relaxed);
        watch->say_lost(watch->client.part);
}

static void subscribe(Connection *connection)
{
        TargetWatch *watch = CONTAINER_OF(run_client(connection), TargetWatch, client);
        char rule[512];

        snprintf(rule, sizeof(rule),
                 "type='signal',sender='org.freedesktop.DBus',interface='org.freedesktop.DBus',"
                 "member='NameOwnerChanged',arg0='%s'",
                 watch->name);
        run_call_bus(&watch->client, "AddMatch", "s", rule);
        run_end_one(watch->client.part);
}

static const ConnectionHandlers handlers = {
        .ready = subscribe,
        .frame = take_change,
        .failed = run_client_failed,
};

void target_watch_start(TargetWatch *watch, RunPart *part, const char *name,
                        void (*say_lost)(RunPart *part))
{
        watch->name = name;
        watch->say_lost = say_lost;
        run_begin_one(part);
        run_client_start(&watch->client, part, "watcher", 0, &handlers);
}
