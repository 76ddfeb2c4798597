/* SPDX-License-Identifier: Apache-2.0 */
/* See root.h. */
#include "broker/root.h"

#include <errno.h>
#include <sys/resource.h>

#include "broker/base/alloc.h"
#include "broker/base/log.h"
#include "broker/io/io.h"
#include "broker/lsm.h"

enum { FD_SHARES = 8, FD_SHARE_MIN = 64 };

/*
 * How many received fds one connection may have in the bus at once, as sender or as receiver: a
 * part of those that the process can open, so that one client's hoard leaves a reserve and never
 * cuts another's fds off, however high the configured limits are.
 */
static uint64_t root_fd_share(void)
{
        struct rlimit limit;

        if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur == RLIM_INFINITY)
                return UINT64_MAX;
        return limit.rlim_cur / FD_SHARES > FD_SHARE_MIN ? limit.rlim_cur / FD_SHARES
                                                         : FD_SHARE_MIN;
}

static uint64_t root_min(uint64_t a, uint64_t b)
{
        return a < b ? a : b;
}

/* Every root has a policy of a generation of its own. */
static int root_compile_policy(const PolicyRules *rules, Policy **ret_policy)
{
        static uint64_t generation; /* control's */

        return policy_compile(rules, ++generation, ret_policy);
}

int root_new(const Config *config, const Options *options, RouterRoot **ret_root)
{
        const Limits *limits = &config->limits;
        RouterRoot *root = alloc_zeroed(1, sizeof(*root));
        int r;

        if (!root)
                return -ENOMEM;
        r = root_compile_policy(&config->policy_rules, &root->policy);
        if (r == 0)
                r = lsm_mediators(config, &root->mediators);
        if (r < 0) {
                policy_free(root->policy);
                alloc_free(root);
                return r;
        }
        if (limits->max_message_unix_fds > IO_FDS_MAX)
                log_notice("max_message_unix_fds is %llu, but the kernel passes %d file "
                           "descriptors with a message at most: that is the limit now",
                           (unsigned long long)limits->max_message_unix_fds, IO_FDS_MAX);
        root->limits = (RouterLimits){
                .max_message_size = limits->max_message_size_bytes,
                .max_message_unix_fds = root_min(limits->max_message_unix_fds, IO_FDS_MAX),
                .max_incoming_bytes = limits->max_incoming_bytes,
                .max_incoming_unix_fds = root_min(limits->max_incoming_unix_fds, root_fd_share()),
                .max_outgoing_bytes = limits->max_outgoing_bytes,
                .max_outgoing_unix_fds = root_min(limits->max_outgoing_unix_fds, root_fd_share()),
                .max_completed_connections = limits->max_completed_connections,
                .max_connections_per_user = limits->max_connections_per_user,
                .max_names_per_connection = limits->max_names_per_connection,
                .max_match_rules_per_connection = limits->max_match_rules_per_connection,
                .max_replies_per_connection = limits->max_replies_per_connection,
                .auth_timeout_ms = limits_timeout_ms(limits->auth_timeout_ms),
                .pending_fd_timeout_ms = limits_timeout_ms(limits->pending_fd_timeout_ms),
                .reply_timeout_ms = limits_timeout_ms(limits->reply_timeout_ms),
                .stall_forgive_ms = options->stall_forgive_ms,
                .stall_close_ms = options->stall_close_ms};
        *ret_root = root;
        return 0;
}
