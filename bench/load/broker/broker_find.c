/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/load/broker/broker.h"

enum {
        FOLDERS_ABOVE = 4, /* from build/PRESET/bench/load/… up to build/PRESET */
};

/* What can be started by name, and what to install for it. */
static const struct {
        const char *name, *package;
} known[] = {
        {"ringbus", "ringbus"},
        {"dbus-daemon", "dbus-daemon"},
        {"dbus-broker", "dbus-broker"},
};

/* True if FOLDER/NAME can be run; then it is in `path`. */
static bool try_folder(const char *folder, size_t size, const char *name, char *path)
{
        int n = snprintf(path, BROKER_PATH_MAX, "%.*s/%s", (int)size, folder, name);

        return n > 0 && n < BROKER_PATH_MAX && access(path, X_OK) == 0;
}

/* Beside this program: installed together, or built together. */
static bool find_near(const char *name, char *path)
{
        char self[BROKER_PATH_MAX];
        ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

        if (n <= 0)
                return false;
        self[n] = '\0';
        for (int i = 0; i < FOLDERS_ABOVE; i++) {
                char *slash = strrchr(self, '/');

                if (!slash)
                        return false;
                *slash = '\0';
                if (try_folder(self, strlen(self), name, path))
                        return true;
        }
        return false;
}

static bool find_in_path(const char *name, char *path)
{
        const char *folders = getenv("PATH");

        while (folders && *folders) {
                size_t size = strcspn(folders, ":");

                if (size > 0 && try_folder(folders, size, name, path))
                        return true;
                folders += size + (folders[size] == ':');
        }
        return false;
}

static int find_known(const char *name, const char *package, char *path)
{
        if ((!strcmp(name, "ringbus") && find_near(name, path)) || find_in_path(name, path))
                return 0;
        fprintf(stderr, "%s is not installed: install the package %s, or say %s=PATH where it is\n",
                name, package, name);
        return -1;
}

static int find_path(const char *path, char *ret_daemon)
{
        if (strlen(path) >= BROKER_PATH_MAX) {
                fprintf(stderr, "%s: longer than %d bytes\n", path, BROKER_PATH_MAX - 1);
                return -1;
        }
        if (access(path, X_OK) < 0) {
                fprintf(stderr, "%s: %m\n", path);
                return -1;
        }
        snprintf(ret_daemon, BROKER_PATH_MAX, "%s", path);
        return 0;
}

int broker_find(const char *name, char ret_daemon[static BROKER_PATH_MAX])
{
        const char *equals = strchr(name, '=');
        size_t size = equals ? (size_t)(equals - name) : strlen(name);
        char path[BROKER_PATH_MAX];

        if (!strcmp(name, "floor")) {
                snprintf(ret_daemon, BROKER_PATH_MAX, "floor");
                return 0;
        }
        for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
                if (strlen(known[i].name) != size || strncmp(known[i].name, name, size) != 0)
                        continue;
                if (equals)
                        return find_path(equals + 1, ret_daemon);
                if (find_known(name, known[i].package, path) < 0)
                        return -1;
                snprintf(ret_daemon, BROKER_PATH_MAX, "%s", path);
                return 0;
        }
        if (!equals && strchr(name, '/'))
                return find_path(name, ret_daemon);
        fprintf(stderr,
                "there is no broker '%s': dbus-daemon, dbus-broker, ringbus, floor, "
                "NAME=PATH or the path of one\n",
                name);
        return -1;
}
