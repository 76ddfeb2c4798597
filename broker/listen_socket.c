/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the transports share, and the unix transport.
 *
 * Access control is not the file mode: it is 0777 whatever the umask, and the gate decides. The
 * file is remembered by device and inode, so that the end of this bus does not unlink the socket of
 * another one that has taken its place since.
 */

#include "broker/listen_socket.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "broker/base/assert.h"
#include "broker/base/cleanup.h"
#include "broker/base/hash.h"
#include "broker/base/log.h"
#include "broker/base/path.h"
#include "broker/listen_nonce.h"

enum {
        NAME_TRIES = 16,  /* random names; the first is free unless somebody plays tricks */
        NAME_RANDOM = 10, /* characters of it */
        PATH_MAX_BYTES = sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1,
};

int listen_socket_fail(ListenError *error, int r, const char *format, ...)
{
        va_list args;

        va_start(args, format);
        if (vsnprintf(error->text, sizeof(error->text), format, args) < 0)
                error->text[0] = '\0';
        va_end(args);
        for (char *c = error->text; *c; c++) {
                if (*c == '\n' || *c == '\r')
                        *c = ' ';
        }
        return r;
}

void listen_socket_deinit(Listener *listener)
{
        struct stat status;

        if (listener->path && lstat(listener->path, &status) == 0 &&
            (uint64_t)status.st_dev == listener->identity[0] &&
            (uint64_t)status.st_ino == listener->identity[1])
                unlink(listener->path);
        listener->path = alloc_free(listener->path);
        listen_nonce_remove(listener);
        listener->address = alloc_free(listener->address);
        listener->fd = cleanup_close(listener->fd);
}

char *listen_socket_format_unix(const char *key, Text name)
{
        CLEANUP_ALLOC char *escaped = alloc_bytes(3 * name.size);
        size_t size;

        if (!escaped)
                return NULL;
        size = address_escape(name, escaped);
        return alloc_format("unix:%s=%.*s", key, (int)size, escaped);
}

int listen_socket_append(Listeners *listeners, Listener *listener, ListenError *ret_error)
{
        Listener *grown = NULL;

        if (listener->address || listener->has_company)
                grown = alloc_resize(listeners->items, (listeners->n + 1) * sizeof(*grown));
        if (!grown) {
                listen_socket_deinit(listener);
                return listen_socket_fail(ret_error, -ENOMEM, "out of memory");
        }
        listeners->items = grown;
        grown[listeners->n++] = *listener;
        return 0;
}

/* Binds and listens. 0 and *ret_fd, or -errno. */
static int open_socket(const struct sockaddr_un *name, socklen_t size, int *ret_fd)
{
        CLEANUP_FD int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

        if (fd < 0 || bind(fd, (const struct sockaddr *)name, size) < 0)
                return -errno;
        if (listen(fd, LISTEN_SOCKET_BACKLOG) < 0) {
                int error = errno;

                if (name->sun_path[0] != '\0')
                        unlink(name->sun_path);
                return -error;
        }
        *ret_fd = fd;
        fd = -1;
        return 0;
}

/* Whether `name` fits; it is not empty. */
static int check_name(Text name, size_t max, ListenError *ret_error)
{
        if (name.size > max)
                return listen_socket_fail(ret_error, -EINVAL,
                                          "socket name \"%.*s\" is too long; the most is %zu bytes",
                                          TEXT_FORMAT(name), max);
        if (memchr(name.data, '\0', name.size))
                return listen_socket_fail(ret_error, -EINVAL, "a socket name holds a NUL byte");
        return 0;
}

static int open_abstract(Text name, Listeners *listeners, ListenError *ret_error)
{
        struct sockaddr_un socket_name = {.sun_family = AF_UNIX};
        Listener listener = {.fd = -1};
        int r = check_name(name, PATH_MAX_BYTES, ret_error);

        if (r < 0)
                return r;
        memcpy(socket_name.sun_path + 1, name.data, name.size);
        r = open_socket(&socket_name,
                        (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + name.size),
                        &listener.fd);
        if (r < 0)
                return listen_socket_fail(ret_error, r,
                                          "cannot listen on the abstract socket \"%.*s\": %s",
                                          TEXT_FORMAT(name), strerror(-r));
        listener.address = listen_socket_format_unix("abstract", name);
        return listen_socket_append(listeners, &listener, ret_error);
}

/* Remembers the socket file as ours. 0 or -errno. */
static int claim_file(const char *path, Listener *listener)
{
        struct stat status;

        if (lstat(path, &status) < 0)
                return -errno;
        listener->path = path_absolute(path); /* a bus in the background is elsewhere */
        if (!listener->path)
                return -ENOMEM;
        listener->identity[0] = (uint64_t)status.st_dev;
        listener->identity[1] = (uint64_t)status.st_ino;
        return 0;
}

