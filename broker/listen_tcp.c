/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See listen_tcp.h.
 *
 * One address may become several sockets: "*" is 0.0.0.0 and ::, a host may have addresses of both
 * families. They have one port and one guid, and are printed as one address, that of the first.
 * Each IPv6 socket is for IPv6 only, so that the two never take each other's place (the reference
 * binds :: for both and finds the port in use: there "*" is IPv4 only).
 *
 * What connections inherit from the listening socket: no delay (a reply must not wait for the next
 * one), and keepalive, so that the names of a client whose machine vanished come free after minutes
 * and not never.
 */

#include "broker/listen_tcp.h"

#include <errno.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "broker/base/cleanup.h"
#include "broker/base/log.h"
#include "broker/listen_nonce.h"
#include "broker/listen_socket.h"

enum {
        PORT_TRIES = 16, /* for a port that is free in all families */
        KEEPALIVE_IDLE_S = 120,
        KEEPALIVE_INTERVAL_S = 30,
        KEEPALIVE_PROBES = 4,
};

typedef struct Wish {
        Text host;       /* printed */
        char *bind_host; /* NULL: every address of this machine */
        char *service;
        int family;
        bool any_port;
        bool with_nonce;
} Wish;

static void deinit_wish(Wish *wish)
{
        wish->bind_host = alloc_free(wish->bind_host);
        wish->service = alloc_free(wish->service);
}

/* The value of a key, or what stands for it, as a string of the caller's. */
static int copy_value(Text value, char **ret_string, ListenError *ret_error)
{
        if (memchr(value.data, '\0', value.size))
                return listen_socket_fail(ret_error, -EINVAL, "a host or port holds a NUL byte");
        *ret_string = alloc_string(value.data, value.size);
        if (!*ret_string)
                return listen_socket_fail(ret_error, -ENOMEM, "out of memory");
        return 0;
}

static int read_family(const Address *address, int *ret_family, ListenError *ret_error)
{
        Text family = address_find(address, "family");

        if (!text_present(family))
                *ret_family = AF_UNSPEC;
        else if (text_equal(family, TEXT("ipv4")))
                *ret_family = AF_INET;
        else if (text_equal(family, TEXT("ipv6")))
                *ret_family = AF_INET6;
        else
                return listen_socket_fail(ret_error, -EINVAL,
                                          "unknown address family \"%.*s\"; family= is ipv4 or "
                                          "ipv6",
                                          TEXT_FORMAT(family));
        return 0;
}

/* A number, or the name of a service. The reference cuts a number that is too large to 16 bits. */
static int read_port(const Address *address, Wish *wish, ListenError *ret_error)
{
        Text port = address_find(address, "port");
        char *end;
        unsigned long number;
        int r;

        r = copy_value(text_present(port) ? port : TEXT("0"), &wish->service, ret_error);
        if (r < 0)
                return r;
        number = strtoul(wish->service, &end, 10);
        if (*end == '\0' && wish->service[0] != '-' && number > 65535)
                return listen_socket_fail(ret_error, -EINVAL,
                                          "port %s is too large; ports are 0 to 65535, and 0 is "
                                          "any that is free",
                                          wish->service);
        wish->any_port = *end == '\0' && number == 0;
        return 0;
}

static int read_wish(const Address *address, Wish *wish, ListenError *ret_error)
{
        Text bind_host = address_find(address, "bind");
        int r = read_family(address, &wish->family, ret_error);

        wish->host = address_find(address, "host");
        if (!text_present(wish->host))
                wish->host = TEXT("localhost");
        if (!text_present(bind_host))
                bind_host = wish->host;
        if (r == 0)
                r = read_port(address, wish, ret_error);
        if (r == 0 && !text_equal(bind_host, TEXT("*")))
                r = copy_value(bind_host, &wish->bind_host, ret_error);
        return r;
}

static int resolve(const Wish *wish, struct addrinfo **ret_found, ListenError *ret_error)
{
        struct addrinfo hints = {
                .ai_family = wish->family,
                .ai_socktype = SOCK_STREAM,
                .ai_protocol = IPPROTO_TCP,
                .ai_flags = AI_PASSIVE,
        };
        int r = getaddrinfo(wish->bind_host, wish->service, &hints, ret_found);

        if (r == 0)
                return 0;
        return listen_socket_fail(ret_error, r == EAI_MEMORY ? -ENOMEM : -EHOSTUNREACH,
                                  "cannot find the host \"%s\", port %s: %s",
                                  wish->bind_host ? wish->bind_host : "*", wish->service,
                                  gai_strerror(r));
}

static void set_option(int fd, int level, int option, int value)
{
        if (setsockopt(fd, level, option, &value, sizeof(value)) < 0)
                log_warning("a TCP listener: setsockopt %d of level %d: %s", option, level,
                            strerror(errno));
}

