/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SELinux: the class dbus, with the permissions send_msg and acquire_svc.
 *
 * The kernel is asked each time, by security_compute_av_flags(3), and the router keeps the answers.
 * libselinux has a cache of its own, the AVC, but that is one for the process and shared by threads
 * only under locks that it must be given. What libselinux keeps about classes has no lock at all,
 * so only the control thread looks those up, and once for each Mediator.
 *
 * Labels are raw ones, as the kernel writes them; those of people, with words for levels, are
 * translated first.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <selinux/avc.h>
#include <selinux/selinux.h>

#include "broker/base/alloc.h"
#include "broker/base/assert.h"
#include "broker/base/log.h"
#include "broker/lsm_private.h"

typedef struct Association {
        char *own;
        char *context; /* from libselinux */
} Association;

typedef struct SELinux {
        Mediator mediator;      /* first: see get_selinux() */
        security_class_t class; /* 0: the policy does not know it */
        access_vector_t send;   /* the same of the permissions */
        access_vector_t own;
        bool is_enforcing;
        bool denies_unknown; /* what the policy does not know */
        char *unlabeled;     /* the context of who has none, from libselinux; NULL: unknown */
        Association *associations;
        size_t n_associations;
} SELinux;

/* The bus's context, from libselinux. */
static char *bus_context;

static const SELinux *get_selinux(const Mediator *mediator)
{
        return (const SELinux *)(const void *)mediator; /* CONTAINER_OF() drops the const */
}

static int negative_errno(void)
{
        return errno > 0 ? -errno : -EIO;
}

/*
 * A context never has a blank in it. One that had would be taken apart where the kernel reads the
 * question, and another question answered.
 */
static bool is_context(const char *label)
{
        if (!label || *label == '\0')
                return false;
        for (; *label; label++) {
                if ((unsigned char)*label <= ' ')
                        return false;
        }
        return true;
}

static int ask_kernel(const SELinux *selinux, const char *source, const char *target,
                      access_vector_t permission)
{
        struct av_decision decision = {0};

        if (!is_context(source) || !is_context(target))
                return -EACCES;
        if (security_compute_av_flags_raw(source, target, selinux->class, permission, &decision) <
            0)
                return errno == EINVAL ? -EACCES : negative_errno(); /* EINVAL: no such context */
        if ((decision.allowed & permission) || (decision.flags & SELINUX_AVD_FLAGS_PERMISSIVE))
                return 0;
        return -EACCES;
}

static const char *find_associated(const SELinux *selinux, Text name)
{
        for (size_t i = 0; i < selinux->n_associations; i++) {
                if (text_equal(text_from(selinux->associations[i].own), name))
                        return selinux->associations[i].context;
        }
        return bus_context;
}

static bool concerns(const Mediator *mediator, const MediatorQuestion *question)
{
        const SELinux *selinux = get_selinux(mediator);

        return selinux->is_enforcing && question->act != MEDIATOR_EAVESDROP;
}

static int ask(const Mediator *mediator, const MediatorQuestion *question)
{
        const SELinux *selinux = get_selinux(mediator);
        const char *source = question->label ? question->label : selinux->unlabeled;
        const char *target = bus_context;
        access_vector_t permission = selinux->send;

        if (!concerns(mediator, question))
                return 0;
        if (question->act == MEDIATOR_OWN) {
                permission = selinux->own;
                target = find_associated(selinux, question->name);
        } else if (!question->to_bus) {
                target = question->recipient_label ? question->recipient_label : selinux->unlabeled;
        }
        if (permission == 0)
                return selinux->denies_unknown ? -EACCES : 0;
        return ask_kernel(selinux, source, target, permission);
}

static void free_selinux(Mediator *mediator)
{
        SELinux *selinux = CONTAINER_OF(mediator, SELinux, mediator);

        for (size_t i = 0; i < selinux->n_associations; i++) {
                alloc_free(selinux->associations[i].own);
                freecon(selinux->associations[i].context);
        }
        alloc_free(selinux->associations);
        freecon(selinux->unlabeled);
        alloc_free(selinux);
}

