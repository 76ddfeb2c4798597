/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BROKER_ROOT_H
#define RINGBUS_BROKER_ROOT_H

/* From the configuration to what routing looks at. */

#include "broker/config.h"
#include "broker/options.h"
#include "broker/router/router.h"

/*
 * A new root for the policy and the limits of a configuration and for these options, the caller's;
 * with what asks the security modules that mediate. 0, or -ENOMEM, or another negative errno,
 * logged: a module does not take the configuration. Control, after the limit of open files was
 * raised: max_incoming_unix_fds and max_outgoing_unix_fds are never more than an eighth of
 * RLIMIT_NOFILE (and at least 64). max_message_unix_fds is never more than IO_FDS_MAX, for a
 * message with more could be received but not sent; one line in the log says so if it was higher.
 */
int root_new(const Config *config, const Options *options, RouterRoot **ret_root);

#endif
