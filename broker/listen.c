/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses become listeners: alternatives, guids and the text that is printed. */

#include "broker/listen.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "broker/base/assert.h"
#include "broker/base/cleanup.h"
#include "broker/base/hash.h"
#include "broker/listen_nonce.h"
#include "broker/listen_socket.h"
#include "broker/listen_systemd.h"
#include "broker/listen_tcp.h"

static int open_tcp(const Address *address, Listeners *listeners, ListenError *ret_error)
{
        return listen_tcp_open(address, false, listeners, ret_error);
}

static int open_nonce_tcp(const Address *address, Listeners *listeners, ListenError *ret_error)
{
        return listen_tcp_open(address, true, listeners, ret_error);
}

static int open_systemd(const Address *address, Listeners *listeners, ListenError *ret_error)
{
        (void)address;
        return listen_systemd_open(listeners, ret_error);
}

typedef struct Transport {
        const char *name;
        int (*open)(const Address *address, Listeners *listeners, ListenError *ret_error);
} Transport;

static const Transport transports[] = {
        {"unix", listen_socket_open_unix},
        {"tcp", open_tcp},
        {"nonce-tcp", open_nonce_tcp},
        {"systemd", open_systemd},
};

/* 0, or -EINVAL for one that there is not. */
static int find_transport(const Address *address, const Transport **ret_transport,
                          ListenError *ret_error)
{
        for (size_t i = 0; i < ARRAY_SIZE(transports); i++) {
                if (text_equal(address->transport, text_from(transports[i].name))) {
                        *ret_transport = &transports[i];
                        return 0;
                }
        }
        return listen_socket_fail(ret_error, -EINVAL, "unknown address type \"%.*s\"",
                                  TEXT_FORMAT(address->transport));
}

static int open_alternative(const Address *address, Listeners *listeners, ListenError *ret_error)
{
        const Transport *transport;
        int r = find_transport(address, &transport, ret_error);

        return r < 0 ? r : transport->open(address, listeners, ret_error);
}

/* Whether all alternatives are well-formed; the reference listens on none if one is not. */
static int check_syntax(const char *text, char *scratch, ListenError *ret_error)
{
        Text rest = text_from(text);

        do {
                Address address;
                const char *reason;

                if (!address_parse(&rest, scratch, &address, &reason))
                        return listen_socket_fail(ret_error, -EINVAL, "bad address: %s", reason);
        } while (rest.size > 0);
        return 0;
}

/* The first alternative that can be listened on; of the failures, the first is reported. */
static int open_first(const char *text, char *scratch, Listeners *listeners, ListenError *ret_error)
{
        Text rest = text_from(text);
        int first = 0;

        do {
                ListenError error = {{0}};
                Address address;
                const char *reason;
                int r;

                if (!address_parse(&rest, scratch, &address, &reason))
                        ASSERT_NOT_REACHED();
                r = open_alternative(&address, listeners, &error);
                if (r == 0)
                        return 0;
                if (first == 0) {
                        first = r;
                        *ret_error = error;
                }
        } while (rest.size > 0);
        return first;
}

static int open_address(const char *text, Listeners *listeners, ListenError *ret_error)
{
        CLEANUP_ALLOC char *scratch = alloc_bytes(strlen(text));
        ListenError inner = {{0}};
        int r;

        if (!scratch)
                return listen_socket_fail(ret_error, -ENOMEM, "out of memory");
        r = check_syntax(text, scratch, &inner);
        if (r == 0)
                r = open_first(text, scratch, listeners, &inner);
        if (r < 0)
                return listen_socket_fail(ret_error, r, "cannot listen on \"%s\": %s", text,
                                          inner.text);
        return 0;
}

/* One alternative that can be tried is enough; as in open_first(). */
static int check_transports(const char *text, char *scratch, ListenError *ret_error)
{
        Text rest = text_from(text);
        int first = 0;

        do {
                ListenError error = {{0}};
                const Transport *transport;
                Address address;
                const char *reason;
                int r;

                if (!address_parse(&rest, scratch, &address, &reason))
                        ASSERT_NOT_REACHED();
                r = find_transport(&address, &transport, &error);
                if (r == 0)
                        return 0;
                if (first == 0) {
                        first = r;
                        *ret_error = error;
                }
        } while (rest.size > 0);
        return first;
}

