/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/bus_modules.h"

#include <string.h>

#include "broker/base/log.h"
#include "broker/bus_private.h"

static int watch(Bus *bus)
{
        BusModules *modules = &bus->modules;
        int r = 0;

        modules->n_fds = lsm_watches(modules->fds);
        for (unsigned i = 0; i < modules->n_fds && r == 0; i++)
                r = ready_add(&bus->ready, modules->fds[i], true, false, &modules->fds[i]);
        return r;
}

int bus_modules_init(Bus *bus)
{
        return watch(bus);
}

void bus_modules_deinit(Bus *bus)
{
        bus->modules.n_fds = 0;
        lsm_stop();
}

bool bus_modules_handle(Bus *bus, const void *cookie)
{
        BusModules *modules = &bus->modules;
        unsigned which = 0;
        int r;

        while (which < modules->n_fds && cookie != &modules->fds[which])
                which++;
        if (which == modules->n_fds)
                return false;
        for (unsigned i = 0; i < modules->n_fds; i++)
                ready_remove(&bus->ready, modules->fds[i]);
        if (lsm_was_changed(modules->fds[which])) {
                log_notice("the policy of a security module has changed: loading the "
                           "configuration anew");
                bus_reload_want(bus);
        }
        r = watch(bus);
        if (r < 0)
                log_warning("changes of the security modules' policies are not watched any more: "
                            "%s",
                            strerror(-r));
        return true;
}
