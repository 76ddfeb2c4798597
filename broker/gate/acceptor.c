/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See acceptor.h.
 *
 * Out of fds or memory: the listeners leave the Ready (they would stay readable and spin) and come
 * back after a back-off. A first shortage lets everybody wait, as it may be over in a moment; each
 * further one in a row turns the oldest waiting connection away with the help of the spare fd, so
 * that a client learns of a lasting shortage rather than hangs.
 */

#include "broker/gate/acceptor.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include "broker/base/alloc.h"
#include "broker/base/cleanup.h"
#include "broker/base/log.h"
#include "broker/base/trace.h"

#define BACK_OFF_NS (100 * CLOCK_NS_PER_MS)

/* Any fd will do; an eventfd needs no file system. */
static void keep_spare(Acceptor *acceptor)
{
        if (acceptor->spare_fd < 0)
                acceptor->spare_fd = eventfd(0, EFD_CLOEXEC);
}

int acceptor_init(Acceptor *acceptor, Ready *ready, const GateListener *listeners,
                  unsigned n_listeners)
{
        *acceptor = (Acceptor){.ready = ready, .n_listeners = n_listeners, .spare_fd = -1};
        acceptor->listeners = alloc_zeroed(n_listeners, sizeof(AcceptorListener));
        if (!acceptor->listeners)
                return -ENOMEM;
        for (unsigned i = 0; i < n_listeners; i++) {
                acceptor->listeners[i].source = GATE_SOURCE_LISTENER;
                acceptor->listeners[i].listener = listeners[i];
        }
        keep_spare(acceptor);
        return 0;
}

void acceptor_deinit(Acceptor *acceptor)
{
        acceptor->listeners = alloc_free(acceptor->listeners);
        acceptor->n_listeners = 0;
        acceptor->spare_fd = cleanup_close(acceptor->spare_fd);
}

static void back_off(Acceptor *acceptor, uint64_t now_ns)
{
        acceptor->resume_ns = now_ns + BACK_OFF_NS;
}

static void watch_listener(Acceptor *acceptor, AcceptorListener *listener, uint64_t now_ns)
{
        int r;

        if (listener->watched)
                return;
        r = ready_add(acceptor->ready, listener->listener.fd, true, false, &listener->source);
        if (r < 0) {
                back_off(acceptor, now_ns);
                return;
        }
        listener->watched = true;
}

static void unwatch_listener(Acceptor *acceptor, AcceptorListener *listener)
{
        if (!listener->watched)
                return;
        ready_remove(acceptor->ready, listener->listener.fd);
        listener->watched = false;
}

void acceptor_update(Acceptor *acceptor, bool has_room, uint64_t now_ns)
{
        bool listening = has_room && now_ns >= acceptor->resume_ns;

        if (now_ns >= acceptor->resume_ns)
                acceptor->resume_ns = 0;
        for (unsigned i = 0; i < acceptor->n_listeners; i++) {
                if (listening)
                        watch_listener(acceptor, &acceptor->listeners[i], now_ns);
                else
                        unwatch_listener(acceptor, &acceptor->listeners[i]);
        }
}

uint64_t acceptor_deadline(const Acceptor *acceptor)
{
        return acceptor->resume_ns ? acceptor->resume_ns : UINT64_MAX;
}

static void log_shortage(Acceptor *acceptor, int error, uint64_t now_ns)
{
        const char *cause = strerrordesc_np(error);

        if (!throttle_passes(&acceptor->log, now_ns))
                return;
        switch (error) {
        case EMFILE:
                log_error("Cannot accept a connection: %s (EMFILE): this process has used up its "
                          "file descriptors; new connections wait. Raise the limit (LimitNOFILE= "
                          "of the unit, or ulimit -n)",
                          cause);
                break;
        case ENFILE:
                log_error("Cannot accept a connection: %s (ENFILE): the whole system has used up "
                          "its file descriptors; new connections wait. Raise fs.file-max",
                          cause);
                break;
        case ENOBUFS:
        case ENOMEM:
                log_error("Cannot accept a connection: %s: the kernel is out of memory for "
                          "sockets; new connections wait. Free memory or raise the memory limit",
                          cause);
                break;
        default:
                log_error("Cannot accept a connection: %s; trying again shortly. If it lasts, the "
                          "listening socket is unusable: restart the bus",
                          cause);
        }
}

/* Whether a connection was turned away. */
static bool turn_away(Acceptor *acceptor, const AcceptorListener *listener)
{
        int fd;

        if (acceptor->spare_fd < 0)
                return false;
        acceptor->spare_fd = cleanup_close(acceptor->spare_fd);
        fd = accept4(listener->listener.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        cleanup_close(fd);
        keep_spare(acceptor);
        return fd >= 0;
}

/* Errors that a waiting connection had already: the next one may be well. accept(2) passes those of
 * the network on. */
static bool is_of_one_connection(int error)
{
        switch (error) {
        case EINTR:
        case ECONNABORTED:
        case EPROTO:
        case EPERM:
        case ENETDOWN:
        case ENOPROTOOPT:
        case EHOSTDOWN:
        case ENONET:
        case EHOSTUNREACH:
        case ENETUNREACH:
                return true;
        default:
                return false;
        }
}

int acceptor_accept(Acceptor *acceptor, AcceptorListener *listener, uint64_t now_ns)
{
        int fd = accept4(listener->listener.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        int error = errno;

        if (fd >= 0) {
                TRACE_HOP();
                acceptor->n_shortages = 0;
                keep_spare(acceptor);
                return fd;
        }
        if (error == EAGAIN)
                return -EAGAIN;
        if (is_of_one_connection(error))
                return -ECONNABORTED;

        back_off(acceptor, now_ns);
        log_shortage(acceptor, error, now_ns);
        acceptor->n_shortages++;
        if ((error == EMFILE || error == ENFILE) && acceptor->n_shortages > 1 &&
            turn_away(acceptor, listener))
                return -EMFILE;
        return -EAGAIN;
}
