/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See access.h. Like a client it tries the alternatives of an address in order, until one can be
 * connected to; what happens then decides.
 */

#include "broker/access.h"

#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "broker/access_path.h"
#include "broker/access_report.h"
#include "broker/access_talk.h"
#include "broker/base/alloc.h"
#include "broker/base/cleanup.h"
#include "broker/listen.h"
#include "proto/address.h"

enum { PATIENCE_S = 10, TEXT_SIZE = 512 };

/* A copy that is a string; what does not fit is cut, and then found nowhere. */
typedef struct Word {
        char text[TEXT_SIZE];
} Word;

static Word copy_word(Text text)
{
        Word word = {{0}};

        if (text.size < sizeof(word.text))
                memcpy(word.text, text.data, text.size);
        return word;
}

/* A socket that gives up after PATIENCE_S. */
static int open_socket(int family)
{
        const struct timeval patience = {.tv_sec = PATIENCE_S};
        int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);

        if (fd < 0)
                return -errno;
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
        return fd;
}

static void explain_connect(int error, bool is_tcp, FILE *out)
{
        access_report_refusal(out, "connect", "%s", strerror(error));
        if (error == ECONNREFUSED && is_tcp)
                access_report_remedy(out, "nobody listens at that host and port: start the bus, or "
                                          "ask for its present address");
        else if (error == ECONNREFUSED || error == ENOENT)
                access_report_remedy(out, "nobody listens there: the bus that did has ended; start "
                                          "it again, or ask for the address of the one that runs");
        else if (error == EAGAIN || error == EINPROGRESS)
                access_report_remedy(out, "the bus takes no connections at the moment, or a "
                                          "firewall drops them: see its log and its limit "
                                          "max_incomplete_connections");
        else if (error == EACCES || error == EPERM)
                access_report_remedy(out, "a security module or the file's permissions forbid it");
        else
                access_report_remedy(out, "see the error of the kernel");
}

/* Who listens is as interesting as who connects: anybody can take an abstract name. */
static void tell_listener(int fd, FILE *out)
{
        struct ucred listener;
        socklen_t size = sizeof(listener);

        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &listener, &size) < 0)
                return;
        access_report_step(out, "connect", "ok, served by uid %u, pid %d", (unsigned)listener.uid,
                           (int)listener.pid);
        if (listener.uid != 0 && listener.uid != geteuid())
                access_report_step(out, "connect",
                                   "note: that is neither this account nor root: what is said "
                                   "there is said to that user");
}

/* A connected socket, or -errno and an explanation. */
static int connect_unix(Text name, bool is_abstract, FILE *out)
{
        struct sockaddr_un socket_name = {.sun_family = AF_UNIX};
        CLEANUP_FD int fd = -1;
        int connected;

        if (name.size + 1 > sizeof(socket_name.sun_path)) {
                access_report_refusal(out, "address", "the socket's name is too long");
                access_report_remedy(out, "a socket's name has at most %zu bytes",
                                     sizeof(socket_name.sun_path) - 1);
                return -ENAMETOOLONG;
        }
        memcpy(socket_name.sun_path + is_abstract, name.data, name.size);
        if (!is_abstract && !access_path_check(socket_name.sun_path, out))
                return -EACCES;
        fd = open_socket(AF_UNIX);
        if (fd < 0 ||
            connect(fd, (const struct sockaddr *)&socket_name,
                    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + name.size + 1)) < 0) {
                explain_connect(errno, false, out);
                return -errno;
        }
        tell_listener(fd, out);
        connected = fd;
        fd = -1;
        return connected;
}

static int try_unix(const Address *address, FILE *out)
{
        Text path = address_find(address, "path");
        Text abstract = address_find(address, "abstract");
        const char *folder = getenv("XDG_RUNTIME_DIR");
        char runtime[TEXT_SIZE];

        if (text_present(path))
                return connect_unix(path, false, out);
        if (text_present(abstract))
                return connect_unix(abstract, true, out);
        if (!text_equal(address_find(address, "runtime"), TEXT("yes"))) {
                access_report_refusal(out, "address",
                                      "unix: needs path=, abstract= or runtime=yes to connect to");
                access_report_remedy(out, "dir= and tmpdir= are for listening: use the address "
                                          "that the bus printed");
                return -EINVAL;
        }
        if (!folder) {
                access_report_refusal(out, "address", "XDG_RUNTIME_DIR is not set");
                access_report_remedy(out, "log in through PAM, or set it to /run/user/%u",
                                     (unsigned)geteuid());
                return -ENOENT;
        }
        snprintf(runtime, sizeof(runtime), "%s/bus", folder);
        return connect_unix(text_from(runtime), false, out);
}

/* The first of the host's addresses that takes the connection; or -errno. */
static int connect_first(const struct addrinfo *list)
{
        int failure = -EADDRNOTAVAIL;

        for (; list; list = list->ai_next) {
                int fd = open_socket(list->ai_family);

                if (fd < 0) {
                        failure = fd;
                        continue;
                }
                if (connect(fd, list->ai_addr, list->ai_addrlen) == 0)
                        return fd;
                failure = -errno;
                close(fd);
        }
        return failure;
}

