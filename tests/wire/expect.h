/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_TESTS_WIRE_EXPECT_H
#define RINGBUS_TESTS_WIRE_EXPECT_H

/*
 * Assertions about what a client receives next. Nothing is skipped over: if the next message is
 * another one, the test fails and says where in the test, what came and what was due.
 * Messages returned are borrowed until the client's next one.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/support/rawclient.h"

#define EXPECT_TEXT2(x) #x
#define EXPECT_TEXT(x) EXPECT_TEXT2(x)
#define EXPECT_HERE __FILE__ ":" EXPECT_TEXT(__LINE__)

#define EXPECT_ERROR_PREFIX "org.freedesktop.DBus.Error."

/* Any message. */
#define expect_message(client) expect_message_at(client, EXPECT_HERE)
/* A METHOD_RETURN to `serial`; one without a body; one with this one value. */
#define expect_return(client, serial) expect_return_at(client, serial, EXPECT_HERE)
#define expect_empty(client, serial) expect_empty_at(client, serial, EXPECT_HERE)
#define expect_u32(client, serial, value) expect_u32_at(client, serial, value, EXPECT_HERE)
#define expect_bool(client, serial, value) expect_bool_at(client, serial, value, EXPECT_HERE)
#define expect_text(client, serial, value) expect_text_at(client, serial, value, EXPECT_HERE)
/* A METHOD_RETURN of "as" with these strings in this order, separated by blanks. */
#define expect_strings(client, serial, all) expect_strings_at(client, serial, all, EXPECT_HERE)
/* An ERROR to `serial`: its name without EXPECT_ERROR_PREFIX, and its text unless NULL. */
#define expect_error(client, serial, name, text)                                                   \
        expect_error_at(client, serial, name, text, EXPECT_HERE)
/* A call or signal of this member; who sent it (unique name). */
#define expect_call(client, sender, member) expect_call_at(client, sender, member, EXPECT_HERE)
#define expect_signal(client, sender, member) expect_signal_at(client, sender, member, EXPECT_HERE)
/* NameAcquired or NameLost from the driver; NameOwnerChanged. */
#define expect_name_signal(client, member, name)                                                   \
        expect_name_signal_at(client, member, name, EXPECT_HERE)
#define expect_owner_change(client, name, old_owner, new_owner)                                    \
        expect_owner_change_at(client, name, old_owner, new_owner, EXPECT_HERE)
/* Nothing is under way to the client: a round trip to the bus returns its reply first. */
#define expect_nothing(client) expect_nothing_at(client, EXPECT_HERE)
/* The bus closes the connection without another message. */
#define expect_closed(client) expect_closed_at(client, EXPECT_HERE)

RawMessage *expect_message_at(RawClient *client, const char *at);
RawMessage *expect_return_at(RawClient *client, uint32_t serial, const char *at);
void expect_empty_at(RawClient *client, uint32_t serial, const char *at);
void expect_u32_at(RawClient *client, uint32_t serial, uint32_t value, const char *at);
void expect_bool_at(RawClient *client, uint32_t serial, bool value, const char *at);
void expect_text_at(RawClient *client, uint32_t serial, const char *value, const char *at);
void expect_strings_at(RawClient *client, uint32_t serial, const char *all, const char *at);
RawMessage *expect_error_at(RawClient *client, uint32_t serial, const char *name, const char *text,
                            const char *at);
RawMessage *expect_call_at(RawClient *client, const char *sender, const char *member,
                           const char *at);
RawMessage *expect_signal_at(RawClient *client, const char *sender, const char *member,
                             const char *at);
void expect_name_signal_at(RawClient *client, const char *member, const char *name, const char *at);
void expect_owner_change_at(RawClient *client, const char *name, const char *old_owner,
                            const char *new_owner, const char *at);
void expect_nothing_at(RawClient *client, const char *at);
void expect_closed_at(RawClient *client, const char *at);

/* Whether two strings, of which either may be NULL, are the same. */
bool expect_same(const char *a, const char *b);

#endif
