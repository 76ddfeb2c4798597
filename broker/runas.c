/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/runas.h"

#include <errno.h>
#include <grp.h>
#include <string.h>
#include <unistd.h>

#include "broker/base/log.h"
#include "broker/users.h"

/* A number that we have already needs no entry in any database. */
static int find(const char *name, RunAs *user)
{
        uint32_t uid;

        if (!users_parse_id(name, &uid))
                return users_find(name, &user->uid, &user->gid);
        user->uid = uid;
        user->gid = getgid();
        return uid == getuid() && uid == geteuid() ? 0 : users_find_uid(uid, &user->gid);
}

int runas_find(const char *name, RunAs *ret_user)
{
        RunAs user = {.name = name};
        int r;

        if (!name) {
                *ret_user = user;
                return 0;
        }
        r = find(name, &user);
        if (r == -ENOENT)
                log_error("<user>%s</user>: nobody knows this user; create it (adduser --system "
                          "%s), or name another one",
                          name, name);
        else if (r < 0)
                log_error("<user>%s</user>: cannot look the user up: %s; try again, or give its "
                          "number",
                          name, strerror(-r));
        if (r < 0)
                return r;
        user.is_other = user.uid != getuid() || user.uid != geteuid();
        *ret_user = user;
        return 0;
}

static int refuse(const RunAs *user, const char *what)
{
        int error = errno;

        log_error("cannot run as <user>%s</user>: %s: %s; start as root or as that user, or leave "
                  "<user> out",
                  user->name, what, strerror(error));
        return -error;
}

int runas_apply(const RunAs *user)
{
        if (!user->is_other)
                return 0;
        if (setgroups(0, NULL) < 0)
                return refuse(user, "setgroups");
        if (setgid(user->gid) < 0)
                return refuse(user, "setgid");
        if (setuid(user->uid) < 0)
                return refuse(user, "setuid");
        return 0;
}
