/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AppArmor: whether a peer's profile lets it send, receive, own a name or eavesdrop.
 *
 * The kernel is asked each time, by aa_query_label(2), and the router keeps the answers. Of a
 * message, both ends are asked, each about the other; an end that is unconfined is not asked, nor
 * one whose profile only complains, because its answer would count for nothing. That a profile
 * wants what it allows to be audited has no effect: refusals are in the bus's log, and nothing is
 * in the kernel's.
 *
 * A peer whose label the kernel does not tell, as over TCP, cannot be asked about, and so it may
 * not: the reference does not even let it in.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <sys/apparmor.h>

#include "broker/base/alloc.h"
#include "broker/base/cleanup.h"
#include "broker/lsm_private.h"

/*
 * The kernel takes a question of at most one page, less a few bytes, and Linux's largest pages are
 * of this size: what does not fit here would be refused there. Only the path of a message may be
 * that long.
 */
enum { QUESTION_MAX = 65536 };

typedef struct Question {
        size_t n;
        bool is_too_long;
        char bytes[QUESTION_MAX]; /* libapparmor writes into the first AA_QUERY_CMD_LABEL_SIZE */
} Question;

/* Of the bus; as of lsm_check(), as with the reference. */
static char *bus_type;
static char *bus_name; /* the buffer of aa_getcon(3) */
static LsmAppArmorLabel bus_label;

static int negative_errno(void)
{
        return errno > 0 ? -errno : -EIO;
}

static bool can_refuse(Text name, Text mode)
{
        if (text_equal(mode, TEXT("unconfined")) || text_equal(mode, TEXT("complain")))
                return false;
        return text_present(mode) || !text_equal(name, TEXT("unconfined"));
}

LsmAppArmorLabel lsm_apparmor_split(const char *label)
{
        LsmAppArmorLabel unknown = {.name = TEXT_NONE, .can_refuse = true};
        Text name = text_from(label);
        Text mode = TEXT_NONE;

        if (name.size > 0 && name.data[name.size - 1] == '\n')
                name.size--;
        if (!text_equal(name, TEXT("unconfined"))) {
                size_t at = name.size;

                if (at < 4 || name.data[at - 1] != ')')
                        return unknown;
                for (at -= 2; at > 0 && memcmp(name.data + at, " (", 2) != 0; at--)
                        ;
                if (at == 0)
                        return unknown;
                mode = (Text){.data = name.data + at + 2, .size = name.size - at - 3};
                name.size = at;
        }
        return (LsmAppArmorLabel){.name = name, .can_refuse = can_refuse(name, mode)};
}

static void add_bytes(Question *question, const char *bytes, size_t n)
{
        if (n > sizeof(question->bytes) - question->n) {
                question->is_too_long = true;
                return;
        }
        if (n > 0)
                memcpy(question->bytes + question->n, bytes, n);
        question->n += n;
}

/* Each text but the first comes behind a nul byte; an absent one is an empty one. */
static void add(Question *question, Text text)
{
        add_bytes(question, "", 1);
        add_bytes(question, text.data, text.size);
}

static void begin(Question *question, Text label)
{
        static const char class = AA_CLASS_DBUS;

        question->n = AA_QUERY_CMD_LABEL_SIZE;
        question->is_too_long = false;
        add_bytes(question, label.data, label.size);
        add(question, (Text){.data = &class, .size = 1});
        add_bytes(question, bus_type, strlen(bus_type));
}

static int put(Question *question, uint32_t permission)
{
        int is_allowed = 0;
        int is_audited = 0;

        if (question->is_too_long)
                return -ENAMETOOLONG;
        if (aa_query_label(permission, question->bytes, question->n, &is_allowed, &is_audited) < 0)
                return negative_errno();
        return is_allowed ? 0 : -EACCES;
}

/* Asks the profile `label` about a message to or from `other`, whom the sender calls `name`. */
static int ask_end(uint32_t permission, Text label, Text name, Text other,
                   const MediatorQuestion *message)
{
        Question question;

        begin(&question, label);
        add(&question, name);
        add(&question, other);
        add(&question, message->path);
        add(&question, message->interface);
        add(&question, message->member);
        return put(&question, permission);
}

static int ask_about_message(const MediatorQuestion *message)
{
        LsmAppArmorLabel sender = lsm_apparmor_split(message->label);
        LsmAppArmorLabel recipient =
                message->to_bus ? bus_label : lsm_apparmor_split(message->recipient_label);
        int r = 0;

        if (!text_present(sender.name) || !text_present(recipient.name))
                return -ENODATA;
        if (sender.can_refuse)
                r = ask_end(AA_DBUS_SEND, sender.name, message->name, recipient.name, message);
        if (r == 0 && recipient.can_refuse)
                r = ask_end(AA_DBUS_RECEIVE, recipient.name, message->source, sender.name, message);
        return r;
}

