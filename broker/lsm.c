/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/lsm.h"

#include <errno.h>
#include <string.h>

#include "broker/base/log.h"
#include "broker/lsm_private.h"

#if RINGBUS_HAVE_SELINUX
#include <selinux/selinux.h>

const char *lsm_selinux_root(void)
{
        return is_selinux_enabled() == 1 ? selinux_policy_root() : NULL;
}
#else
const char *lsm_selinux_root(void)
{
        return NULL;
}

const char *lsm_selinux_label(void)
{
        return NULL;
}
#endif

enum { SELINUX, APPARMOR, N_MODULES };

_Static_assert((int)N_MODULES == (int)MEDIATORS_MAX, "each module may be asked");

static const LsmModule *const modules[N_MODULES] = {
#if RINGBUS_HAVE_SELINUX
        [SELINUX] = &lsm_selinux_module,
#endif
#if RINGBUS_HAVE_APPARMOR
        [APPARMOR] = &lsm_apparmor_module,
#endif
};

/* What is known of each; read by other threads only when it does not change any more. */
static struct {
        bool mediates;
        bool is_watched;
        int fd;
} states[N_MODULES];

static void check_module(int i, const Config *config, const char *path, ConfigReport *report)
{
        const LsmModule *module = modules[i];
        const char *problem = "ringbus was built without libapparmor";
        int r = LSM_OFF;

        if (module && !module->is_wanted(config))
                return;
        if (module)
                r = module->find(config, &problem);
        states[i].mediates = r == LSM_ON;
        if (r < 0)
                config_report_add(report, CONFIG_ERROR, "%s: %s is enabled, but %s: %s", path,
                                  module->title, problem, strerror(-r));
        else if (r == LSM_OFF && i == APPARMOR && config->apparmor == CONFIG_APPARMOR_REQUIRED)
                config_report_add(report, CONFIG_ERROR,
                                  "%s: <apparmor mode=\"required\"/>, but %s; mend that, or write "
                                  "mode=\"enabled\"",
                                  path, problem);
}

void lsm_check(const Config *config, const char *path, ConfigReport *report)
{
        lsm_stop();
        for (int i = 0; i < N_MODULES; i++)
                check_module(i, config, path, report);
}

/* NULL: it does not mediate. */
static const LsmModule *find_mediating(int i)
{
        return states[i].mediates ? modules[i] : NULL;
}

/* `r` of a module's watch(). */
static void keep_watch(int i, int r)
{
        states[i].is_watched = r >= 0;
        if (r >= 0)
                states[i].fd = r;
        else
                log_warning("changes of %s's policy cannot be watched: %s; after each, reload the "
                            "bus's configuration",
                            modules[i]->title, strerror(-r));
}

void lsm_start(void)
{
        for (int i = 0; i < N_MODULES; i++) {
                const LsmModule *module = find_mediating(i);

                if (!module || states[i].is_watched)
                        continue;
                log_notice("%s mediates on this bus", module->title);
                keep_watch(i, module->watch());
        }
}

static void unwatch(int i)
{
        if (states[i].is_watched && modules[i])
                modules[i]->unwatch(states[i].fd);
        states[i].is_watched = false;
}

void lsm_stop(void)
{
        for (int i = 0; i < N_MODULES; i++) {
                unwatch(i);
                states[i].mediates = false;
                if (modules[i])
                        modules[i]->forget();
        }
}

bool lsm_is_mediating_selinux(void)
{
        return states[SELINUX].mediates;
}

bool lsm_is_mediating_apparmor(void)
{
        return states[APPARMOR].mediates;
}

int lsm_mediators(const Config *config, Mediators *ret_mediators)
{
        Mediators mediators = {0};

        for (int i = 0; i < N_MODULES; i++) {
                const LsmModule *module = find_mediating(i);
                int r;

                if (!module)
                        continue;
                r = module->mediate(config, &mediators.items[mediators.n]);
                if (r < 0) {
                        log_error("%s cannot be asked: %s", module->title, strerror(-r));
                        lsm_free_mediators(&mediators);
                        return r;
                }
                mediators.n++;
        }
        *ret_mediators = mediators;
        return 0;
}

void lsm_free_mediators(Mediators *mediators)
{
        for (unsigned i = 0; i < mediators->n; i++)
                mediators->items[i]->free(mediators->items[i]);
        *mediators = (Mediators){0};
}

unsigned lsm_watches(int fds[static LSM_WATCHES_MAX])
{
        unsigned n = 0;

        for (int i = 0; i < N_MODULES; i++) {
                if (states[i].is_watched)
                        fds[n++] = states[i].fd;
        }
        return n;
}

/* The fd failed: perhaps only because more was to be told than it can hold. */
static void watch_again(int i, int r)
{
        log_warning("reading changes of %s's policy failed: %s", modules[i]->title, strerror(-r));
        unwatch(i);
        keep_watch(i, modules[i]->watch());
}

bool lsm_was_changed(int fd)
{
        for (int i = 0; i < N_MODULES; i++) {
                int r;

                if (!states[i].is_watched || states[i].fd != fd)
                        continue;
                r = modules[i]->drain(fd);
                if (r < 0)
                        watch_again(i, r); /* and something may have been missed */
                return r != 0;
        }
        return false;
}
