/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BROKER_LIMITS_H
#define RINGBUS_BROKER_LIMITS_H

/*
 * The limits of the <limit> element. dbus-daemon(1) names and explains them; the built-in values
 * are those of dbus-daemon 1.14.
 *
 * Owner: whoever holds the struct; a plain value.
 */

#include <stddef.h>
#include <stdint.h>

#include "broker/base/text.h"

#define LIMITS_NEVER UINT64_MAX /* a timeout that never comes */

/* What a limit belongs to. */
typedef enum LimitsSupport {
        LIMITS_ENFORCED,
        LIMITS_ACTIVATION, /* nothing looks at it yet: services are not started */
        LIMITS_CONTAINERS, /* nothing looks at it: there are no containers */
} LimitsSupport;

/*
 * X(member, name in <limit name=>, built-in value, LimitsSupport)
 */
#define LIMITS_LIST(X)                                                                             \
        X(max_incoming_bytes, "max_incoming_bytes", UINT64_C(127) << 20, LIMITS_ENFORCED)          \
        X(max_outgoing_bytes, "max_outgoing_bytes", UINT64_C(127) << 20, LIMITS_ENFORCED)          \
        X(max_incoming_unix_fds, "max_incoming_unix_fds", 64, LIMITS_ENFORCED)                     \
        X(max_outgoing_unix_fds, "max_outgoing_unix_fds", 64, LIMITS_ENFORCED)                     \
        X(max_message_size_bytes, "max_message_size", UINT64_C(32) << 20, LIMITS_ENFORCED)         \
        X(max_message_unix_fds, "max_message_unix_fds", 16, LIMITS_ENFORCED)                       \
        X(service_start_timeout_ms, "service_start_timeout", 25 * 1000, LIMITS_ACTIVATION)         \
        X(auth_timeout_ms, "auth_timeout", 30 * 1000, LIMITS_ENFORCED)                             \
        X(pending_fd_timeout_ms, "pending_fd_timeout", 150 * 1000, LIMITS_ENFORCED)                \
        X(reply_timeout_ms, "reply_timeout", LIMITS_NEVER, LIMITS_ENFORCED)                        \
        X(max_completed_connections, "max_completed_connections", 2048, LIMITS_ENFORCED)           \
        X(max_incomplete_connections, "max_incomplete_connections", 64, LIMITS_ENFORCED)           \
        X(max_connections_per_user, "max_connections_per_user", 256, LIMITS_ENFORCED)              \
        X(max_pending_service_starts, "max_pending_service_starts", 512, LIMITS_ACTIVATION)        \
        X(max_names_per_connection, "max_names_per_connection", 512, LIMITS_ENFORCED)              \
        X(max_match_rules_per_connection, "max_match_rules_per_connection", 512, LIMITS_ENFORCED)  \
        X(max_replies_per_connection, "max_replies_per_connection", 128, LIMITS_ENFORCED)          \
        X(max_containers, "max_containers", 512, LIMITS_CONTAINERS)                                \
        X(max_containers_per_user, "max_containers_per_user", 16, LIMITS_CONTAINERS)               \
        X(max_container_metadata_bytes, "max_container_metadata_bytes", 4096, LIMITS_CONTAINERS)   \
        X(max_connections_per_container, "max_connections_per_container", 8, LIMITS_CONTAINERS)

/* A timeout in force, where 0 means that there is none: a configured 0 is at once, which is 1 ms.
 */
static inline uint64_t limits_timeout_ms(uint64_t configured_ms)
{
        if (configured_ms == LIMITS_NEVER)
                return 0;
        return configured_ms > 0 ? configured_ms : 1;
}

/* Each value is 0 to INT32_MAX, reply_timeout_ms may be LIMITS_NEVER too. */
typedef struct Limits {
#define LIMITS_MEMBER(member, name, value, support) uint64_t member;
        LIMITS_LIST(LIMITS_MEMBER)
#undef LIMITS_MEMBER
} Limits;

enum {
#define LIMITS_ONE(member, name, value, support) +1
        LIMITS_COUNT = 0 LIMITS_LIST(LIMITS_ONE),
#undef LIMITS_ONE
};

typedef enum LimitsVerdict {
        LIMITS_SET,
        LIMITS_UNKNOWN, /* no limit has that name */
        LIMITS_NOT_A_NUMBER,
        LIMITS_NEGATIVE,
        LIMITS_TOO_LARGE, /* above INT32_MAX */
} LimitsVerdict;

/* Sets the built-in values. */
void limits_init(Limits *limits);

/*
 * Sets the limit called `name` from its text. *limits and *ret_support change only for LIMITS_SET.
 */
LimitsVerdict limits_set(Limits *limits, const char *name, const char *text,
                         LimitsSupport *ret_support);

/*
 * The value of a text: an integer as C writes it (decimal, 0x hexadecimal, 0 octal), with white
 * space around it allowed; 0 to INT32_MAX. Never LIMITS_UNKNOWN.
 */
LimitsVerdict limits_parse(const char *text, uint64_t *ret_value);

/* The names, for index 0 to LIMITS_COUNT - 1. */
const char *limits_name(size_t index);

#endif
