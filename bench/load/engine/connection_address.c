/* SPDX-License-Identifier: Apache-2.0 */
/* From a bus address to a socket that is connecting. */

#include <errno.h>
#include <limits.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "bench/load/engine/connection_private.h"
#include "broker/base/alloc.h"
#include "broker/base/cleanup.h"
#include "proto/address.h"

typedef struct Endpoint {
        struct sockaddr_storage name;
        socklen_t size;
} Endpoint;

static int refuse(Connection *connection, int error, const char *what, Text text)
{
        snprintf(connection->failure, sizeof(connection->failure), "%s \"%.*s\"", what,
                 TEXT_FORMAT(text));
        return error;
}

static int make_unix(Connection *connection, Text path, bool is_abstract, Endpoint *ret_endpoint)
{
        struct sockaddr_un name = {.sun_family = AF_UNIX};

        if (path.size + 1 > sizeof(name.sun_path))
                return refuse(connection, -ENAMETOOLONG, "too long for a socket:", path);
        memcpy(name.sun_path + is_abstract, path.data, path.size);
        memcpy(&ret_endpoint->name, &name, sizeof(name));
        ret_endpoint->size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + path.size + 1);
        return 0;
}

static int resolve_unix(Connection *connection, const Address *address, Endpoint *ret_endpoint)
{
        Text path = address_find(address, "path"), abstract = address_find(address, "abstract");
        char runtime[sizeof(((struct sockaddr_un *)0)->sun_path)];
        const char *folder = getenv("XDG_RUNTIME_DIR");

        if (text_present(path))
                return make_unix(connection, path, false, ret_endpoint);
        if (text_present(abstract))
                return make_unix(connection, abstract, true, ret_endpoint);
        if (!text_equal(address_find(address, "runtime"), TEXT("yes")))
                return refuse(connection, -EINVAL, "a client cannot use this kind of address:",
                              text_from(connection->options.address));
        if (!folder)
                return refuse(connection, -ENOENT, "XDG_RUNTIME_DIR is not set, for",
                              text_from(connection->options.address));
        snprintf(runtime, sizeof(runtime), "%s/bus", folder);
        return make_unix(connection, text_from(runtime), false, ret_endpoint);
}

static int resolve_tcp(Connection *connection, const Address *address, Endpoint *ret_endpoint)
{
        Text host = address_find(address, "host"), port = address_find(address, "port");
        Text family = address_find(address, "family");
        struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};
        char host_name[256], service[32];
        struct addrinfo *found;
        int r;

        if (text_equal(family, TEXT("ipv4")))
                hints.ai_family = AF_INET;
        else if (text_equal(family, TEXT("ipv6")))
                hints.ai_family = AF_INET6;
        if (!text_present(host))
                host = TEXT("localhost");
        snprintf(host_name, sizeof(host_name), "%.*s", TEXT_FORMAT(host));
        snprintf(service, sizeof(service), "%.*s", TEXT_FORMAT(port));
        r = getaddrinfo(host_name, service, &hints, &found);
        if (r != 0)
                return refuse(connection, -EHOSTUNREACH, gai_strerror(r), host);
        memcpy(&ret_endpoint->name, found->ai_addr, found->ai_addrlen);
        ret_endpoint->size = found->ai_addrlen;
        freeaddrinfo(found);
        return 0;
}

/* What the client says before anything else. */
static int read_nonce(Connection *connection, const Address *address)
{
        Text path = address_find(address, "noncefile");
        char name[PATH_MAX];
        CLEANUP_FILE FILE *file = NULL;

        snprintf(name, sizeof(name), "%.*s", TEXT_FORMAT(path));
        file = fopen(name, "re");
        if (!file)
                return refuse(connection, -errno, "cannot read the nonce", path);
        if (fread(connection->nonce, 1, sizeof(connection->nonce), file) !=
            sizeof(connection->nonce))
                return refuse(connection, -EPROTO, "not a nonce:", path);
        connection->nonce_size = sizeof(connection->nonce);
        return 0;
}

static int resolve(Connection *connection, const Address *address, Endpoint *ret_endpoint)
{
        const bool has_nonce = text_equal(address->transport, TEXT("nonce-tcp"));
        int r;

        connection->is_tcp = has_nonce || text_equal(address->transport, TEXT("tcp"));
        connection->nonce_size = 0;
        if (connection->is_tcp) {
                r = resolve_tcp(connection, address, ret_endpoint);
                return r == 0 && has_nonce ? read_nonce(connection, address) : r;
        }
        if (text_equal(address->transport, TEXT("unix")))
                return resolve_unix(connection, address, ret_endpoint);
        return refuse(connection, -EPROTONOSUPPORT,
                      "not a transport that is supported:", address->transport);
}

static int open_socket(Connection *connection, const Endpoint *endpoint)
{
        CLEANUP_FD int fd =
                socket(endpoint->name.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        int r;

        if (fd < 0) {
                r = -errno;
                snprintf(connection->failure, sizeof(connection->failure), "socket: %s",
                         strerror(-r));
                return r;
        }
        if (connect(fd, (const struct sockaddr *)&endpoint->name, endpoint->size) < 0 &&
            errno != EINPROGRESS) {
                if (errno == EAGAIN)
                        return CONNECTION_RETRY;
                r = -errno;
                snprintf(connection->failure, sizeof(connection->failure), "connect to %.100s: %s",
                         connection->options.address, strerror(-r));
                return r;
        }
        if (connection->is_tcp)
                setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
        connection->fd = fd;
        fd = -1;
        return 0;
}

int connection_connect(Connection *connection)
{
        Text rest = text_from(connection->options.address);
        CLEANUP_ALLOC char *scratch = alloc_bytes(rest.size);
        int r = scratch ? -EINVAL : -ENOMEM;

        snprintf(connection->failure, sizeof(connection->failure), "no address");
        while (scratch && rest.size > 0) {
                Endpoint endpoint = {0};
                Address address;
                const char *reason;

                if (!address_parse(&rest, scratch, &address, &reason)) {
                        snprintf(connection->failure, sizeof(connection->failure),
                                 "not a bus address: \"%.80s\": %s", connection->options.address,
                                 reason);
                        return -EINVAL;
                }
                r = resolve(connection, &address, &endpoint);
                if (r == 0)
                        r = open_socket(connection, &endpoint);
                if (r >= 0)
                        break;
        }
        return r;
}