/* What accepted connections inherit. */
static void set_inherited_options(int fd)
{
        set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
        set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
        set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_IDLE_S);
        set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_INTERVAL_S);
        set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, KEEPALIVE_PROBES);
}

static in_port_t *find_port(struct sockaddr_storage *name)
{
        return name->ss_family == AF_INET6 ? &((struct sockaddr_in6 *)name)->sin6_port
                                           : &((struct sockaddr_in *)name)->sin_port;
}

/* Binds and listens. 0 and *ret_fd, or -errno. */
static int open_socket(const struct sockaddr_storage *name, socklen_t size, int *ret_fd)
{
        CLEANUP_FD int fd =
                socket(name->ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);

        if (fd < 0)
                return -errno;
        set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
        if (name->ss_family == AF_INET6)
                set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
        set_inherited_options(fd);
        if (bind(fd, (const struct sockaddr *)name, size) < 0 ||
            listen(fd, LISTEN_SOCKET_BACKLOG) < 0)
                return -errno;
        *ret_fd = fd;
        fd = -1;
        return 0;
}

/* The numeric address and port that a socket is bound to. 0 or -errno. */
static int read_name(int fd, struct sockaddr_storage *ret_name, char *host, size_t host_size)
{
        socklen_t size = sizeof(*ret_name);

        memset(ret_name, 0, sizeof(*ret_name));
        if (getsockname(fd, (struct sockaddr *)ret_name, &size) < 0)
                return -errno;
        if (ret_name->ss_family != AF_INET && ret_name->ss_family != AF_INET6)
                return -EAFNOSUPPORT;
        if (getnameinfo((const struct sockaddr *)ret_name, size, host, (socklen_t)host_size, NULL,
                        0, NI_NUMERICHOST) != 0)
                return -EADDRNOTAVAIL;
        return 0;
}

static bool is_loopback(const struct sockaddr_storage *name)
{
        const struct in6_addr *six = &((const struct sockaddr_in6 *)name)->sin6_addr;
        const struct in_addr *four = &((const struct sockaddr_in *)name)->sin_addr;

        if (name->ss_family == AF_INET)
                return ntohl(four->s_addr) >> 24 == IN_LOOPBACKNET;
        return IN6_IS_ADDR_LOOPBACK(six) || (IN6_IS_ADDR_V4MAPPED(six) && six->s6_addr[12] == 127);
}

/* "tcp:host=H,port=P,family=F", H escaped, or NULL. */
static char *format_address(const char *transport, Text host, struct sockaddr_storage *name)
{
        CLEANUP_ALLOC char *escaped = alloc_bytes(3 * host.size + 1);

        if (!escaped)
                return NULL;
        escaped[address_escape(host, escaped)] = '\0';
        return alloc_format("%s:host=%s,port=%u,family=%s", transport, escaped,
                            ntohs(*find_port(name)), name->ss_family == AF_INET6 ? "ipv6" : "ipv4");
}

/* Says whom the listener lets knock. */
static void warn_of_exposure(struct sockaddr_storage *name, const char *host)
{
        if (!is_loopback(name))
                log_warning("the bus listens on %s port %u: that is not this machine alone. "
                            "Whoever reaches it may try to log in, and whoever is on the way reads "
                            "and changes what is said, for TCP is neither encrypted nor signed. "
                            "Use bind=127.0.0.1, or forward a unix: socket through ssh",
                            host, ntohs(*find_port(name)));
}

static int add_nonce_file(Listener *listener)
{
        CLEANUP_ALLOC char *escaped = NULL;
        char *address = NULL;
        int r = listen_nonce_make(listener);

        if (r < 0)
                return r;
        escaped = alloc_bytes(3 * strlen(listener->nonce_file) + 1);
        if (escaped) {
                escaped[address_escape(text_from(listener->nonce_file), escaped)] = '\0';
                address = alloc_format("%s,noncefile=%s", listener->address, escaped);
        }
        if (!address)
                return -ENOMEM;
        alloc_free(listener->address);
        listener->address = address;
        return 0;
}

/* `first`: the listener of the same address that came first; NULL: this is it. */
static int describe(const Wish *wish, const Listener *first, Listener *listener)
{
        struct sockaddr_storage name;
        char host[INET6_ADDRSTRLEN + IF_NAMESIZE];
        int r = read_name(listener->fd, &name, host, sizeof(host));

        if (r < 0)
                return r;
        warn_of_exposure(&name, host);
        listener->is_tcp = true;
        if (first) {
                listener->has_company = true;
                listener->has_nonce = first->has_nonce;
                memcpy(listener->nonce, first->nonce, sizeof(listener->nonce));
                return 0;
        }
        listener->address =
                format_address(wish->with_nonce ? "nonce-tcp" : "tcp", wish->host, &name);
        if (!listener->address)
                return -ENOMEM;
        return wish->with_nonce ? add_nonce_file(listener) : 0;
}

