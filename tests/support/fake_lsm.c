/* SPDX-License-Identifier: Apache-2.0 */
/* See fake_lsm.h. The functions are those of libselinux and libapparmor that ringbus calls. */
#include "tests/support/fake_lsm.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/apparmor.h>
#include <sys/stat.h>
#include <unistd.h>

#include <selinux/avc.h>
#include <selinux/selinux.h>

#include "broker/base/assert.h"
#include "broker/base/cleanup.h"

/* None is 0 or 1, so that whoever takes a guess is wrong. */
enum { CLASS_DBUS = 52, PERMISSION_ACQUIRE = 4, PERMISSION_SEND = 8 };

static security_class_t known_class; /* until it is flushed; 0: none */
static int netlink_fd = -1;
static int revision_fd = -1; /* so that the pipe has a writer */

int __wrap_is_selinux_enabled(void);
const char *__wrap_selinux_policy_root(void);
int __wrap_getcon_raw(char **context);
int __wrap_selinux_trans_to_raw_context(const char *people, char **raw);
int __wrap_security_get_initial_context_raw(const char *name, char **context);
int __wrap_security_getenforce(void);
int __wrap_security_deny_unknown(void);
security_class_t __wrap_string_to_security_class(const char *name);
access_vector_t __wrap_string_to_av_perm(security_class_t class, const char *name);
void __wrap_selinux_flush_class_cache(void);
int __wrap_security_compute_av_flags_raw(const char *source, const char *target,
                                         security_class_t class, access_vector_t requested,
                                         struct av_decision *decision);
int __wrap_avc_netlink_acquire_fd(void);
int __wrap_avc_netlink_check_nb(void);
void __wrap_avc_netlink_close(void);
int __wrap_aa_is_enabled(void);
int __wrap_aa_find_mountpoint(char **folder);
int __wrap_aa_getcon(char **label, char **mode);
int __wrap_aa_query_label(uint32_t mask, char *query, size_t size, int *allowed, int *audited);

/* Whether the function is to fail, with errno. */
static bool fails(const char *function)
{
        char prefix[128];
        char value[32];

        snprintf(prefix, sizeof(prefix), "fail %s ", function);
        if (!fake_lsm_file_find(prefix, value, sizeof(value)))
                return false;
        errno = atoi(value);
        return true;
}

static int give(const char *text, char **ret_copy)
{
        *ret_copy = strdup(text);
        return *ret_copy ? 0 : -1;
}

int __wrap_is_selinux_enabled(void)
{
        return fails("is_selinux_enabled") ? -1 : fake_lsm_file_says("selinux on");
}

const char *__wrap_selinux_policy_root(void)
{
        static char path[PATH_MAX];

        fake_lsm_file_path("", path, sizeof(path));
        return path;
}

int __wrap_getcon_raw(char **context)
{
        char own[256] = FAKE_LSM_BUS_CONTEXT;

        if (fails("getcon_raw"))
                return -1;
        (void)fake_lsm_file_find("selinux own ", own, sizeof(own));
        return give(own, context);
}

int __wrap_selinux_trans_to_raw_context(const char *people, char **raw)
{
        static const char prefix[] = "people:";

        if (fails("selinux_trans_to_raw_context"))
                return -1;
        return give(strncmp(people, prefix, strlen(prefix)) == 0 ? people + strlen(prefix) : people,
                    raw);
}

int __wrap_security_get_initial_context_raw(const char *name, char **context)
{
        char text[256];

        if (fails("security_get_initial_context_raw"))
                return -1;
        snprintf(text, sizeof(text), "initial:%s", name);
        return give(text, context);
}

int __wrap_security_getenforce(void)
{
        return fails("security_getenforce") ? -1 : !fake_lsm_file_says("selinux permissive");
}

int __wrap_security_deny_unknown(void)
{
        return fails("security_deny_unknown") ? -1 : fake_lsm_file_says("selinux deny_unknown");
}

