/* SPDX-License-Identifier: Apache-2.0 */
/* The look-ups need a buffer of a size that nobody tells: it grows until the entry fits. */

#include "broker/users.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>

#include "broker/base/cleanup.h"

enum { BUFFER_MIN = 4096, BUFFER_MAX = 16 * 1024 * 1024 };

bool users_parse_id(const char *text, uint32_t *ret_id)
{
        uint64_t id = 0;

        if (text[0] == '\0')
                return false;
        for (const char *c = text; *c; c++) {
                if (*c < '0' || *c > '9')
                        return false;
                id = id * 10 + (uint64_t)(*c - '0');
                if (id >= UINT32_MAX)
                        return false;
        }
        *ret_id = (uint32_t)id;
        return true;
}

/* What is asked for, and what comes back. */
typedef struct Query {
        const char *user; /* NULL: another question */
        const char *group;
        uid_t uid;
        gid_t gid;
} Query;

/* 0, or a positive errno as the functions of the C library return it; ENOENT if there is none. */
static int ask(Query *query, char *buffer, size_t size)
{
        struct passwd user;
        struct passwd *user_found = NULL;
        struct group group;
        struct group *group_found = NULL;
        int error;

        if (query->group)
                error = getgrnam_r(query->group, &group, buffer, size, &group_found);
        else if (query->user)
                error = getpwnam_r(query->user, &user, buffer, size, &user_found);
        else
                error = getpwuid_r(query->uid, &user, buffer, size, &user_found);
        if (error != 0)
                return error;
        if (group_found)
                query->gid = group_found->gr_gid;
        else if (user_found)
                *query = (Query){.uid = user_found->pw_uid, .gid = user_found->pw_gid};
        else
                return ENOENT;
        return 0;
}

static int find(Query *query)
{
        for (size_t size = BUFFER_MIN; size <= BUFFER_MAX; size *= 4) {
                CLEANUP_ALLOC char *buffer = alloc_bytes(size);
                int error = buffer ? ask(query, buffer, size) : ENOMEM;

                /* getpwnam(3) lists what systems say when there is no such entry. */
                if (error == ESRCH || error == EBADF || error == EPERM)
                        return -ENOENT;
                if (error != ERANGE)
                        return -error;
        }
        return -ERANGE;
}

int users_find(const char *name, uid_t *ret_uid, gid_t *ret_gid)
{
        Query query = {.user = name};
        int r = find(&query);

        if (r < 0)
                return r;
        *ret_uid = query.uid;
        *ret_gid = query.gid;
        return 0;
}

int users_find_uid(uid_t uid, gid_t *ret_gid)
{
        Query query = {.uid = uid};
        int r = find(&query);

        if (r < 0)
                return r;
        *ret_gid = query.gid;
        return 0;
}

int users_find_group(const char *name, gid_t *ret_gid)
{
        Query query = {.group = name};
        int r = find(&query);

        if (r < 0)
                return r;
        *ret_gid = query.gid;
        return 0;
}