/* Makes the socket file `path`, which must not exist. 0 and fd, path, identity; or -errno. */
static int open_file(const char *path, Listener *ret_listener)
{
        struct sockaddr_un name = {.sun_family = AF_UNIX};
        int r;

        ASSERT(strlen(path) <= PATH_MAX_BYTES);
        memcpy(name.sun_path, path, strlen(path) + 1);
        r = open_socket(&name, sizeof(name), &ret_listener->fd);
        if (r < 0)
                return r;
        r = claim_file(path, ret_listener);
        if (r < 0) {
                unlink(path);
                return r;
        }
        if (chmod(path, 0777) < 0)
                log_warning("%s: cannot set mode 0777: %s", path, strerror(errno));
        return 0;
}

static int open_path(Text path, Listeners *listeners, ListenError *ret_error)
{
        char name[PATH_MAX_BYTES + 1];
        Listener listener = {.fd = -1};
        struct stat status;
        int r = check_name(path, PATH_MAX_BYTES, ret_error);

        if (r < 0)
                return r;
        memcpy(name, path.data, path.size);
        name[path.size] = '\0';
        if (stat(name, &status) == 0 && S_ISSOCK(status.st_mode))
                unlink(name);
        r = open_file(name, &listener);
        if (r < 0) {
                listen_socket_deinit(&listener);
                return listen_socket_fail(ret_error, r, "cannot listen on the socket \"%s\": %s",
                                          name, strerror(-r));
        }
        listener.address = listen_socket_format_unix("path", path);
        return listen_socket_append(listeners, &listener, ret_error);
}

/* NAME_RANDOM letters and digits; 0 or -errno. */
static int write_random_name(char *out)
{
        static const char alphabet[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                       "0123456789";
        unsigned char bytes[NAME_RANDOM];
        int r = hash_random(bytes, sizeof(bytes));

        for (size_t i = 0; r == 0 && i < sizeof(bytes); i++)
                out[i] = alphabet[bytes[i] % (sizeof(alphabet) - 1)];
        return r;
}

static int open_folder(Text folder, Listeners *listeners, ListenError *ret_error)
{
        static const char suffix[] = "/dbus-XXXXXXXXXX";
        char name[PATH_MAX_BYTES + 1];
        size_t size = folder.size + sizeof(suffix) - 1;
        Listener listener = {.fd = -1};
        int r = check_name(folder, PATH_MAX_BYTES - (sizeof(suffix) - 1), ret_error);

        if (r < 0)
                return r;
        memcpy(name, folder.data, folder.size);
        memcpy(name + folder.size, suffix, sizeof(suffix));
        r = -EADDRINUSE;
        for (unsigned i = 0; r == -EADDRINUSE && i < NAME_TRIES; i++) {
                r = write_random_name(name + size - NAME_RANDOM);
                if (r == 0)
                        r = open_file(name, &listener);
        }
        if (r < 0) {
                listen_socket_deinit(&listener);
                return listen_socket_fail(ret_error, r, "cannot listen on a socket in \"%.*s\": %s",
                                          TEXT_FORMAT(folder), strerror(-r));
        }
        listener.address = listen_socket_format_unix("path", (Text){name, size});
        return listen_socket_append(listeners, &listener, ret_error);
}

/* $XDG_RUNTIME_DIR/bus; nothing else is made there. */
static int open_runtime(Text value, Listeners *listeners, ListenError *ret_error)
{
        const char *folder = getenv("XDG_RUNTIME_DIR");
        CLEANUP_ALLOC char *path = NULL;

        if (!text_equal(value, TEXT("yes")))
                return listen_socket_fail(ret_error, -EINVAL,
                                          "the only value of runtime= is \"yes\"");
        if (!folder || folder[0] == '\0')
                return listen_socket_fail(ret_error, -EOPNOTSUPP,
                                          "\"XDG_RUNTIME_DIR\" is not set; set it, or use path= or "
                                          "tmpdir=");
        path = alloc_format("%s/bus", folder);
        if (!path)
                return listen_socket_fail(ret_error, -ENOMEM, "out of memory");
        return open_path(text_from(path), listeners, ret_error);
}

int listen_socket_open_unix(const Address *address, Listeners *listeners, ListenError *ret_error)
{
        static const struct {
                const char *key;
                int (*open)(Text value, Listeners *listeners, ListenError *ret_error);
        } places[] = {
                {"path", open_path},     {"abstract", open_abstract}, {"dir", open_folder},
                {"tmpdir", open_folder}, {"runtime", open_runtime},
        };
        Text value = TEXT_NONE;
        size_t found = 0;

        for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
                Text other = address_find(address, places[i].key);

                if (!text_present(other))
                        continue;
                if (text_present(value))
                        return listen_socket_fail(ret_error, -EINVAL,
                                                  "%s= and %s= exclude each other",
                                                  places[found].key, places[i].key);
                value = other;
                found = i;
        }
        if (!text_present(value))
                return listen_socket_fail(ret_error, -EINVAL,
                                          "one of path=, abstract=, dir=, tmpdir= and runtime= is "
                                          "needed");
        return places[found].open(value, listeners, ret_error);
}
