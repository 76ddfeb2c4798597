/* SPDX-License-Identifier: Apache-2.0 */
/* What this process has open and running; see io_fixture.h. */
#include "tests/unit/io_fixture.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>

static unsigned count_entries(const char *path)
{
        DIR *directory = opendir(path);
        unsigned n = 0;

        assert_non_null(directory);
        while (readdir(directory))
                n++;
        closedir(directory);
        return n - 2;
}

unsigned fixture_count_fds(void)
{
        return count_entries("/proc/self/fd") - 1; /* without the directory's own */
}

unsigned fixture_count_threads(void)
{
        return count_entries("/proc/self/task");
}

bool fixture_has_kernel_worker(void)
{
        DIR *directory = opendir("/proc/self/task");
        struct dirent *entry;
        bool found = false;

        assert_non_null(directory);
        while ((entry = readdir(directory))) {
                char path[300], name[32] = "";
                FILE *file;

                snprintf(path, sizeof(path), "/proc/self/task/%s/comm", entry->d_name);
                file = fopen(path, "re");
                if (file && fgets(name, sizeof(name), file))
                        found |= strncmp(name, "iou-", 4) == 0;
                if (file)
                        fclose(file);
        }
        closedir(directory);
        return found;
}
