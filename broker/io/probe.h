/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_IO_PROBE_H
#define RINGBUS_IO_PROBE_H

/*
 * The probe: which backend can serve here. It sets up a ring with the real flags and sizes, checks
 * features and operations and sends one message through a socket pair. Main thread, at start.
 */

#include <stdio.h>

#include "broker/io/io.h"

typedef enum ProbeWish { PROBE_AUTO, PROBE_URING, PROBE_EPOLL } ProbeWish;

typedef struct Probe {
        IoBackend backend;  /* the choice */
        int uring_error;    /* 0: io_uring can serve; else -errno of what failed */
        char reason[256];   /* why io_uring cannot serve, naming cause and remedy; "" if it can */
        uint32_t features;  /* IORING_FEAT_* as the kernel reports them */
        char details[1024]; /* lines "name: yes/no" of the optional features looked for */
} Probe;

/* "auto", "uring" or "epoll"; false for anything else. */
bool probe_parse_wish(const char *text, ProbeWish *ret_wish);

/* 0; or -errno when `wish` is PROBE_URING and io_uring cannot serve (reason is filled in). */
int probe_run(ProbeWish wish, Probe *ret_probe);

/* What may be behind -errno of io_uring, and what an administrator can do about it. Constant. */
const char *probe_remedy(int error);

/* For `ringbus --probe`: backend, kernel, features found and missing. */
void probe_print(const Probe *probe, FILE *file);

#endif
