/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/worker/spin.h"

#include <sys/resource.h>

enum {
        SPIN_NS_MIN = 5 * 1000,
        SPIN_NS_START = 20 * 1000,
        SPIN_NS_MAX = 50 * 1000,
        BACKOFF_NS_MIN = 1000 * 1000,
        BACKOFF_NS_MAX = 100 * 1000 * 1000,
};

void spin_init(Spin *spin, SpinMode mode, uint64_t fixed_ns)
{
        *spin = (Spin){.mode = mode,
                       .fixed_ns = fixed_ns,
                       .budget_ns = mode == SPIN_AUTO ? SPIN_NS_START : 0,
                       .backoff_ns = BACKOFF_NS_MIN};
}

uint64_t spin_budget(Spin *spin, uint64_t now_ns)
{
        switch (spin->mode) {
        case SPIN_OFF:
                return 0;
        case SPIN_FIXED:
                return spin->fixed_ns;
        case SPIN_AUTO:
                break;
        }
        if (spin->budget_ns == 0 && now_ns >= spin->retry_at_ns)
                spin->budget_ns = SPIN_NS_MIN;
        return spin->budget_ns;
}

/* Whether somebody else wanted this core while we used it. */
static bool spin_was_preempted(Spin *spin)
{
        struct rusage usage;
        long before = spin->n_preempted;

        if (getrusage(RUSAGE_THREAD, &usage) < 0)
                return false;
        spin->n_preempted = usage.ru_nivcsw;
        return usage.ru_nivcsw != before;
}

void spin_report(Spin *spin, uint64_t now_ns, bool paid)
{
        bool preempted;

        if (spin->mode != SPIN_AUTO)
                return;
        preempted = spin_was_preempted(spin);
        if (paid && !preempted) {
                spin->budget_ns =
                        spin->budget_ns * 2 > SPIN_NS_MAX ? SPIN_NS_MAX : spin->budget_ns * 2;
                spin->backoff_ns = BACKOFF_NS_MIN;
                return;
        }
        if (!preempted && spin->budget_ns > SPIN_NS_MIN) {
                spin->budget_ns /= 2;
                return;
        }
        /* It never pays, or somebody else needs the core: stay away, longer each time. */
        spin->budget_ns = 0;
        spin->retry_at_ns = now_ns + spin->backoff_ns;
        spin->backoff_ns =
                spin->backoff_ns * 2 > BACKOFF_NS_MAX ? BACKOFF_NS_MAX : spin->backoff_ns * 2;
}