static void drop_from(Listeners *listeners, size_t n)
{
        while (listeners->n > n)
                listen_socket_deinit(&listeners->items[--listeners->n]);
}

/* The port that the first socket got. */
static in_port_t read_port_of(const Listener *listener)
{
        struct sockaddr_storage name;
        char host[INET6_ADDRSTRLEN + IF_NAMESIZE];

        return read_name(listener->fd, &name, host, sizeof(host)) == 0 ? *find_port(&name) : 0;
}

/* Whether an earlier entry of the list is the same: /etc/hosts may say so twice. */
static bool is_repeated(const struct addrinfo *list, const struct addrinfo *entry)
{
        for (; list != entry; list = list->ai_next)
                if (list->ai_addrlen == entry->ai_addrlen &&
                    memcmp(list->ai_addr, entry->ai_addr, entry->ai_addrlen) == 0)
                        return true;
        return false;
}

/* What one family may lack while the other works. */
static bool is_forgivable(int r, bool any_port)
{
        return r == -EAFNOSUPPORT || r == -EADDRNOTAVAIL || (r == -EADDRINUSE && !any_port);
}

/* Listens on one address more; `n_before`: where those of this address begin. */
static int open_entry(const Wish *wish, const struct addrinfo *entry, Listeners *listeners,
                      size_t n_before, ListenError *ret_error)
{
        const bool is_first = listeners->n == n_before;
        struct sockaddr_storage name = {0};
        Listener listener = {.fd = -1};
        int r;

        memcpy(&name, entry->ai_addr, entry->ai_addrlen);
        if (!is_first)
                *find_port(&name) = read_port_of(&listeners->items[n_before]);
        r = open_socket(&name, entry->ai_addrlen, &listener.fd);
        if (r == 0)
                r = describe(wish, is_first ? NULL : &listeners->items[n_before], &listener);
        if (r < 0) {
                listen_socket_deinit(&listener);
                return listen_socket_fail(ret_error, r, "cannot bind \"%s\" port %s (%s): %s",
                                          wish->bind_host ? wish->bind_host : "*", wish->service,
                                          entry->ai_family == AF_INET6 ? "ipv6" : "ipv4",
                                          strerror(-r));
        }
        return listen_socket_append(listeners, &listener, ret_error);
}

/* All of the list; -EADDRINUSE: the port that was chosen is taken in another family. */
static int open_list(const Wish *wish, const struct addrinfo *list, Listeners *listeners,
                     ListenError *ret_error)
{
        const size_t n_before = listeners->n;
        ListenError first = {{0}};
        int failure = 0;

        for (const struct addrinfo *entry = list; entry; entry = entry->ai_next) {
                ListenError error = {{0}};
                int r;

                if (is_repeated(list, entry))
                        continue;
                r = open_entry(wish, entry, listeners, n_before, &error);
                if (r < 0 && !is_forgivable(r, wish->any_port)) {
                        drop_from(listeners, n_before);
                        *ret_error = error;
                        return r;
                }
                if (r < 0 && failure == 0) {
                        failure = r;
                        first = error;
                }
        }
        if (listeners->n > n_before) {
                if (failure < 0)
                        log_warning("%s; other addresses of that host are listened on", first.text);
                return 0;
        }
        *ret_error = first;
        return failure;
}

int listen_tcp_open(const Address *address, bool with_nonce, Listeners *listeners,
                    ListenError *ret_error)
{
        Wish wish = {.with_nonce = with_nonce};
        struct addrinfo *found = NULL;
        int r = read_wish(address, &wish, ret_error);

        if (r == 0)
                r = resolve(&wish, &found, ret_error);
        if (r == 0) {
                r = -EADDRINUSE;
                for (unsigned i = 0; r == -EADDRINUSE && i < (wish.any_port ? PORT_TRIES : 1); i++)
                        r = open_list(&wish, found, listeners, ret_error);
                freeaddrinfo(found);
        }
        deinit_wish(&wish);
        return r;
}

int listen_tcp_adopt(Listener *listener)
{
        struct sockaddr_storage name;
        char host[INET6_ADDRSTRLEN + IF_NAMESIZE];
        int r = read_name(listener->fd, &name, host, sizeof(host));

        if (r < 0)
                return r;
        warn_of_exposure(&name, host);
        set_inherited_options(listener->fd);
        listener->is_tcp = true;
        listener->address = format_address("tcp", text_from(host), &name);
        return listener->address ? 0 : -ENOMEM;
}
