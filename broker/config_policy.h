/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BROKER_CONFIG_POLICY_H
#define RINGBUS_BROKER_CONFIG_POLICY_H

/*
 * Whether the <policy> sections of a configuration allow everything, which is the one policy that
 * the bus can carry out so far (auth/policy.h).
 *
 * Rules that deny, and sections for a user, a group or the console, are refused where they stand.
 * Of the others it is known what each allows; what no rule allows is denied, by dbus-daemon(1), so
 * the sum is compared with "everything" at the end. Leaving a right out restricts as well as
 * denying it.
 *
 * Owner: the configuration reader; a plain value.
 */

#include <stdbool.h>

#include "broker/config_source.h"

/*
 * The rights that add up to everything. Sending and receiving are split by the type of message, by
 * whether a reply was asked for, and receiving by whether the message was addressed to somebody
 * else.
 */
typedef struct ConfigRights {
        bool send_discards;    /* a rule for every message came: earlier rules do not count */
        bool receive_discards; /* the same */
        unsigned send;         /* CONFIG_MESSAGE_* */
        unsigned receive;      /* CONFIG_MESSAGE_*, and these shifted by CONFIG_MESSAGE_BITS */
        bool owns;
        bool admits_every_user;
} ConfigRights;

enum {
        CONFIG_MESSAGE_CALL = 0x1,
        CONFIG_MESSAGE_RETURN = 0x2,
        CONFIG_MESSAGE_ERROR = 0x4,
        CONFIG_MESSAGE_SIGNAL = 0x8,
        CONFIG_MESSAGE_RETURN_UNREQUESTED = 0x10,
        CONFIG_MESSAGE_ERROR_UNREQUESTED = 0x20,
        CONFIG_MESSAGE_ALL = 0x3f,
        CONFIG_MESSAGE_BITS = 6,
};

typedef enum ConfigContext { CONFIG_CONTEXT_DEFAULT, CONFIG_CONTEXT_MANDATORY } ConfigContext;

/* Zero-initialised: nothing is allowed. */
typedef struct ConfigPolicy {
        ConfigRights rights[2]; /* by ConfigContext: mandatory rules count after default ones */
} ConfigPolicy;

/*
 * The attributes of <policy>, as expat gives them: name, value, ..., NULL. False and *ret_error,
 * without a place, if they are wrong or not supported yet.
 */
bool config_policy_read_context(const char *const *attributes, ConfigContext *ret_context,
                                ConfigError *ret_error);

/* One <allow> with its attributes. False and *ret_error as above; then the policy is unchanged. */
bool config_policy_allow(ConfigPolicy *policy, ConfigContext context, const char *const *attributes,
                         ConfigError *ret_error);

/* The rules of an included file come after those read so far. */
void config_policy_merge(ConfigPolicy *policy, const ConfigPolicy *included);

/*
 * Whether all is allowed; if not, *ret_error says what is missing and how to allow it.
 * *ret_admits_every_user: whether users other than the bus's own may connect.
 */
bool config_policy_allows_everything(const ConfigPolicy *policy, bool *ret_admits_every_user,
                                     ConfigError *ret_error);

#endif
