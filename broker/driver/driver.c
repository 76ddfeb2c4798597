/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/driver/driver.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "broker/base/cleanup.h"
#include "broker/base/hash.h"
#include "broker/base/stage.h"
#include "broker/driver/driver_private.h"
#include "broker/router/judge.h"

enum {
        ERROR_TEXT_MAX = 2048,
        HELLO_SIZE_MAX = 4096, /* of the pools, and quickly copied */
};

const DriverInterface driver_interfaces[] = {
        {"org.freedesktop.DBus", true, driver_bus_methods,
         "    <property name=\"Features\" type=\"as\" access=\"read\">\n"
         "      <annotation name=\"org.freedesktop.DBus.Property.EmitsChangedSignal\" "
         "value=\"const\"/>\n"
         "    </property>\n"
         "    <property name=\"Interfaces\" type=\"as\" access=\"read\">\n"
         "      <annotation name=\"org.freedesktop.DBus.Property.EmitsChangedSignal\" "
         "value=\"const\"/>\n"
         "    </property>\n"
         "    <signal name=\"NameOwnerChanged\">\n"
         "      <arg type=\"s\"/>\n"
         "      <arg type=\"s\"/>\n"
         "      <arg type=\"s\"/>\n"
         "    </signal>\n"
         "    <signal name=\"NameLost\">\n"
         "      <arg type=\"s\"/>\n"
         "    </signal>\n"
         "    <signal name=\"NameAcquired\">\n"
         "      <arg type=\"s\"/>\n"
         "    </signal>\n"
         "    <signal name=\"ActivatableServicesChanged\">\n"
         "    </signal>\n"},
        {"org.freedesktop.DBus.Properties", false, driver_properties_methods,
         "    <signal name=\"PropertiesChanged\">\n"
         "      <arg type=\"s\" name=\"interface_name\"/>\n"
         "      <arg type=\"a{sv}\" name=\"changed_properties\"/>\n"
         "      <arg type=\"as\" name=\"invalidated_properties\"/>\n"
         "    </signal>\n"},
        {"org.freedesktop.DBus.Introspectable", true, driver_introspectable_methods, NULL},
        {"org.freedesktop.DBus.Monitoring", false, driver_monitoring_methods, NULL},
        {"org.freedesktop.DBus.Debug.Stats", false, driver_stats_methods, NULL},
        {"org.freedesktop.DBus.Peer", true, driver_peer_methods, NULL},
        {NULL, false, NULL, NULL},
};

const DriverMethod driver_bus_methods[] = {
        {"Hello", "", "s", DRIVER_ANY_PATH, driver_hello},
        {"RequestName", "su", "u", DRIVER_ANY_PATH, driver_request_name},
        {"ReleaseName", "s", "u", DRIVER_ANY_PATH, driver_release_name},
        {"StartServiceByName", "su", "u", DRIVER_ANY_PATH, driver_start_service},
        {"UpdateActivationEnvironment", "a{ss}", "", DRIVER_PRIVILEGED, driver_update_environment},
        {"NameHasOwner", "s", "b", DRIVER_ANY_PATH, driver_name_has_owner},
        {"ListNames", "", "as", DRIVER_ANY_PATH, driver_list_names},
        {"ListActivatableNames", "", "as", DRIVER_ANY_PATH, driver_list_activatable},
        {"AddMatch", "s", "", DRIVER_ANY_PATH, driver_add_match},
        {"RemoveMatch", "s", "", DRIVER_ANY_PATH, driver_remove_match},
        {"GetNameOwner", "s", "s", DRIVER_ANY_PATH, driver_get_name_owner},
        {"ListQueuedOwners", "s", "as", DRIVER_ANY_PATH, driver_list_queued},
        {"GetConnectionUnixUser", "s", "u", DRIVER_ANY_PATH, driver_get_unix_user},
        {"GetConnectionUnixProcessID", "s", "u", DRIVER_ANY_PATH, driver_get_process_id},
        {"GetAdtAuditSessionData", "s", "ay", DRIVER_ANY_PATH, driver_get_audit_data},
        {"GetConnectionSELinuxSecurityContext", "s", "ay", DRIVER_ANY_PATH,
         driver_get_selinux_context},
        {"ReloadConfig", "", "", DRIVER_ANY_PATH, driver_reload_config},
        {"GetId", "", "s", DRIVER_ANY_PATH, driver_get_id},
        {"GetConnectionCredentials", "s", "a{sv}", DRIVER_ANY_PATH, driver_get_credentials},
        {NULL, NULL, NULL, 0, NULL},
};