static int ask_about_peer(const MediatorQuestion *about)
{
        LsmAppArmorLabel label = lsm_apparmor_split(about->label);
        Question question;

        if (!text_present(label.name))
                return -ENODATA;
        if (!label.can_refuse)
                return 0;
        begin(&question, label.name);
        if (about->act == MEDIATOR_EAVESDROP)
                return put(&question, AA_DBUS_EAVESDROP);
        add(&question, about->name);
        return put(&question, AA_DBUS_BIND);
}

static int ask(const Mediator *mediator, const MediatorQuestion *question)
{
        (void)mediator;
        return question->act == MEDIATOR_SEND ? ask_about_message(question)
                                              : ask_about_peer(question);
}

static bool concerns(const Mediator *mediator, const MediatorQuestion *question)
{
        (void)mediator;
        if (lsm_apparmor_split(question->label).can_refuse)
                return true;
        if (question->act != MEDIATOR_SEND)
                return false;
        return question->to_bus ? bus_label.can_refuse
                                : lsm_apparmor_split(question->recipient_label).can_refuse;
}

static void free_apparmor(Mediator *mediator)
{
        alloc_free(mediator);
}

static int mediate(const Config *config, Mediator **ret_mediator)
{
        Mediator *mediator = alloc_zeroed(1, sizeof(*mediator));

        (void)config; /* what counts in there counts since the start */
        if (!mediator)
                return -ENOMEM;
        *mediator = (Mediator){
                .title = "AppArmor",
                .complaint = "An AppArmor policy prevents this sender from sending this message to "
                             "this recipient",
                .reads_messages = true,
                .ignores_replies = true,
                .mediates_eavesdropping = true,
                .concerns = concerns,
                .ask = ask,
                .free = free_apparmor,
        };
        *ret_mediator = mediator;
        return 0;
}

static bool is_wanted(const Config *config)
{
        return config->apparmor != CONFIG_APPARMOR_DISABLED;
}

/* An fd of a file of AppArmor's, or a negative errno. */
static int open_file(const char *name)
{
        CLEANUP_ALLOC char *path = NULL;
        char *folder = NULL;
        int fd;

        if (aa_find_mountpoint(&folder) < 0)
                return negative_errno();
        path = alloc_format("%s/%s", folder, name);
        free(folder);
        if (!path)
                return -ENOMEM;
        fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        return fd >= 0 ? fd : negative_errno();
}

static void forget(void)
{
        bus_type = alloc_free(bus_type);
        free(bus_name);
        bus_name = NULL;
        bus_label = (LsmAppArmorLabel){0};
}

/* Who the bus is. */
static int find_bus(const Config *config)
{
        const char *type = config->type ? config->type : "";
        char *mode = NULL; /* in bus_name's buffer */

        bus_type = alloc_string(type, strlen(type));
        if (!bus_type)
                return -ENOMEM;
        if (aa_getcon(&bus_name, &mode) < 0) {
                bus_name = NULL;
                return negative_errno();
        }
        bus_label.name = text_from(bus_name);
        bus_label.can_refuse = can_refuse(bus_label.name, text_from(mode));
        return 0;
}

static int find(const Config *config, const char **ret_problem)
{
        int r;

        if (!aa_is_enabled()) {
                *ret_problem = "AppArmor is not enabled in the kernel";
                return LSM_OFF;
        }
        r = open_file("features/dbus/mask");
        if (r == -ENOMEM || r == -EMFILE || r == -ENFILE) {
                *ret_problem = "whether it mediates D-Bus cannot be found out";
                return r;
        }
        if (r < 0) { /* In a container it may be there, but not for us. */
                *ret_problem = "the kernel's AppArmor does not have the feature dbus";
                return LSM_OFF;
        }
        cleanup_close(r);
        r = find_bus(config);
        if (r < 0) {
                *ret_problem = "the bus's own label cannot be found";
                forget();
                return r;
        }
        return LSM_ON;
}

/* The number of the policy: its first reading, and each when there is another one, wakes up. */
static int drain(int fd)
{
        char number[32]; /* longer than any, or the kernel does not count it as read */
        ssize_t n;

        (void)lseek(fd, 0, SEEK_SET); /* what cannot seek does not need to */
        do
                n = read(fd, number, sizeof(number));
        while (n < 0 && errno == EINTR);
        if (n < 0)
                return errno == EAGAIN ? 0 : negative_errno();
        return n > 0 ? 1 : -ENODATA;
}

static int watch(void)
{
        int fd = open_file("revision");
        int r;

        if (fd < 0)
                return fd;
        r = drain(fd);
        if (r < 0) {
                cleanup_close(fd);
                return r;
        }
        return fd;
}

static void unwatch(int fd)
{
        cleanup_close(fd);
}

const LsmModule lsm_apparmor_module = {
        .title = "AppArmor",
        .is_wanted = is_wanted,
        .find = find,
        .forget = forget,
        .mediate = mediate,
        .watch = watch,
        .drain = drain,
        .unwatch = unwatch,
};
