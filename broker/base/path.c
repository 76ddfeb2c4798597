/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/base/path.h"

#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "broker/base/alloc.h"

char *path_absolute(const char *path)
{
        char folder[PATH_MAX];

        if (path[0] == '/' || !getcwd(folder, sizeof(folder)))
                return alloc_string(path, strlen(path));
        return alloc_format("%s/%s", folder, path);
}