int listen_check(const char *address, ListenError *ret_error)
{
        CLEANUP_ALLOC char *scratch = alloc_bytes(strlen(address));
        ListenError inner = {{0}};
        int r;

        if (!scratch)
                return listen_socket_fail(ret_error, -ENOMEM, "out of memory");
        r = check_syntax(address, scratch, &inner);
        if (r == 0)
                r = check_transports(address, scratch, &inner);
        if (r < 0)
                return listen_socket_fail(ret_error, r, "cannot listen on \"%s\": %s", address,
                                          inner.text);
        return 0;
}

/* Draws the guid and appends it to the address. 0 or -errno. */
static int add_guid(Listener *listener)
{
        unsigned char bytes[(LISTEN_GUID_SIZE - 1) / 2];
        char *address;
        int r = hash_random(bytes, sizeof(bytes));

        if (r < 0)
                return r;
        for (size_t i = 0; i < sizeof(bytes); i++)
                snprintf(listener->guid + 2 * i, 3, "%02x", bytes[i]);
        address = alloc_format("%s,guid=%s", listener->address, listener->guid);
        if (!address)
                return -ENOMEM;
        alloc_free(listener->address);
        listener->address = address;
        return 0;
}

/* Puts the newest `n` listeners, those of one address, in front of what is printed. */
static int add_to_printed(Listeners *listeners, size_t n)
{
        char *printed = listeners->address;

        for (size_t i = 0; i < n; i++) {
                const char *address = listeners->items[listeners->n - 1 - i].address;
                char *longer;

                if (!address)
                        continue;
                longer = printed ? alloc_format("%s;%s", address, printed)
                                 : alloc_string(address, strlen(address));

                if (!longer)
                        return -ENOMEM;
                alloc_free(printed);
                printed = longer;
                listeners->address = printed;
        }
        return 0;
}

static int open_all(const char *const *addresses, size_t n_addresses, Listeners *listeners,
                    ListenError *ret_error)
{
        for (size_t i = 0; i < n_addresses; i++) {
                size_t n_before = listeners->n;
                int r = open_address(addresses[i], listeners, ret_error);

                if (r < 0)
                        return r;
                for (size_t j = n_before; r == 0 && j < listeners->n; j++) {
                        Listener *listener = &listeners->items[j];

                        if (listener->has_company)
                                memcpy(listener->guid, listener[-1].guid, sizeof(listener->guid));
                        else
                                r = add_guid(listener);
                }
                if (r == 0)
                        r = add_to_printed(listeners, listeners->n - n_before);
                if (r < 0)
                        return listen_socket_fail(ret_error, r, "cannot listen on \"%s\": %s",
                                                  addresses[i], strerror(-r));
        }
        return 0;
}

int listen_open(const char *const *addresses, size_t n_addresses, Listeners **ret_listeners,
                ListenError *ret_error)
{
        Listeners *listeners = alloc_zeroed(1, sizeof(*listeners));
        int r;

        ASSERT(n_addresses > 0);
        if (!listeners)
                return listen_socket_fail(ret_error, -ENOMEM, "out of memory");
        r = open_all(addresses, n_addresses, listeners, ret_error);
        if (r < 0) {
                listen_close(listeners);
                return r;
        }
        *ret_listeners = listeners;
        return 0;
}

int listen_give(const Listeners *listeners, uid_t uid, gid_t gid, ListenError *ret_error)
{
        for (size_t i = 0; i < listeners->n; i++) {
                const Listener *listener = &listeners->items[i];
                int r = listen_nonce_give(listener, uid, gid);

                if (r < 0) {
                        snprintf(ret_error->text, sizeof(ret_error->text),
                                 "the nonce file %s cannot be given to uid %u, as whom the bus is "
                                 "to run: %s; start as root or as that user",
                                 listener->nonce_file, (unsigned)uid, strerror(-r));
                        return r;
                }
        }
        return 0;
}

Listeners *listen_close(Listeners *listeners)
{
        if (!listeners)
                return NULL;
        for (size_t i = 0; i < listeners->n; i++)
                listen_socket_deinit(&listeners->items[i]);
        alloc_free(listeners->items);
        alloc_free(listeners->address);
        return alloc_free(listeners);
}
