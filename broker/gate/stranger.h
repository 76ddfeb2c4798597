/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_GATE_STRANGER_H
#define RINGBUS_GATE_STRANGER_H

/* Who is on the other end of an accepted socket, before a word is said. Owner: the gate's thread.
 */

#include "broker/gate/refusals.h"

/* SO_PEERCRED; over TCP no uid, and where it comes from. 0 or -errno. */
int stranger_identify(int fd, bool is_tcp, RefusalPeer *ret_peer);

#endif
