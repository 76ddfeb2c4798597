/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/bus_auth.h"

#include <string.h>
#include <unistd.h>

#include "broker/base/clock.h"
#include "broker/base/log.h"
#include "broker/bus_private.h"

/* Any thread. */
static void post_job(void *context, Job *job)
{
        Bus *bus = context;

        clerk_post(bus->reload.clerk, job);
}

/* The clerk's thread. */
static void answer(void *context, const SaslQuestion *question, SaslAnswer *ret_answer)
{
        Bus *bus = context;

        cookies_answer(&bus->auth.cookies, question, ret_answer);
        gate_offer_cookies(bus->gate, ret_answer->available);
        if (switch_claim(&bus->auth.wanted))
                wake_up(&bus->wake);
}

/* The clerk's thread. */
static void rotate(ClerkJob *job)
{
        Bus *bus = CONTAINER_OF(job, Bus, auth.rotate);

        gate_offer_cookies(bus->gate, cookies_rotate(&bus->auth.cookies, &bus->auth.next_s));
        switch_set(&bus->auth.rotated);
        wake_up(&bus->wake);
}

static bool allows(const GateOptions *options, unsigned mechanism)
{
        return options->mechanisms == 0 || (options->mechanisms & mechanism);
}

void bus_auth_describe(const Listener *listener, GateListener *ret_listener)
{
        *ret_listener = (GateListener){
                .fd = listener->fd, .is_tcp = listener->is_tcp, .has_nonce = listener->has_nonce};
        memcpy(ret_listener->guid, listener->guid, sizeof(listener->guid));
        memcpy(ret_listener->nonce, listener->nonce, sizeof(listener->nonce));
}

/* Over TCP nobody can be believed to be who he says without a secret. */
static bool lets_in_over_tcp(const GateOptions *options)
{
        return allows(options, SASL_MECHANISM_COOKIE_SHA1) ||
               (options->allow_anonymous && allows(options, SASL_MECHANISM_ANONYMOUS));
}

static bool has_tcp(const GateOptions *options)
{
        for (unsigned i = 0; i < options->n_listeners; i++)
                if (options->listeners[i].is_tcp)
                        return true;
        return false;
}

void bus_auth_init(Bus *bus, GateOptions *options)
{
        BusAuth *auth = &bus->auth;

        cookies_init(&auth->cookies, options->bus_uid, &keyring_world);
        auth->rotate.run = rotate;
        if (options->mechanisms & SASL_MECHANISM_COOKIE_SHA1)
                switch_set(&auth->wanted);
        options->post_job = post_job;
        options->answer = answer;
        options->overflow_uid = credentials_overflow_uid();
        if (options->refuses_overflow_uid && options->bus_uid == options->overflow_uid)
                log_warning("--refuse-overflow-uid: this bus runs as uid %u itself, which users of "
                            "other namespaces are shown as: it refuses its own user too",
                            (unsigned)options->bus_uid);
        if (options->allow_anonymous && allows(options, SASL_MECHANISM_ANONYMOUS))
                log_warning("this bus is open: <allow_anonymous/> lets in whoever can connect to "
                            "its addresses, without authentication");
        if (has_tcp(options) && !lets_in_over_tcp(options))
                log_warning("nobody can be let in over TCP: <auth> allows no mechanism that works "
                            "there; add <auth>DBUS_COOKIE_SHA1</auth>, or remove the address");
}

void bus_auth_deinit(Bus *bus)
{
        cookies_deinit(&bus->auth.cookies);
}

uint64_t bus_auth_timeout(Bus *bus)
{
        BusAuth *auth = &bus->auth;
        uint64_t now_ns;

        if (!switch_is_on(&auth->wanted))
                return UINT64_MAX;
        if (auth->rotating)
                return switch_is_on(&auth->rotated) ? 0 : UINT64_MAX;
        now_ns = clock_now_ns();
        return auth->next_ns > now_ns ? auth->next_ns - now_ns : 0;
}

void bus_auth_continue(Bus *bus)
{
        BusAuth *auth = &bus->auth;

        if (auth->rotating && switch_clear(&auth->rotated)) {
                auth->rotating = false;
                auth->next_ns = clock_now_ns() + auth->next_s * CLOCK_NS_PER_S;
        }
        if (bus_auth_timeout(bus) == 0 && !auth->rotating) {
                auth->rotating = true;
                clerk_post(bus->reload.clerk, &auth->rotate);
        }
}
