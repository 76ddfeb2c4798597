/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BROKER_ACCESS_PATH_H
#define RINGBUS_BROKER_ACCESS_PATH_H

/* The way to a socket file, directory by directory, with the eyes of this account. */

#include <stdbool.h>
#include <stdio.h>

/* Whether this account may go through every directory and write to the socket; says so. */
bool access_path_check(const char *path, FILE *out);

#endif
