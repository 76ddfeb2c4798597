/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BASE_PATH_H
#define RINGBUS_BASE_PATH_H

/* Paths that stay right when the process changes its folder. Any thread. */

/*
 * `path` as seen from "/". The caller owns the string; NULL when out of memory. Where the folder of
 * the process has no name any more, the path stays as it is.
 */
char *path_absolute(const char *path) __attribute__((warn_unused_result));

#endif