/* The machine's id as libdbus finds it; "" if there is none. */
static void driver_read_machine_id(char *ret_id)
{
        static const char *const paths[] = {"/var/lib/dbus/machine-id", "/etc/machine-id"};

        ret_id[0] = '\0';
        for (size_t i = 0; i < ARRAY_SIZE(paths) && !ret_id[0]; i++) {
                CLEANUP_FD int fd = open(paths[i], O_RDONLY | O_CLOEXEC | O_NONBLOCK);

                if (fd < 0 || read(fd, ret_id, 32) != 32 ||
                    strspn(ret_id, "0123456789abcdefABCDEF") < 32)
                        ret_id[0] = '\0';
                ret_id[32] = '\0';
        }
}

int driver_init(Driver *driver, Router *router, const DriverHooks *hooks,
                const DriverFeatures *features)
{
        uint8_t random[16];
        int r = hash_random(random, sizeof(random));

        if (r < 0)
                return r;
        memset(driver, 0, sizeof(*driver));
        for (size_t i = 0; i < sizeof(random); i++)
                snprintf(driver->id + 2 * i, 3, "%02x", random[i]);
        driver_read_machine_id(driver->machine_id);
        driver->router = router;
        driver->uid = (uint32_t)getuid();
        driver->pid = (uint32_t)getpid();
        driver->hooks = *hooks;
        driver->features = *features;
        environment_init(&driver->environment);
        return 0;
}

void driver_deinit(Driver *driver)
{
        environment_deinit(&driver->environment);
}

void driver_push(RouterThread *thread, Endpoint *to, Message *message)
{
        /* Out of memory. Whoever waits for an answer in vain is better told by an end. */
        if (!message) {
                peer_close(peer_of(to));
                return;
        }
        STAGE_STOP(DRIVER_ANSWER, to->id);
        send_own(thread, to, message);
}

/* A text that was cut may end inside a UTF-8 character, which no receiver would accept. */
static void driver_trim_text(char *text, size_t size)
{
        while (size > 0 && ((unsigned char)text[size - 1] & 0xc0) == 0x80)
                size--;
        if (size > 0 && (unsigned char)text[size - 1] >= 0xc0)
                size--;
        text[size] = '\0';
}

static Message *driver_make_error(RouterThread *thread, const Endpoint *to, uint32_t serial,
                                  const char *name, const char *format, va_list args)
        __attribute__((format(printf, 5, 0)));
static Message *driver_make_error(RouterThread *thread, const Endpoint *to, uint32_t serial,
                                  const char *name, const char *format, va_list args)
{
        char text[ERROR_TEXT_MAX];
        int size = vsnprintf(text, sizeof(text), format, args);

        if (size >= (int)sizeof(text))
                driver_trim_text(text, sizeof(text) - 1);
        return busmessage_error(thread, to, serial, name, text_from(text));
}

Message *driver_build_error(RouterThread *thread, Endpoint *to, uint32_t serial, const char *name,
                            const char *format, ...)
{
        Message *error;
        va_list args;

        va_start(args, format);
        error = driver_make_error(thread, to, serial, name, format, args);
        va_end(args);
        if (!error)
                peer_close(peer_of(to)); /* see driver_push() */
        return error;
}

void driver_push_error(RouterThread *thread, Endpoint *to, uint32_t serial, const char *name,
                       const char *format, ...)
{
        Message *error;
        va_list args;

        va_start(args, format);
        error = driver_make_error(thread, to, serial, name, format, args);
        va_end(args);
        driver_push(thread, to, error);
}

void driver_end_failed(DriverCall *call, Message *error)
{
        call->failed = true;
        if (!error)
                return; /* the peer is being closed */
        if (call->shown)
                driver_push(call->thread, call->caller, error);
        else
                send_refuse(call->thread, call->caller, call->incoming, error);
}