/* Like the library, it remembers what it has found. */
security_class_t __wrap_string_to_security_class(const char *name)
{
        char number[16];

        if (known_class)
                return known_class;
        if (strcmp(name, "dbus") != 0 || fake_lsm_file_says("selinux without %s", name)) {
                errno = EINVAL;
                return 0;
        }
        known_class = CLASS_DBUS;
        if (fake_lsm_file_find("selinux class ", number, sizeof(number)))
                known_class = (security_class_t)atoi(number);
        return known_class;
}

access_vector_t __wrap_string_to_av_perm(security_class_t class, const char *name)
{
        ASSERT(class != 0 && class == known_class);
        if (!fake_lsm_file_says("selinux without %s", name)) {
                if (strcmp(name, "send_msg") == 0)
                        return PERMISSION_SEND;
                if (strcmp(name, "acquire_svc") == 0)
                        return PERMISSION_ACQUIRE;
        }
        errno = EINVAL;
        return 0;
}

void __wrap_selinux_flush_class_cache(void)
{
        known_class = 0;
}

int __wrap_security_compute_av_flags_raw(const char *source, const char *target,
                                         security_class_t class, access_vector_t requested,
                                         struct av_decision *decision)
{
        const char *name = requested == PERMISSION_SEND ? "send_msg" : "acquire_svc";
        char line[FAKE_LSM_TEXT_MAX];

        snprintf(line, sizeof(line), "selinux %s %s %u %u", source, target, (unsigned)class,
                 (unsigned)requested);
        fake_lsm_file_record(line);
        if (fails("security_compute_av_flags_raw"))
                return -1;
        if (fake_lsm_file_says("invalid %s", source) || fake_lsm_file_says("invalid %s", target)) {
                errno = EINVAL;
                return -1;
        }
        *decision = (struct av_decision){.allowed = PERMISSION_SEND | PERMISSION_ACQUIRE};
        if (fake_lsm_file_says("deny %s %s %s", name, source, target))
                decision->allowed &= ~requested;
        if (fake_lsm_file_says("permissive %s", source))
                decision->flags = SELINUX_AVD_FLAGS_PERMISSIVE;
        return 0;
}

/* A pipe in a file, and a writer and reader of it. */
static int open_pipe(const char *name)
{
        char path[PATH_MAX];

        fake_lsm_file_path(name, path, sizeof(path));
        if (mkfifo(path, 0666) < 0 && errno != EEXIST)
                return -1;
        return open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
}

int __wrap_avc_netlink_acquire_fd(void)
{
        if (fails("avc_netlink_acquire_fd"))
                return -1;
        if (netlink_fd < 0)
                netlink_fd = open_pipe("netlink");
        return netlink_fd;
}

int __wrap_avc_netlink_check_nb(void)
{
        char bytes[64];
        union selinux_callback log = selinux_get_callback(SELINUX_CB_LOG);

        if (fails("avc_netlink_check_nb"))
                return -1;
        while (read(netlink_fd, bytes, sizeof(bytes)) > 0)
                log.func_log(SELINUX_INFO, "%s:  op=load_policy\n", "uavc");
        return errno == EAGAIN ? 0 : -1;
}

void __wrap_avc_netlink_close(void)
{
        close(netlink_fd);
        netlink_fd = -1;
}

int __wrap_aa_is_enabled(void)
{
        return fake_lsm_file_says("apparmor on");
}

/* Of the folder of AppArmor, what says that D-Bus is mediated; -1 with errno. */
static int fill_features(void)
{
        char path[PATH_MAX];
        int fd;

        fake_lsm_file_path("features/dbus/mask", path, sizeof(path));
        (void)unlink(path);
        if (!fake_lsm_file_says("apparmor without dbus")) {
                fake_lsm_file_path("features", path, sizeof(path));
                (void)mkdir(path, 0777);
                fake_lsm_file_path("features/dbus", path, sizeof(path));
                (void)mkdir(path, 0777);
                fake_lsm_file_path("features/dbus/mask", path, sizeof(path));
                fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
                if (fd < 0)
                        return -1;
                close(fd);
        }
        return 0;
}