static int connect_tcp(const Address *address, FILE *out)
{
        Text family = address_find(address, "family");
        Text given_host = address_find(address, "host");
        const Word host = copy_word(text_present(given_host) ? given_host : TEXT("localhost"));
        const Word port = copy_word(address_find(address, "port"));
        struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
        struct addrinfo *found;
        int r;

        if (text_equal(family, TEXT("ipv4")))
                hints.ai_family = AF_INET;
        if (text_equal(family, TEXT("ipv6")))
                hints.ai_family = AF_INET6;
        r = getaddrinfo(host.text, port.text, &hints, &found);
        if (r != 0) {
                access_report_refusal(out, "connect", "cannot find host \"%s\", port \"%s\": %s",
                                      host.text, port.text, gai_strerror(r));
                access_report_remedy(out, "correct host=, port= and family= of the address");
                return -EHOSTUNREACH;
        }
        r = connect_first(found);
        freeaddrinfo(found);
        if (r < 0)
                explain_connect(-r, true, out);
        else
                access_report_step(out, "connect",
                                   "ok, host %s, port %s; the bus cannot see which "
                                   "account connects over TCP",
                                   host.text, port.text);
        return r;
}

/* Sends what the file holds. Whether that went well. */
static bool send_nonce(int fd, const Address *address, FILE *out)
{
        const Word path = copy_word(address_find(address, "noncefile"));
        char nonce[LISTEN_NONCE_SIZE + 1];
        CLEANUP_FILE FILE *file = fopen(path.text, "re");
        size_t n;

        if (!file) {
                access_report_refusal(out, "nonce", "%s: %s", path.text, strerror(errno));
                access_report_remedy(out, "only the user who runs the bus can read the nonce; run "
                                          "as that user, on the same machine");
                return false;
        }
        n = fread(nonce, 1, sizeof(nonce), file);
        if (n != LISTEN_NONCE_SIZE) {
                access_report_refusal(out, "nonce", "%s: is no nonce of 16 bytes", path.text);
                access_report_remedy(out, "correct noncefile= of the address");
                return false;
        }
        if (send(fd, nonce, n, MSG_NOSIGNAL) != (ssize_t)n) {
                access_report_refusal(out, "nonce", "%s", strerror(errno));
                access_report_remedy(out, "see the log of the bus");
                return false;
        }
        access_report_step(out, "nonce", "%s: read and sent", path.text);
        return true;
}

static int try_tcp(const Address *address, bool with_nonce, FILE *out)
{
        int fd = connect_tcp(address, out);

        if (fd < 0 || !with_nonce || send_nonce(fd, address, out))
                return fd;
        close(fd);
        return -EACCES;
}

/* A connected socket, or -errno and an explanation. */
static int try_alternative(const Address *address, bool *ret_is_tcp, FILE *out)
{
        const bool with_nonce = text_equal(address->transport, TEXT("nonce-tcp"));

        *ret_is_tcp = with_nonce || text_equal(address->transport, TEXT("tcp"));
        if (*ret_is_tcp)
                return try_tcp(address, with_nonce, out);
        if (text_equal(address->transport, TEXT("unix")))
                return try_unix(address, out);
        access_report_refusal(out, "address", "transport \"%.*s\": not one that is tried here",
                              TEXT_FORMAT(address->transport));
        access_report_remedy(out, "use the address that the bus printed: unix:, tcp: or "
                                  "nonce-tcp:");
        return -EPROTONOSUPPORT;
}

/* All alternatives until one is connected to. Whether the bus there let us in. */
static bool try_all(Text rest, char *scratch, FILE *out)
{
        while (rest.size > 0) {
                AccessTalk talk = {.out = out};
                Text whole = rest;
                Address address;
                const char *reason;
                bool is_in;

                if (!address_parse(&rest, scratch, &address, &reason)) {
                        access_report_refusal(out, "address", "%s", reason);
                        access_report_remedy(out, "quote it in the shell; values escape all but "
                                                  "letters, digits and -_/.\\* as %%XX");
                        return false;
                }
                whole.size -= rest.size;
                if (whole.data[whole.size - 1] == ';')
                        whole.size--;
                access_report_step(out, "address", "%.*s", TEXT_FORMAT(whole));
                talk.fd = try_alternative(&address, &talk.is_tcp, out);
                if (talk.fd < 0)
                        continue;
                talk.guid = address_find(&address, "guid");
                is_in = access_talk(&talk);
                close(talk.fd);
                return is_in;
        }
        return false;
}

int access_check(const char *address, FILE *out)
{
        CLEANUP_ALLOC char *scratch = alloc_bytes(strlen(address) + 1);
        bool is_in;

        access_report_step(out, "account", "uid %u, gid %u, with %d other groups",
                           (unsigned)geteuid(), (unsigned)getegid(), getgroups(0, NULL));
        is_in = scratch && try_all(text_from(address), scratch, out);
        access_report_step(out, "verdict", "%s",
                           is_in ? "this account is let in" : "this account is NOT let in");
        return is_in ? 0 : 1;
}
