/* SPDX-License-Identifier: Apache-2.0 */
/* Of fake_lsm.h, SO_PEERSEC. */
#include "tests/support/fake_lsm.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

int __real_getsockopt(int fd, int level, int option, void *value, socklen_t *size);
int __wrap_getsockopt(int fd, int level, int option, void *value, socklen_t *size);

/* The label that the client at the other end gave itself; false: it did not. */
static bool find_label(int fd, char *ret_label, size_t size)
{
        static const char prefix[] = "label=";
        struct sockaddr_un address;
        socklen_t n = sizeof(address);
        const char *name = address.sun_path + 1;
        const char *end;

        if (getpeername(fd, (struct sockaddr *)&address, &n) < 0 || address.sun_family != AF_UNIX ||
            n <= offsetof(struct sockaddr_un, sun_path) + sizeof(prefix) || name[-1] != '\0' ||
            memcmp(name, prefix, strlen(prefix)) != 0)
                return false;
        name += strlen(prefix);
        end = memrchr(name, ';', (size_t)((char *)&address + n - name));
        if (end)
                snprintf(ret_label, size, "%.*s", (int)(end - name), name);
        return end != NULL;
}

int __wrap_getsockopt(int fd, int level, int option, void *value, socklen_t *size)
{
        char label[128];
        socklen_t needed;
        bool fits;

        if (level != SOL_SOCKET || option != SO_PEERSEC)
                return __real_getsockopt(fd, level, option, value, size);
        if (!find_label(fd, label, sizeof(label)) &&
            !fake_lsm_file_find("peers ", label, sizeof(label))) {
                errno = ENOPROTOOPT;
                return -1;
        }
        needed = (socklen_t)strlen(label) + (fake_lsm_file_says("selinux on") ? 1 : 0);
        fits = *size >= needed;
        *size = needed;
        if (fits)
                memcpy(value, label, needed);
        else
                errno = ERANGE;
        return fits ? 0 : -1;
}
