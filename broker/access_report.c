/* SPDX-License-Identifier: Apache-2.0 */
/* See access_report.h. What a bus says is printed too: nothing of it reaches the terminal but
 * printable ASCII. */

#include "broker/access_report.h"

#include <stdarg.h>

enum { LINE_SIZE = 1024 };

__attribute__((format(printf, 4, 0))) static void
print_line(FILE *out, const char *step, const char *mark, const char *format, va_list args)
{
        char line[LINE_SIZE];

        if (vsnprintf(line, sizeof(line), format, args) < 0)
                line[0] = '\0';
        for (char *c = line; *c; c++)
                if (*c < ' ' || *c > '~')
                        *c = '?';
        fprintf(out, "%s: %s%s\n", step, mark, line);
        fflush(out);
}

void access_report_step(FILE *out, const char *step, const char *format, ...)
{
        va_list args;

        va_start(args, format);
        print_line(out, step, "", format, args);
        va_end(args);
}

void access_report_refusal(FILE *out, const char *step, const char *format, ...)
{
        va_list args;

        va_start(args, format);
        print_line(out, step, "NO: ", format, args);
        va_end(args);
}

void access_report_remedy(FILE *out, const char *format, ...)
{
        va_list args;

        va_start(args, format);
        print_line(out, "  remedy", "", format, args);
        va_end(args);
}
