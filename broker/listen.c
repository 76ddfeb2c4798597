/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses become listeners: alternatives, guids and the text that is printed. */

#include "broker/listen.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "broker/base/assert.h"
#include "broker/base/cleanup.h"
#include "broker/base/hash.h"
#include "broker/listen_socket.h"

/* The transports of the specification that are not here yet, to be refused by name. */
static const char *const later_transports[] = {"tcp", "nonce-tcp"};

static int refuse_transport(const Address *address, ListenError *ret_error)
{
        for (size_t i = 0; i < ARRAY_SIZE(later_transports); i++) {
                if (text_equal(address->transport, text_from(later_transports[i])))
                        return listen_socket_fail(
                                ret_error, -EOPNOTSUPP,
                                "listening on %s: is not supported yet; use unix:",
                                later_transports[i]);
        }
        return listen_socket_fail(ret_error, -EINVAL, "unknown address type \"%.*s\"",
                                  TEXT_FORMAT(address->transport));
}

static int open_alternative(const Address *address, Listeners *listeners, ListenError *ret_error)
{
        if (text_equal(address->transport, TEXT("unix")))
                return listen_socket_open_unix(address, listeners, ret_error);
        if (text_equal(address->transport, TEXT("systemd")))
                return listen_socket_open_systemd(listeners, ret_error);
        return refuse_transport(address, ret_error);
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
                Address address;
                const char *reason;

                if (!address_parse(&rest, scratch, &address, &reason))
                        ASSERT_NOT_REACHED();
                if (text_equal(address.transport, TEXT("unix")) ||
                    text_equal(address.transport, TEXT("systemd")))
                        return 0;
                if (first == 0) {
                        first = refuse_transport(&address, &error);
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
                char *longer = printed ? alloc_format("%s;%s", address, printed)
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
                for (size_t j = n_before; r == 0 && j < listeners->n; j++)
                        r = add_guid(&listeners->items[j]);
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
