/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Validating a body. Cases are named
 *
 *      validate/KIND/BYTES/ORDER   of body_kinds.c, BYTES long or a little longer
 *
 * Items are the elements of the outermost array.
 */
#include <stdio.h>

#include "bench/micro/body_kinds.h"
#include "bench/micro/gbench.h"
#include "bench/micro/traffic.h"
#include "broker/base/assert.h"
#include "proto/body.h"

enum { CASES_MAX = 64 };

typedef struct Case {
        const BodyKind *kind;
        size_t size;
        bool big_endian;
} Case;

static Case cases[CASES_MAX];
static unsigned n_cases;

static BodyResult validate(const Marshal *bytes, const Case *which)
{
        return body_validate(bytes->data, bytes->size, text_from(which->kind->signature),
                             which->big_endian);
}

/* Whether a body is refused whose last byte is wrong, if the kind allows one, or missing: so all of
 * it is looked at. */
static bool refuses(Marshal *bytes, const Case *which)
{
        uint8_t *last = &bytes->data[bytes->size - 1];
        const uint8_t right = *last;
        bool refused = true;

        if (which->kind->spoils) {
                *last = 0xff;
                refused = validate(bytes, which) != BODY_OK;
                *last = right;
        }
        bytes->size--;
        refused &= validate(bytes, which) != BODY_OK;
        bytes->size++;
        return refused;
}

static void run_validate(GbenchState *state, const void *context)
{
        const Case *which = context;
        unsigned n_elements, failed = 0;
        Marshal bytes;

        marshal_init(&bytes, which->big_endian);
        n_elements = body_kinds_write(which->kind, which->size, &bytes);
        while (gbench_next(state))
                failed |= validate(&bytes, which);
        if (failed)
                gbench_fail(state, "a valid body is refused");
        else if (!refuses(&bytes, which))
                gbench_fail(state, "an invalid body is not refused");
        gbench_did(state, n_elements, (double)bytes.size);
        gbench_count(state, "body_bytes", (double)bytes.size);
        gbench_label(state, which->kind->signature);
        marshal_deinit(&bytes);
}

static void add_case(const BodyKind *kind, size_t size, bool big_endian)
{
        char name[64];

        ASSERT(n_cases < CASES_MAX);
        cases[n_cases] = (Case){.kind = kind, .size = size, .big_endian = big_endian};
        snprintf(name, sizeof(name), "validate/%s/%zu/%s", kind->name, size,
                 traffic_order_name(big_endian));
        gbench_register(name, run_validate, &cases[n_cases++]);
}

int main(int argc, char **argv)
{
        const bool native = traffic_native();

        fprintf(stderr, "bench_bodies: what it costs to validate a body, by its type.\n");
        for (const BodyKind *kind = body_kinds_all(); kind->name; kind++) {
                add_case(kind, 1024, native);
                add_case(kind, 64 * 1024, native);
                add_case(kind, 64 * 1024, !native);
        }
        return gbench_main(argc, argv);
}
