/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/load/compare/compare.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/load/compare/compare_private.h"
#include "bench/load/compare/regress.h"
#include "bench/load/compare/report.h"

enum {
        STATUS_FAILED = 1,
        STATUS_USAGE = 2,
};

static bool has_failures(const json_t *document)
{
        const json_t *cell, *place;
        size_t i, k;

        json_array_foreach(json_object_get(document, "cells"), i, cell)
                json_array_foreach(json_object_get(cell, "results"), k,
                                   place) if (document_number(place, "n_failed") > 0) return true;
        return json_is_true(json_object_get(document, "interrupted"));
}

/* What is made from a document, whether measured now or read. Returns an exit status. */
static int give_out(const Compare *compare, const json_t *before)
{
        const CompareOptions *options = &compare->options;
        bool is_json_printed = options->json && !*options->json;
        FILE *table = is_json_printed ? stderr : stdout;
        int status = has_failures(compare->document) ? STATUS_FAILED : 0;

        report_print(compare->document, table);
        if (is_json_printed) {
                json_dumpf(compare->document, stdout, JSON_INDENT(1) | JSON_REAL_PRECISION(12));
                putchar('\n');
        } else if (options->json && document_write(compare->document, options->json, stderr) < 0) {
                status = STATUS_FAILED;
        }
        if (options->html && report_write_html(compare->document, options->html, stderr) < 0)
                status = STATUS_FAILED;
        if (before && regress_print(before, compare->document, table) > 0)
                status = STATUS_FAILED;
        return status;
}

static int run(Compare *compare)
{
        json_t *before = NULL;
        int status = STATUS_USAGE;

        /* Read first: nobody wants to learn after twenty minutes that it is not there. */
        if (compare->options.against) {
                before = document_read(compare->options.against, stderr);
                if (!before)
                        return STATUS_USAGE;
        }
        if (compare->options.from)
                compare->document = document_read(compare->options.from, stderr);
        else
                (void)compare_run(compare);
        if (compare->document)
                status = give_out(compare, before);
        json_decref(compare->document);
        json_decref(before);
        return status;
}

int compare_main(int n_arguments, char **arguments)
{
        Compare *compare = calloc(1, sizeof(*compare));
        int status = STATUS_FAILED;

        if (compare)
                status = compare_options_parse(compare, n_arguments, arguments);
        if (compare && status == 0 && compare->options.print_suite)
                fputs(suite_builtin(compare->options.print_suite), stdout);
        else if (compare && status == 0)
                status = run(compare);
        free(compare);
        return status < 0 ? 0 : status;
}
