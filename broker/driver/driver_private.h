/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_DRIVER_DRIVER_PRIVATE_H
#define RINGBUS_DRIVER_DRIVER_PRIVATE_H

/* What the driver's files share: the tables and the call at hand. */

#include "broker/driver/driver.h"
#include "broker/router/busmessage.h"
#include "broker/router/ownership.h"
#include "broker/router/send.h"

/* A method call addressed to the bus. Owner: the worker that handles it. */
typedef struct DriverCall {
        Driver *driver;
        Shard *shard;
        RouterThread *thread; /* the shard's */
        Peer *peer;
        Endpoint *caller; /* the peer's */
        const Header *header;
        const uint8_t *body;
        Incoming *incoming; /* the same */
        size_t at;          /* of the next argument */
        bool failed;        /* an error is the answer */
        bool shown;         /* to monitors */
} DriverCall;

enum {
        DRIVER_PRIVILEGED = 0x1, /* uid 0 or the bus's own */
        DRIVER_ANY_PATH = 0x2,   /* else only at /org/freedesktop/DBus */
};

typedef struct DriverMethod {
        const char *name;
        const char *in;
        const char *out;
        unsigned flags;
        void (*handle)(DriverCall *call);
} DriverMethod;

typedef struct DriverInterface {
        const char *name;
        bool any_path;               /* else it exists at /org/freedesktop/DBus only */
        const DriverMethod *methods; /* ends with a NULL name */
        const char *further;         /* properties and signals for introspection, or NULL */
} DriverInterface;

/* In the order in which an interface-less call is looked up, and of introspection; ends with a NULL
 * name. */
extern const DriverInterface driver_interfaces[];

extern const DriverMethod driver_bus_methods[];
extern const DriverMethod driver_monitoring_methods[];
extern const DriverMethod driver_peer_methods[];
extern const DriverMethod driver_introspectable_methods[];
extern const DriverMethod driver_properties_methods[];
extern const DriverMethod driver_stats_methods[];

/* Handlers, by file. */
void driver_hello(DriverCall *call);
void driver_get_id(DriverCall *call);
void driver_update_environment(DriverCall *call);
void driver_start_service(DriverCall *call);
void driver_request_name(DriverCall *call);
void driver_release_name(DriverCall *call);
void driver_list_names(DriverCall *call);
void driver_list_activatable(DriverCall *call);
void driver_list_queued(DriverCall *call);
void driver_name_has_owner(DriverCall *call);
void driver_get_name_owner(DriverCall *call);
void driver_add_match(DriverCall *call);
void driver_remove_match(DriverCall *call);
void driver_become_monitor(DriverCall *call);
void driver_get_unix_user(DriverCall *call);
void driver_get_process_id(DriverCall *call);
void driver_get_credentials(DriverCall *call);
void driver_get_selinux_context(DriverCall *call);
void driver_get_audit_data(DriverCall *call);
void driver_reload_config(DriverCall *call);
void driver_ping(DriverCall *call);
void driver_get_machine_id(DriverCall *call);

void driver_get_all_rules(DriverCall *call);

/* The peer behind a name, with a reference; NULL: the bus itself, or nobody (then the error, which
 * says that its `what` is not known, has been sent and *ret_failed is set). */
Peer *driver_find_peer(DriverCall *call, Text name, const char *what, bool *ret_failed);
void driver_forget_peer(DriverCall *call, Peer *peer); /* drops the reference; NULL is fine */

/* What the living connections of each user have in the bus's memory. */
typedef struct DriverUser {
        uint32_t uid;
        uint64_t n_connections;
        uint64_t n_incoming, incoming_bytes, incoming_fds; /* messages that they sent */
        uint64_t n_outgoing, outgoing_bytes, outgoing_fds; /* messages that wait for them */
} DriverUser;

/* By uid, in an array to be freed with alloc_free(). 0 or -ENOMEM. */
int driver_list_users(const Names *names, DriverUser **ret_users, size_t *ret_n);

/* Says in the log that the caller is not privileged, not more often than strangers should decide.
 */
void driver_log_refused(DriverCall *call);

/* Parses a match rule's text; `scratch` has MATCHRULE_TEXT_MAX bytes. False: the error has been
 * sent. */
bool driver_parse_rule(DriverCall *call, Text text, char *scratch, MatchRule *rule);

/* The next argument; the signature has been checked. */
Text driver_read_string(DriverCall *call);
uint32_t driver_read_u32(DriverCall *call);

/* Whether an acknowledgement is wanted: errors and replies with values are sent in any case. */
bool driver_wants_ack(const DriverCall *call);

/* A reply with the body that `write` writes; NULL: out of memory. */
Message *driver_build_reply(DriverCall *call, const char *signature,
                            void (*write)(Writer *writer, const void *context),
                            const void *context);

/* The same, pushed to the caller. */
void driver_reply(DriverCall *call, const char *signature,
                  void (*write)(Writer *writer, const void *context), const void *context);
void driver_reply_u32(DriverCall *call, uint32_t value);
void driver_reply_bool(DriverCall *call, bool value);
void driver_reply_text(DriverCall *call, Text value);
void driver_reply_empty(DriverCall *call);

void driver_write_nothing(Writer *writer, const void *context);
void driver_write_u32(Writer *writer, const void *context);  /* const uint32_t * */
void driver_write_text(Writer *writer, const void *context); /* const Text * */

/* The call ends with this error. Monitors that have not been shown the call see it directly before
 * the error. */
#define driver_fail(call, name, ...)                                                               \
        driver_end_failed(call,                                                                    \
                          driver_build_error((call)->thread, (call)->caller,                       \
                                             (call)->header->frame.serial, name, __VA_ARGS__))
void driver_end_failed(DriverCall *call, Message *error);

#endif
