/* SPDX-License-Identifier: Apache-2.0 */
/* See stranger.h. */

#include "broker/gate/stranger.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>

/* A client that has gone already comes from nowhere; that is no error. */
static void find_origin(int fd, RefusalPeer *peer)
{
        struct sockaddr_storage name = {0};
        const struct sockaddr_in *four = (const struct sockaddr_in *)&name;
        const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)&name;
        socklen_t size = sizeof(name);
        char host[INET6_ADDRSTRLEN];

        if (getpeername(fd, (struct sockaddr *)&name, &size) < 0)
                return;
        if (name.ss_family == AF_INET && inet_ntop(AF_INET, &four->sin_addr, host, sizeof(host)))
                snprintf(peer->from, sizeof(peer->from), "%s port %u", host, ntohs(four->sin_port));
        if (name.ss_family == AF_INET6 && inet_ntop(AF_INET6, &six->sin6_addr, host, sizeof(host)))
                snprintf(peer->from, sizeof(peer->from), "%s port %u", host, ntohs(six->sin6_port));
}

int stranger_identify(int fd, bool is_tcp, RefusalPeer *ret_peer)
{
        RefusalPeer peer = {.uid = CREDENTIALS_NO_UID};
        struct ucred credentials;
        socklen_t size = sizeof(credentials);

        if (is_tcp) {
                find_origin(fd, &peer);
        } else {
                if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) < 0)
                        return -errno;
                peer.uid = credentials.uid;
                peer.gid = credentials.gid;
                peer.pid = credentials.pid;
        }
        *ret_peer = peer;
        return 0;
}
