/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/load/vitals.h"

#include "bench/load/engine/process.h"

enum { LOOK_MS = 10 };

void vitals_begin(Vitals *vitals, pid_t pid)
{
        *vitals = (Vitals){.pid = pid,
                           .resident_before_kib = process_resident_kib(pid),
                           .fds_before = process_n_fds(pid)};
        vitals->resident_most_kib = vitals->resident_after_kib = vitals->resident_before_kib;
        vitals->fds_most = vitals->fds_after = vitals->fds_before;
}

void vitals_watch(Vitals *vitals)
{
        long resident = process_resident_kib(vitals->pid);
        long fds = process_n_fds(vitals->pid);

        if (resident > vitals->resident_most_kib)
                vitals->resident_most_kib = resident;
        if (fds > vitals->fds_most)
                vitals->fds_most = fds;
}

void vitals_end(Vitals *vitals, unsigned patience_ms)
{
        for (unsigned waited = 0; waited < patience_ms; waited += LOOK_MS) {
                vitals->fds_after = process_n_fds(vitals->pid);
                if (vitals->fds_after <= vitals->fds_before)
                        break;
                process_sleep_ms(LOOK_MS);
        }
        vitals->resident_after_kib = process_resident_kib(vitals->pid);
}