static int copy_associations(SELinux *selinux, const Config *config)
{
        if (config->n_associations == 0)
                return 0;
        selinux->associations = alloc_zeroed(config->n_associations, sizeof(Association));
        if (!selinux->associations)
                return -ENOMEM;
        selinux->n_associations = config->n_associations;
        for (size_t i = 0; i < config->n_associations; i++) {
                const ConfigAssociation *from = &config->associations[i];
                Association *to = &selinux->associations[i];

                to->own = alloc_string(from->own, strlen(from->own));
                if (!to->own)
                        return -ENOMEM;
                if (selinux_trans_to_raw_context(from->context, &to->context) < 0)
                        return negative_errno();
        }
        return 0;
}

static void look_up_permissions(SELinux *selinux)
{
        selinux_flush_class_cache(); /* a policy numbers them as it likes */
        selinux->class = string_to_security_class("dbus");
        if (selinux->class == 0) {
                log_warning("SELinux's policy does not know the class dbus");
                return;
        }
        selinux->send = string_to_av_perm(selinux->class, "send_msg");
        selinux->own = string_to_av_perm(selinux->class, "acquire_svc");
}

static int mediate(const Config *config, Mediator **ret_mediator)
{
        SELinux *selinux = alloc_zeroed(1, sizeof(*selinux));
        int r;

        if (!selinux)
                return -ENOMEM;
        selinux->mediator = (Mediator){
                .title = "SELinux",
                .complaint = "An SELinux policy prevents this sender from sending this message to "
                             "this recipient, 0 matched rules",
                .concerns = concerns,
                .ask = ask,
                .free = free_selinux,
        };
        look_up_permissions(selinux);
        /* If either cannot be read, -1: what is not known to be harmless is denied. */
        selinux->is_enforcing = security_getenforce() != 0;
        selinux->denies_unknown = security_deny_unknown() != 0;
        if (security_get_initial_context_raw("unlabeled", &selinux->unlabeled) < 0)
                selinux->unlabeled = NULL;
        r = copy_associations(selinux, config);
        if (r < 0) {
                free_selinux(&selinux->mediator);
                return r;
        }
        *ret_mediator = &selinux->mediator;
        return 0;
}

static bool is_wanted(const Config *config)
{
        (void)config; /* nothing in there switches it off */
        return true;
}

static int find(const Config *config, const char **ret_problem)
{
        (void)config;
        if (is_selinux_enabled() != 1) {
                *ret_problem = "SELinux is not enabled in the kernel";
                return LSM_OFF;
        }
        if (getcon_raw(&bus_context) < 0) {
                int r = negative_errno();

                bus_context = NULL;
                *ret_problem = "the bus's own context cannot be found";
                return r;
        }
        return LSM_ON;
}

static void forget(void)
{
        freecon(bus_context);
        bus_context = NULL;
}

const char *lsm_selinux_label(void)
{
        return bus_context;
}

/* What libselinux has to say, which is that the policy or the mode has changed. */
static int log_for_library(int type, const char *format, ...) __attribute__((format(printf, 2, 3)));
static int log_for_library(int type, const char *format, ...)
{
        char text[512];
        va_list arguments;
        size_t n;

        va_start(arguments, format);
        vsnprintf(text, sizeof(text), format, arguments);
        va_end(arguments);
        n = strcspn(text, "\n");
        log_line(type == SELINUX_ERROR ? LOG_LEVEL_ERROR : LOG_LEVEL_NOTICE, "SELinux: %.*s",
                 (int)n, text);
        return 0;
}

/* libselinux's netlink socket tells both a new policy and a change between enforcing and
 * permissive, and needs none of its AVC. */
static int watch(void)
{
        int fd;

        selinux_set_callback(SELINUX_CB_LOG, (union selinux_callback){.func_log = log_for_library});
        fd = avc_netlink_acquire_fd();
        return fd >= 0 ? fd : negative_errno();
}

static int drain(int fd)
{
        (void)fd; /* libselinux knows it */
        return avc_netlink_check_nb() < 0 ? negative_errno() : 1;
}

static void unwatch(int fd)
{
        (void)fd;
        avc_netlink_close();
}

const LsmModule lsm_selinux_module = {
        .title = "SELinux",
        .is_wanted = is_wanted,
        .find = find,
        .forget = forget,
        .mediate = mediate,
        .watch = watch,
        .drain = drain,
        .unwatch = unwatch,
};
