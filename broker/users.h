/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BROKER_USERS_H
#define RINGBUS_BROKER_USERS_H

/*
 * Names of users and groups, looked up in the system's databases. That may block for long (NSS asks
 * a directory service), so never on the threads that serve clients. Any other thread.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * Whether `text` is a number that can be an id: digits only, below UINT32_MAX, which means "none"
 * to the kernel.
 */
bool users_parse_id(const char *text, uint32_t *ret_id);

/* 0; -ENOENT: there is none; another -errno: the database cannot be asked now. */
int users_find(const char *name, uid_t *ret_uid, gid_t *ret_gid);
int users_find_uid(uid_t uid, gid_t *ret_gid); /* its primary group */
int users_find_group(const char *name, gid_t *ret_gid);

#endif