/* Who opens the kernel's finds its first number to read. */
static int fill_revision(void)
{
        char path[PATH_MAX];

        if (fake_lsm_file_says("apparmor without revision")) {
                fake_lsm_file_path("revision", path, sizeof(path));
                revision_fd = cleanup_close(revision_fd);
                return unlink(path) == 0 || errno == ENOENT ? 0 : -1;
        }
        if (revision_fd < 0)
                revision_fd = open_pipe("revision");
        while (read(revision_fd, path, sizeof(path)) > 0)
                ; /* what others were told */
        return write(revision_fd, "1\n", 2) == 2 ? 0 : -1;
}

int __wrap_aa_find_mountpoint(char **folder)
{
        char path[PATH_MAX];

        if (fails("aa_find_mountpoint") || fill_features() < 0 || fill_revision() < 0)
                return -1;
        fake_lsm_file_path(".", path, sizeof(path));
        return give(path, folder);
}

int __wrap_aa_getcon(char **label, char **mode)
{
        char own[256] = "unconfined";

        if (fails("aa_getcon"))
                return -1;
        (void)fake_lsm_file_find("apparmor own ", own, sizeof(own));
        if (give(own, label) < 0)
                return -1;
        *mode = NULL;
        return aa_splitcon(*label, mode) ? 0 : -1;
}

static void record_query(uint32_t mask, const char *query, size_t size)
{
        static const char escaped[] = "\"|\\";
        char *line = malloc(size * 4 + 64);
        size_t n;

        ASSERT(line);
        n = (size_t)sprintf(line, "apparmor %u \"", (unsigned)mask);
        for (size_t i = 0; i < size; i++) {
                unsigned char c = (unsigned char)query[i];

                if (c == '\0')
                        line[n++] = '|';
                else if (c < ' ' || c > '~' || strchr(escaped, c))
                        n += (size_t)sprintf(line + n, "\\x%02x", c);
                else
                        line[n++] = (char)c;
        }
        line[n++] = '"';
        line[n] = '\0';
        fake_lsm_file_record(line);
        free(line);
}

/* The n-th text of the query; it ends at the next nul byte, or with the query. */
static void find_text(const char *query, size_t size, unsigned n, char *ret_text, size_t text_size)
{
        const char *end = query + size;

        for (; n > 0 && query < end; n--)
                query += strnlen(query, (size_t)(end - query)) + 1;
        ret_text[0] = '\0';
        if (query < end)
                snprintf(ret_text, text_size, "%.*s", (int)strnlen(query, (size_t)(end - query)),
                         query);
}

/* Label, class and type, and, of owning a name, the name, of a message, a name and the other's
 * label, which are what rules of this fake can tell. */
static bool is_denied(uint32_t mask, const char *query, size_t size)
{
        char label[1024];
        char name[1024];
        char other[1024];

        find_text(query, size, 0, label, sizeof(label));
        find_text(query, size, 2, name, sizeof(name));
        find_text(query, size, 3, other, sizeof(other));
        switch (mask) {
        case AA_DBUS_SEND:
                return fake_lsm_file_says("deny send %s %s", label, other);
        case AA_DBUS_RECEIVE:
                return fake_lsm_file_says("deny receive %s %s", label, other);
        case AA_DBUS_BIND:
                return fake_lsm_file_says("deny bind %s %s", label, name);
        case AA_DBUS_EAVESDROP:
                return fake_lsm_file_says("deny eavesdrop %s", label);
        default:
                return true;
        }
}

int __wrap_aa_query_label(uint32_t mask, char *query, size_t size, int *allowed, int *audited)
{
        ASSERT(size > AA_QUERY_CMD_LABEL_SIZE);
        memcpy(query, AA_QUERY_CMD_LABEL, AA_QUERY_CMD_LABEL_SIZE);
        query += AA_QUERY_CMD_LABEL_SIZE;
        size -= AA_QUERY_CMD_LABEL_SIZE;
        record_query(mask, query, size);
        if (fails("aa_query_label"))
                return -1;
        *allowed = !is_denied(mask, query, size);
        *audited = 1;
        return 0;
}
