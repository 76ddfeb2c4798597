/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/load/compare/number.h"

#include <math.h>
#include <stdio.h>

/* 0 to 3 decimals, so that there are three digits. */
static int decimals(double value)
{
        return value >= 99.95 ? 0 : value >= 9.995 ? 1 : value >= 0.9995 ? 2 : 3;
}

const char *number_text(double value, char text[static NUMBER_TEXT_MAX])
{
        double size = fabs(value);
        const char *unit = size >= 999500 ? " M" : size >= 9999.5 ? " k" : "";
        double scaled = size >= 999500 ? value / 1e6 : size >= 9999.5 ? value / 1e3 : value;

        snprintf(text, NUMBER_TEXT_MAX, "%.*f%s", size < 1e-12 ? 0 : decimals(fabs(scaled)), scaled,
                 unit);
        return text;
}

const char *number_tick(double value, char text[static NUMBER_TEXT_MAX])
{
        if (value >= 1048576 && fmod(value, 1048576) == 0)
                snprintf(text, NUMBER_TEXT_MAX, "%.0f Mi", value / 1048576);
        else if (value >= 1024 && fmod(value, 1024) == 0)
                snprintf(text, NUMBER_TEXT_MAX, "%.0f Ki", value / 1024);
        else
                snprintf(text, NUMBER_TEXT_MAX, "%.10g", value);
        return text;
}
