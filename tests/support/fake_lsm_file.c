/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/fake_lsm.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* What a daemon that changed its user is to use as well. */
enum { FOLDER_MODE = 0777, FILE_MODE = 0666 };

static void require(bool is_true, const char *what)
{
        if (is_true)
                return;
        fprintf(stderr, "fake_lsm: %s: %s\n", what, strerror(errno));
        abort();
}

/* NULL: there is none. */
static const char *get_file(void)
{
        return getenv(FAKE_LSM_VARIABLE);
}

void fake_lsm_file_path(const char *name, char *ret_path, size_t size)
{
        const char *file = get_file();
        int n;

        require(file != NULL, FAKE_LSM_VARIABLE " is not set");
        n = snprintf(ret_path, size, "%s.d", file);
        require(mkdir(ret_path, FOLDER_MODE) == 0 || errno == EEXIST, ret_path);
        n += snprintf(ret_path + n, size - (size_t)n, "/%s", name);
        require(n > 0 && (size_t)n < size, "a short path");
}

/* The file's text; "" if there is none. */
static void read_file(char *ret_text)
{
        const char *file = get_file();
        int fd = file ? open(file, O_RDONLY | O_CLOEXEC) : -1;
        ssize_t n = 0;

        if (fd >= 0) {
                n = read(fd, ret_text, FAKE_LSM_TEXT_MAX - 1);
                require(n >= 0, file);
                close(fd);
        }
        ret_text[n] = '\0';
}

/* The line behind `line`, or NULL; `line` is terminated. */
static char *end_line(char *line)
{
        char *end = strchr(line, '\n');

        if (!end)
                return NULL;
        *end = '\0';
        return end + 1;
}

bool fake_lsm_file_says(const char *format, ...)
{
        char text[FAKE_LSM_TEXT_MAX];
        char wanted[FAKE_LSM_TEXT_MAX];
        char *next;
        va_list arguments;

        va_start(arguments, format);
        vsnprintf(wanted, sizeof(wanted), format, arguments);
        va_end(arguments);
        read_file(text);
        for (char *line = text; line; line = next) {
                next = end_line(line);
                if (strcmp(line, wanted) == 0)
                        return true;
        }
        return false;
}

bool fake_lsm_file_find(const char *prefix, char *ret_value, size_t size)
{
        char text[FAKE_LSM_TEXT_MAX];
        char *next;

        read_file(text);
        for (char *line = text; line; line = next) {
                next = end_line(line);
                if (strncmp(line, prefix, strlen(prefix)) != 0)
                        continue;
                snprintf(ret_value, size, "%s", line + strlen(prefix));
                return true;
        }
        return false;
}

void fake_lsm_file_record(const char *line)
{
        char path[PATH_MAX];
        int fd;

        fake_lsm_file_path("asked", path, sizeof(path));
        fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, FILE_MODE);
        require(fd >= 0 && flock(fd, LOCK_EX) == 0, path);
        require(dprintf(fd, "%s\n", line) > 0, path);
        close(fd);
}

void fake_lsm_file_take_asked(char *ret_text)
{
        char path[PATH_MAX];
        ssize_t n;
        int fd;

        fake_lsm_file_path("asked", path, sizeof(path));
        fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, FILE_MODE);
        require(fd >= 0 && flock(fd, LOCK_EX) == 0, path);
        n = read(fd, ret_text, FAKE_LSM_TEXT_MAX - 1);
        require(n >= 0 && ftruncate(fd, 0) == 0, path);
        ret_text[n] = '\0';
        close(fd);
}

/* Into a pipe that may have no reader. */
static void announce_in(const char *name)
{
        char path[PATH_MAX];
        int fd;

        fake_lsm_file_path(name, path, sizeof(path));
        fd = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
        if (fd < 0) {
                require(errno == ENXIO || errno == ENOENT, path);
                return;
        }
        require(write(fd, "2\n", 2) == 2, path);
        close(fd);
}

void fake_lsm_file_announce(void)
{
        announce_in("netlink");
        announce_in("revision");
}

void fake_lsm_file_write(const char *text)
{
        const char *file = get_file();
        char path[PATH_MAX];
        FILE *stream;

        require(file != NULL, FAKE_LSM_VARIABLE " is not set");
        fake_lsm_file_path("new", path, sizeof(path));
        stream = fopen(path, "we");
        require(stream && fputs(text, stream) >= 0 && fclose(stream) == 0, path);
        require(rename(path, file) == 0, file);
        fake_lsm_file_announce();
}

void fake_lsm_file_remove(void)
{
        static const char *const names[] = {
                "asked",         "netlink",  "revision", "features/dbus/mask",
                "features/dbus", "features", "",
        };
        const char *file = get_file();
        char path[PATH_MAX];

        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
                fake_lsm_file_path(names[i], path, sizeof(path));
                require(remove(path) == 0 || errno == ENOENT, path);
        }
        require(unlink(file) == 0 || errno == ENOENT, file);
}

socklen_t fake_lsm_file_address(const char *label, struct sockaddr_un *ret_address)
{
        static unsigned serial;
        int n;

        *ret_address = (struct sockaddr_un){.sun_family = AF_UNIX};
        n = snprintf(ret_address->sun_path + 1, sizeof(ret_address->sun_path) - 1, "label=%s;%d.%u",
                     label, (int)getpid(), ++serial);
        require(n > 0 && (size_t)n < sizeof(ret_address->sun_path) - 1, "a short label");
        return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n);
}
