/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_AUTH_POLICY_H
#define RINGBUS_AUTH_POLICY_H

/*
 * Policy: who may send what to whom, receive it, own which names and connect at all. Compiled from
 * the rules of the configuration (auth/policyrule.h) to an immutable value; pure decisions, any
 * thread. It decides as dbus-daemon(1) describes under "CONFIGURATION FILE", <policy>, and counts
 * as dbus-daemon 1.14 does: the rules that concern a connection are those of the default context,
 * of its groups in ascending order, of its user, of the console and the mandatory ones; the last
 * one that matches wins; none: denied.
 *
 * A rule for messages of every kind (no type, path, interface, member, error, name) discards all
 * earlier ones of its kind, even where its other attributes keep it from matching. That is the
 * reference's behaviour, and rules are written by what it does.
 */

#include "auth/policyrule.h"
#include "auth/policytexts.h"
#include "proto/header.h"

/* What rules are about; the kinds of lists that they are compiled to. */
typedef enum PolicyDomain {
        POLICY_DOMAIN_SEND,
        POLICY_DOMAIN_RECEIVE,
        POLICY_DOMAIN_OWN,
        POLICY_DOMAIN_CONNECT,
        POLICY_DOMAINS,
} PolicyDomain;

/* The strings of a message that rules compare. */
typedef enum PolicyField {
        POLICY_FIELD_INTERFACE,
        POLICY_FIELD_MEMBER,
        POLICY_FIELD_PATH,
        POLICY_FIELD_ERROR,
        POLICY_FIELDS,
} PolicyField;

/* A compiled rule. Texts by number (policytexts.h); 0: any. */
typedef struct PolicyTest {
        uint32_t fields[POLICY_FIELDS];
        uint32_t name;
        uint32_t min_fds;
        uint32_t max_fds;
        uint32_t id; /* of rules about connecting */
        uint8_t type;
        uint8_t broadcast; /* PolicyBroadcast */
        bool allow;
        bool log;
        bool eavesdrop;
        bool requested_reply;
        bool name_is_prefix;
        bool by_group; /* of rules about connecting */
        bool discards; /* all earlier ones of its domain */
} PolicyTest;

/* The tests of one context, in the order of the configuration. */
typedef struct PolicySection {
        uint32_t id; /* gid or uid */
        uint32_t first;
        uint32_t n;
} PolicySection;

/* The sections of one context: by ascending id. */
typedef struct PolicySections {
        uint32_t first;
        uint32_t n;
} PolicySections;

/* Immutable. */
typedef struct Policy {
        uint64_t generation;
        /* Nothing that is sent between connections, or by or to the bus, is refused or logged. */
        bool allows_all_messages;
        bool allows_all_names;
        bool asks_sender;    /* some rule asks which names the sender has */
        bool asks_recipient; /* some rule asks which names the recipient has */
        bool counts_fds;
        uint64_t sizes[POLICY_FIELDS]; /* of the texts in a field, a bit for each size modulo 64 */
        PolicyTexts texts;
        PolicyTest *tests;
        PolicySection *sections;
        PolicySections contexts[POLICY_DOMAINS][POLICY_CONTEXT_MANDATORY + 1];
} Policy;

/* A connection, as far as policy is concerned. The bus itself is no party: NULL. */
typedef struct PolicyParty {
        uint32_t uid;
        const uint32_t *gids; /* ascending, the primary one included */
        size_t n_gids;
        /* Whether it owns or waits for this name; or, if `is_prefix`, a name that is this one or
         * begins with it and a dot. Its unique name counts. */
        bool (*has_name)(const void *context, Text name, bool is_prefix);
        const void *context;
} PolicyParty;

enum {
        POLICY_SHAPE_REPLY = 0x1,      /* it has a REPLY_SERIAL, */
        POLICY_SHAPE_REQUESTED = 0x2,  /* and is the reply that the recipient waits for */
        POLICY_SHAPE_BROADCAST = 0x4,  /* a signal without DESTINATION */
        POLICY_SHAPE_EAVESDROPS = 0x8, /* it has a DESTINATION, which is not the recipient */
};

/* All of a message that rules look at; without padding: messages are alike if the bytes are. */
typedef struct PolicyShape {
        uint32_t fields[POLICY_FIELDS];
        uint32_t name; /* class of DESTINATION or SENDER, as a connection, if that is the bus */
        uint16_t n_fds;
        uint8_t type;
        uint8_t flags; /* POLICY_SHAPE_* */
} PolicyShape;

typedef struct PolicyVerdict {
        bool allowed;
        bool log; /* the rule says log="true" */
} PolicyVerdict;

/* 0, with a new policy, or -ENOMEM. hash_init() comes first. `generation` is never used again. */
int policy_compile(const PolicyRules *rules, uint64_t generation, Policy **ret_policy);

/* Messages of all kinds and all names, for the bus's own user, as a session bus's configuration
 * says. */
int policy_compile_open(uint64_t generation, Policy **ret_policy);

/* NULL is allowed. Returns NULL. */
Policy *policy_free(Policy *policy);

/*
 * The shape of a message, without POLICY_SHAPE_REQUESTED and POLICY_SHAPE_EAVESDROPS, which depend
 * on the recipient. `name` is the header's text for a party that is the bus, TEXT_NONE if neither
 * is.
 */
void policy_shape(const Policy *policy, const Header *header, Text name, PolicyShape *ret_shape);

/* Whether `sender` may send it to `recipient`, and whether that may receive it. The one that is
 * asked is a connection, the other one may be NULL: the bus. */
PolicyVerdict policy_decide_send(const Policy *policy, const PolicyParty *sender,
                                 const PolicyParty *recipient, const PolicyShape *shape);
PolicyVerdict policy_decide_receive(const Policy *policy, const PolicyParty *recipient,
                                    const PolicyParty *sender, const PolicyShape *shape);

/* How many rules match, for those who ask why. */
unsigned policy_count_send(const Policy *policy, const PolicyParty *sender,
                           const PolicyParty *recipient, const PolicyShape *shape);
unsigned policy_count_receive(const Policy *policy, const PolicyParty *recipient,
                              const PolicyParty *sender, const PolicyShape *shape);

/* Whether the party may own a well-known name. */
bool policy_decide_own(const Policy *policy, const PolicyParty *party, Text name);

/* Whether a user may connect. `owns_bus`: the bus runs as that user, who may unless a rule says no;
 * all others only if one says yes. */
bool policy_decide_connect(const Policy *policy, uint32_t uid, const uint32_t *gids, size_t n_gids,
                           bool owns_bus);

#endif
