/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_WORKER_DISPATCH_H
#define RINGBUS_WORKER_DISPATCH_H

#include "broker/driver/driver.h"

/*
 * Where does this message end? The bus itself, one destination, everybody who asked, or nowhere.
 * Answers with an error what cannot be delivered. Home worker of `peer`.
 */
void dispatch_message(Driver *driver, Shard *shard, Peer *peer, Incoming *incoming);

#endif
