/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/lsm.h"

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
#endif

void lsm_check(const Config *config, const char *path, ConfigReport *report)
{
        if (config->apparmor == CONFIG_APPARMOR_REQUIRED)
                config_report_add(report, CONFIG_ERROR,
                                  "%s: <apparmor mode=\"required\"/>, but mediation by AppArmor is "
                                  "not supported; write mode=\"enabled\"",
                                  path);
        if (lsm_selinux_root())
                config_report_add(report, CONFIG_WARNING,
                                  "%s: SELinux is enabled, but nothing is mediated by it: what its "
                                  "policy says about the class dbus has no effect",
                                  path);
}
