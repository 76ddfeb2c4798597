/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "bench/load/compare/suite.h"

static const char quick[] =
        "# A look at everything, in a minute or two.\n"
        "[suite]\n"
        "duration = 300ms\n"
        "warmup = 100ms\n"
        "rounds = 1\n"
        "\n"
        "[cell calls]\n"
        "title = Calls of 8 bytes, 4 callers to 4 services, 32 outstanding each\n"
        "run = call --callers=4 --services=4 --window=32 --payload=8\n"
        "measures = cpu-per-message operations-per-second\n"
        "latency = yes\n"
        "\n"
        "[cell ping-pong]\n"
        "title = Calls of 8 bytes, one caller, one at a time\n"
        "run = call --callers=1 --services=1 --window=1 --payload=8\n"
        "measures = cpu-per-message latency-p50\n"
        "latency = yes\n"
        "\n"
        "[sweep payload]\n"
        "title = CPU per message against payload\n"
        "run = call --callers=1 --services=1 --window=16 --payload={x}\n"
        "x = 8 4096 65536\n"
        "x-title = payload, bytes\n"
        "x-scale = log\n"
        "y-scale = log\n"
        "measures = cpu-per-message\n";

const char *suite_builtin(const char *name)
{
        return !strcmp(name, "quick") ? quick : NULL;
}