/* The method, and whether its interface exists at this path at all. */
static const DriverMethod *driver_find_method(const Header *header, bool canonical,
                                              bool *ret_known_interface)
{
        *ret_known_interface = !text_present(header->interface);
        for (const DriverInterface *interface = driver_interfaces; interface->name; interface++) {
                if (!canonical && !interface->any_path)
                        continue;
                if (text_present(header->interface) &&
                    !text_equal(header->interface, text_from(interface->name)))
                        continue;
                *ret_known_interface = true;
                for (const DriverMethod *method = interface->methods; method->name; method++)
                        if (text_equal(header->member, text_from(method->name)))
                                return method;
        }
        return NULL;
}

void driver_log_refused(DriverCall *call)
{
        Refusals *refusals = &call->thread->refusals;
        char who[CREDENTIALS_TEXT_MAX];

        snprintf(refusals->text, sizeof(refusals->text),
                 "Rejected attempt to call %.*s by connection \"%s\" of %s: only root "
                 "and the user of the bus may",
                 TEXT_FORMAT(call->header->member), call->caller->unique_name,
                 credentials_text(&call->peer->credentials, who));
        refusals_log(refusals, refusals->text);
}

static void driver_fail_privileged(DriverCall *call)
{
        driver_log_refused(call);
        driver_fail(call, "AccessDenied",
                    "The caller does not have the necessary privileged to call this method");
}

static void driver_call(DriverCall *call)
{
        const Header *header = call->header;
        bool canonical = text_equal(header->path, BUSMESSAGE_BUS_PATH), known;
        const DriverMethod *method = driver_find_method(header, canonical, &known);

        if (!method)
                driver_fail(call, known ? "UnknownMethod" : "UnknownInterface",
                            "org.freedesktop.DBus does not understand message %.*s",
                            TEXT_FORMAT(header->member));
        else if ((method->flags & DRIVER_PRIVILEGED) && !call->caller->privileged)
                driver_fail_privileged(call);
        else if (!(method->flags & DRIVER_ANY_PATH) && !canonical)
                driver_fail(call, "AccessDenied",
                            "Method '%s' is only available at the canonical object path '%s'",
                            method->name, BUSMESSAGE_BUS_PATH.data);
        else if (!text_equal(header->signature, text_from(method->in)))
                driver_fail(call, "InvalidArgs", "Call to %s has wrong args (%.*s, expected %s)\n",
                            method->name, TEXT_FORMAT(header->signature), method->in);
        else
                method->handle(call);
}

/* Before Hello nothing but Hello is for the bus; whoever sends something else may try again. */
static bool driver_is_hello(const Header *header)
{
        return header->frame.type == FRAME_TYPE_METHOD_CALL &&
               (!text_present(header->interface) ||
                text_equal(header->interface, BUSMESSAGE_BUS_NAME)) &&
               text_equal(header->member, TEXT("Hello"));
}

void driver_handle(Driver *driver, Shard *shard, Peer *peer, Incoming *incoming)
{
        const bool first = peer->endpoint.id == ENDPOINT_NO_ID;
        DriverCall call = {.driver = driver,
                           .shard = shard,
                           .thread = &shard->thread,
                           .peer = peer,
                           .caller = &peer->endpoint,
                           .header = &incoming->header,
                           .body = incoming_body(incoming),
                           .incoming = incoming};
        Message *shown = NULL;

        if (first && !driver_is_hello(call.header)) {
                driver_fail(&call, "AccessDenied",
                            "Client tried to send a message other than Hello without being "
                            "registered");
                return;
        }
        /* A Hello is shown with the name that it brings, unless that is too much inside a step.
         * What is refused is shown with the error. */
        call.shown = false;
        if (first ? !judge_hello(call.thread, call.caller, call.header)
                  : !judge_to_bus(call.thread, call.caller, call.header)) {
                driver_fail(&call, "AccessDenied", "%s", judge_refusal(call.thread));
                return;
        }
        call.shown = !first || call.header->frame.size > HELLO_SIZE_MAX;
        if (call.shown)
                shown = send_capture(&shard->thread, &peer->endpoint, incoming);
        if (call.header->frame.type == FRAME_TYPE_METHOD_CALL)
                driver_call(&call);
        send_end_capture(&shard->thread, &peer->endpoint, incoming, shown, !call.failed);
}
