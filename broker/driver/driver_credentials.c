/* SPDX-License-Identifier: Apache-2.0 */
/* Who is behind a name. Read once, in the gate; here it is only told. */
#include <fcntl.h>
#include <unistd.h>

#include "broker/driver/driver_private.h"

Peer *driver_find_peer(DriverCall *call, Text name, const char *what, bool *ret_failed)
{
        Names *names = &call->driver->router->names;
        Endpoint *owner;

        *ret_failed = false;
        if (text_equal(name, BUSMESSAGE_BUS_NAME))
                return NULL;
        lock_acquire(&names->lock);
        owner = names_get_owner(names, name);
        if (owner) {
                endpoint_ref(owner);
        } else {
                *ret_failed = true;
                driver_fail(call, "NameHasNoOwner", "Could not get %s of name '%.*s': no such name",
                            what, TEXT_FORMAT(name));
        }
        lock_release(&names->lock);
        return owner ? peer_of(owner) : NULL;
}

void driver_forget_peer(DriverCall *call, Peer *peer)
{
        if (peer)
                endpoint_unref(&peer->endpoint, &call->thread->pool);
}

void driver_get_unix_user(DriverCall *call)
{
        Text name = driver_read_string(call);
        bool failed;
        Peer *peer = driver_find_peer(call, name, "UID", &failed);

        if (!failed && peer && peer->credentials.uid == CREDENTIALS_NO_UID)
                driver_fail(call, "Failed", "Could not determine UID for '%.*s'",
                            TEXT_FORMAT(name));
        else if (!failed)
                driver_reply_u32(call, peer ? peer->credentials.uid : call->driver->uid);
        driver_forget_peer(call, peer);
}

void driver_get_process_id(DriverCall *call)
{
        Text name = driver_read_string(call);
        bool failed;
        Peer *peer = driver_find_peer(call, name, "PID", &failed);

        if (!failed && peer && peer->credentials.pid <= 0)
                driver_fail(call, "UnixProcessIdUnknown", "Could not determine PID for '%.*s'",
                            TEXT_FORMAT(name));
        else if (!failed)
                driver_reply_u32(call, peer ? (uint32_t)peer->credentials.pid : call->driver->pid);
        driver_forget_peer(call, peer);
}

static void driver_write_entry_u32(Writer *writer, Text key, uint32_t value)
{
        writer_open_struct(writer);
        writer_string(writer, key);
        writer_open_variant(writer, TEXT("u"));
        writer_u32(writer, value);
}

typedef struct DriverCredentials {
        const Credentials *credentials;
        bool with_pidfd;
} DriverCredentials;

static void driver_write_credentials(Writer *writer, const void *context)
{
        const DriverCredentials *what = context;
        const Credentials *credentials = what->credentials;

        writer_open_array(writer, '{');
        if (credentials->pid > 0)
                driver_write_entry_u32(writer, TEXT("ProcessID"), (uint32_t)credentials->pid);
        if (credentials->uid != CREDENTIALS_NO_UID)
                driver_write_entry_u32(writer, TEXT("UnixUserID"), credentials->uid);
        if (credentials->groups) {
                writer_open_struct(writer);
                writer_string(writer, TEXT("UnixGroupIDs"));
                writer_open_variant(writer, TEXT("au"));
                writer_open_array(writer, 'u');
                for (size_t i = 0; i < credentials->n_groups; i++)
                        writer_u32(writer, credentials->groups[i]);
                writer_close_array(writer);
        }
        if (credentials->security_label) { /* with one trailing NUL, as the reference has it */
                writer_open_struct(writer);
                writer_string(writer, TEXT("LinuxSecurityLabel"));
                writer_open_variant(writer, TEXT("ay"));
                writer_bytes(writer, credentials->security_label,
                             credentials->security_label_size + 1);
        }
        if (what->with_pidfd) {
                writer_open_struct(writer);
                writer_string(writer, TEXT("ProcessFD"));
                writer_open_variant(writer, TEXT("h"));
                writer_u32(writer, 0);
        }
        writer_close_array(writer);
}

/* The pidfd is opened for who asks: one for each connection would double the fds of an idle bus. */
static void driver_reply_credentials(DriverCall *call, const Credentials *credentials,
                                     const Peer *peer)
{
        int pidfd = peer && call->caller->passes_fds ? credentials_open_pidfd(peer->fd) : -1;
        int *fds = pidfd >= 0 ? pool_alloc(&call->thread->pool, sizeof(int)) : NULL;
        DriverCredentials what = {.credentials = credentials, .with_pidfd = fds != NULL};
        WriterHeader header = {.type = FRAME_TYPE_METHOD_RETURN,
                               .sender = BUSMESSAGE_BUS_NAME,
                               .reply_serial = call->header->frame.serial,
                               .destination = endpoint_name(call->caller),
                               .signature = TEXT("a{sv}"),
                               .n_unix_fds = fds ? 1 : 0};
        Message *message = busmessage_build(call->thread, &header, driver_write_credentials, &what);

        if (message && fds) {
                fds[0] = pidfd;
                message->fds = fds;
                message->n_fds = 1;
        } else {
                if (pidfd >= 0)
                        close(pidfd);
                if (fds)
                        pool_free(&call->thread->pool, fds, sizeof(int));
        }
        driver_push(call->thread, call->caller, message);
}

void driver_get_credentials(DriverCall *call)
{
        Credentials own = {.uid = call->driver->uid, .pid = (pid_t)call->driver->pid};
        bool failed;
        Peer *peer = driver_find_peer(call, driver_read_string(call), "credentials", &failed);

        if (!failed)
                driver_reply_credentials(call, peer ? &peer->credentials : &own, peer);
        driver_forget_peer(call, peer);
}

/* The bytes without a NUL behind them, as opposed to LinuxSecurityLabel. */
static void driver_write_context(Writer *writer, const void *context)
{
        const Text *label = context;

        writer_bytes(writer, label->data, label->size);
}

/* Only where SELinux mediates: another module's label is none of its contexts. */
void driver_get_selinux_context(DriverCall *call)
{
        const DriverFeatures *features = &call->driver->features;
        Text name = driver_read_string(call), label = TEXT_NONE;
        bool failed;
        Peer *peer = driver_find_peer(call, name, "security context", &failed);

        if (features->selinux)
                label = text_from(peer ? peer->credentials.security_label
                                       : features->selinux_label);
        if (!failed && text_present(label))
                driver_push(call->thread, call->caller,
                            driver_build_reply(call, "ay", driver_write_context, &label));
        else if (!failed)
                driver_fail(call, "SELinuxSecurityContextUnknown",
                            "Could not determine security context for '%.*s'", TEXT_FORMAT(name));
        driver_forget_peer(call, peer);
}

/* Solaris' audit sessions: never known on Linux. */
void driver_get_audit_data(DriverCall *call)
{
        Text name = driver_read_string(call);
        bool failed;
        Peer *peer = driver_find_peer(call, name, "audit session data", &failed);

        if (!failed)
                driver_fail(call, "AdtAuditDataUnknown",
                            "Could not determine audit session data for '%.*s'", TEXT_FORMAT(name));
        driver_forget_peer(call, peer);
}
