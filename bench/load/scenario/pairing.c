/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/load/scenario/pairing.h"

#include "bench/load/engine/process.h"
#include "broker/base/alloc.h"

void pairing_init(Pairing *pairing, uint64_t n_callers, uint64_t n_services)
{
        *pairing = (Pairing){.services = alloc_zeroed(n_services, sizeof(Echo)),
                             .callers = alloc_zeroed(n_callers, sizeof(PairingCaller)),
                             .n_services = (unsigned)n_services,
                             .n_callers = (unsigned)n_callers};
        if (!pairing->services || !pairing->callers)
                process_out_of_memory();
}

void pairing_deinit(Pairing *pairing)
{
        for (unsigned i = 0; i < pairing->n_services; i++)
                echo_deinit(&pairing->services[i]);
        for (unsigned i = 0; i < pairing->n_callers; i++) {
                template_deinit(&pairing->callers[i].call);
                caller_deinit(&pairing->callers[i].caller);
        }
        alloc_free(pairing->services);
        alloc_free(pairing->callers);
}

void pairing_start_services(Pairing *pairing, RunPart *part, unsigned first)
{
        for (unsigned i = 0; i < pairing->n_services; i++)
                if (run_is_mine(part, first + i))
                        echo_start(&pairing->services[i], part, i);
}

void pairing_start_callers(Pairing *pairing, RunPart *part, unsigned first,
                           const ConnectionHandlers *handlers)
{
        for (unsigned i = 0; i < pairing->n_callers; i++) {
                PairingCaller *own = &pairing->callers[i];
                TemplateTarget target = {
                        .destination = echo_name(&pairing->services[i % pairing->n_services]),
                        .path = ECHO_PATH,
                        .interface = ECHO_INTERFACE,
                        .member = ECHO_MEMBER,
                };

                if (!run_is_mine(part, first + i))
                        continue;
                template_call(&own->call, &target, part->run->options.payload);
                run_begin_one(part);
                run_client_start(&own->caller.client, part, "caller", i, handlers);
        }
}

uint32_t pairing_most_outstanding(const Pairing *pairing)
{
        uint32_t most = 0;

        for (unsigned i = 0; i < pairing->n_callers; i++)
                if (pairing->callers[i].caller.window.most_taken > most)
                        most = pairing->callers[i].caller.window.most_taken;
        return most;
}
