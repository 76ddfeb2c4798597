/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/bus_reload.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "broker/base/alloc.h"
#include "broker/base/clock.h"
#include "broker/base/log.h"
#include "broker/base/stage.h"
#include "broker/bus_private.h"
#include "broker/root.h"

#include <systemd/sd-daemon.h>

enum { CLERK_PATIENCE_MS = 5000 };

/* The clerk's thread. */
static void read_config(ClerkJob *job)
{
        Bus *bus = CONTAINER_OF(job, Bus, reload.job);
        BusReload *reload = &bus->reload;
        ConfigReport report = {0};

        reload->config = NULL;
        reload->error.text[0] = '\0';
        if (config_load(bus->options->config_file, &reload->config, &report) < 0)
                config_error_set(&reload->error, "%s", config_report_first_error(&report));
        config_report_log(&report);
        config_report_deinit(&report);
        switch_set(&reload->loaded);
        wake_up(&bus->wake);
}

int bus_reload_init(Bus *bus)
{
        bus->reload.job.run = read_config;
        stack_init(&bus->reload.calls);
        return clerk_new(&bus->reload.clerk);
}

static void free_calls(DriverReload *first)
{
        while (first) {
                DriverReload *next = first->node.next
                                             ? CONTAINER_OF(first->node.next, DriverReload, node)
                                             : NULL;

                driver_reload_free(first, NULL);
                first = next;
        }
}

static DriverReload *take_calls(BusReload *reload)
{
        StackNode *node = stack_reverse(stack_take(&reload->calls));

        return node ? CONTAINER_OF(node, DriverReload, node) : NULL;
}

void bus_reload_drop_calls(Bus *bus)
{
        free_calls(bus->reload.waiting);
        bus->reload.waiting = NULL;
        free_calls(take_calls(&bus->reload));
}

bool bus_reload_deinit(Bus *bus)
{
        BusReload *reload = &bus->reload;

        if (!clerk_stop(reload->clerk, CLERK_PATIENCE_MS)) {
                log_warning("a name service or a file system does not answer: the configuration "
                            "that was being read is left as it is");
                return false;
        }
        reload->clerk = clerk_free(reload->clerk);
        if (switch_is_on(&reload->loaded))
                reload->config = config_free(reload->config);
        reload->in_force = config_free(reload->in_force);
        return true;
}

void bus_reload_want(Bus *bus)
{
        switch_set(&bus->reload.wanted);
}

void bus_reload_post(void *context, DriverReload *call)
{
        Bus *bus = context;

        stack_push(&bus->reload.calls, &call->node);
        switch_set(&bus->reload.wanted);
        wake_up(&bus->wake);
}

/* Service managers are told that the bus is busy with itself, and when it is not any more. */
static void notify(const char *state)
{
        char text[128];

        snprintf(text, sizeof(text), "%s\nMONOTONIC_USEC=%" PRIu64, state, clock_now_ns() / 1000);
        sd_notify(0, text);
}

/* One step for everybody: a message is judged by the root that was there when it came. */
static void put_in_force(Bus *bus)
{
        BusReload *reload = &bus->reload;
        RouterRoot *root = NULL;
        int r = root_new(reload->config, bus->options, &root);

        if (r < 0) {
                config_error_set(&reload->error, "the configuration cannot be put in force: %s",
                                 strerror(-r));
                log_error("%s", reload->error.text);
                reload->config = config_free(reload->config);
                return;
        }
        /* As of the start, as with the reference: the timers count on one timeout for all calls. */
        root->limits.reply_timeout_ms = router_root(&bus->router)->limits.reply_timeout_ms;
        router_replace_root(&bus->router, root);
        gate_set_limits(bus->gate, (unsigned)reload->config->limits.max_incomplete_connections,
                        limits_timeout_ms(reload->config->limits.auth_timeout_ms),
                        (unsigned)root->limits.max_message_unix_fds);
        /* When the old root is reclaimed, the last message that it judged has been routed. */
        if (!STAGE_MUTANT(NO_RELOAD_GRACE))
                qsbr_reclaim(&bus->qsbr);
        reload->in_force = config_free(reload->in_force);
        reload->in_force = reload->config;
        reload->config = NULL;
}

/* The configuration stays, but what the security modules said is asked again: perhaps one of them
 * wanted the reload. */
static void forget_answers(Bus *bus)
{
        const Config *config = bus->reload.in_force ? bus->reload.in_force : bus->config;
        RouterRoot *root = NULL;

        if (router_root(&bus->router)->mediators.n == 0)
                return;
        if (root_new(config, bus->options, &root) < 0) {
                log_error("what the security modules said before stays in force");
                return;
        }
        root->limits.reply_timeout_ms = router_root(&bus->router)->limits.reply_timeout_ms;
        router_replace_root(&bus->router, root);
        qsbr_reclaim(&bus->qsbr);
}

/* The first who waits announces it, and has the others answered. */
static void answer(Bus *bus, bool failed)
{
        BusReload *reload = &bus->reload;
        DriverReload *first = reload->waiting;

        reload->waiting = NULL;
        if (!first)
                first = driver_reload_new(NULL, 0);
        if (!first) {
                log_error("out of memory: ActivatableServicesChanged is not sent");
                return;
        }
        first->announces = true;
        first->others =
                first->node.next ? CONTAINER_OF(first->node.next, DriverReload, node) : NULL;
        for (DriverReload *call = first; call;
             call = call->node.next ? CONTAINER_OF(call->node.next, DriverReload, node) : NULL) {
                call->failed = failed;
                if (failed)
                        call->error = alloc_string(reload->error.text, strlen(reload->error.text));
        }
        bus_post_answer(bus, first);
}

static void begin(Bus *bus)
{
        BusReload *reload = &bus->reload;

        notify("RELOADING=1");
        reload->running = true;
        reload->waiting = take_calls(reload);
        clerk_post(reload->clerk, &reload->job);
}

static void end(Bus *bus)
{
        BusReload *reload = &bus->reload;

        reload->running = false;
        if (reload->config)
                put_in_force(bus);
        else
                forget_answers(bus);
        if (reload->error.text[0])
                log_error("the configuration of %s stays as it is", bus->options->config_file);
        else
                log_notice("the configuration of %s is in force", bus->options->config_file);
        answer(bus, reload->error.text[0] != '\0');
        notify("READY=1");
}

bool bus_reload_is_due(Bus *bus)
{
        const BusReload *reload = &bus->reload;

        return reload->running ? switch_is_on(&reload->loaded) : switch_is_on(&reload->wanted);
}

void bus_reload_continue(Bus *bus)
{
        BusReload *reload = &bus->reload;

        if (reload->running && switch_clear(&reload->loaded))
                end(bus);
        if (!reload->running && switch_clear(&reload->wanted))
                begin(bus);
}
