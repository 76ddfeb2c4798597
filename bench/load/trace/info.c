/* SPDX-License-Identifier: Apache-2.0 */
/* See info.h. */

#include "bench/load/trace/info.h"
#include "bench/load/engine/knobs.h"
#include "bench/load/trace/trace_reader.h"

typedef struct InfoKnobs {
        const char *json;
        bool messages;
        uint64_t n_senders;
} InfoKnobs;

static const Knob info_knobs[] = {
        {.name = "json",
         .argument = "FILE",
         .help = "write JSON, to standard output without FILE",
         .kind = KNOB_OPTIONAL,
         .offset = offsetof(InfoKnobs, json)},
        {.name = "messages",
         .help = "list every message, one a line",
         .kind = KNOB_FLAG,
         .offset = offsetof(InfoKnobs, messages)},
        {.name = "senders",
         .argument = "N",
         .help = "how many of the busiest senders are shown",
         .kind = KNOB_COUNT,
         .offset = offsetof(InfoKnobs, n_senders),
         .initial = "10"},
        {.name = NULL},
};

static int write_json(const char *path, const Trace *trace, const Summary *summary, const char *to)
{
        json_t *info = info_to_json(path, trace, summary);
        FILE *file = to[0] ? fopen(to, "we") : stdout;
        int r = -1;

        if (file) {
                r = json_dumpf(info, file, JSON_INDENT(2));
                fputc('\n', file);
                if (to[0] ? fclose(file) != 0 : fflush(file) != 0)
                        r = -1;
        }
        json_decref(info);
        if (r < 0)
                fprintf(stderr, "ringbus-load: cannot write %s: %m\n", to[0] ? to : "the JSON");
        return r < 0 ? 1 : 0;
}

static int show(const char *path, const InfoKnobs *knobs)
{
        static Summary summary; /* too large for a stack */
        Trace trace;
        int status = 0;

        if (trace_reader_open(path, &trace) < 0)
                return 1;
        if (summary_make(&trace, &summary) < 0) {
                fprintf(stderr, "ringbus-load: %s: out of memory\n", path);
                status = 1;
        } else if (knobs->messages) {
                info_print_messages(&trace, stdout);
        } else if (knobs->json) {
                status = write_json(path, &trace, &summary, knobs->json);
        } else {
                info_print_table(path, &trace, &summary, (unsigned)knobs->n_senders, stdout);
        }
        summary_deinit(&summary);
        trace_reader_deinit(&trace);
        return status;
}

int info_main(int argc, char **argv)
{
        InfoKnobs knobs = {.messages = false};
        const KnobSet sets[] = {{.knobs = info_knobs, .values = &knobs}, {.knobs = NULL}};
        KnobParse parse = {.command = "ringbus-load trace-info",
                           .usage = "[KNOBS] FILE",
                           .sets = sets,
                           .takes_words = true,
                           .errors = stderr};
        int n = knobs_parse(&parse, argc - 1, argv + 1);

        if (n == KNOBS_HELP) {
                printf("usage: ringbus-load trace-info [KNOBS] FILE\n\n"
                       "Says what a file of `ringbus-load record` holds: peers, kinds and sizes "
                       "of\n"
                       "messages, rates, the busiest senders.\n\n");
                knobs_print_help(&parse, stdout);
                return 0;
        }
        if (n < 0)
                return 2;
        if (argc - 1 - n != 1) {
                fprintf(stderr,
                        "ringbus-load trace-info: one file is needed, not %d\n"
                        "usage: ringbus-load trace-info [KNOBS] FILE\n",
                        argc - 1 - n);
                return 2;
        }
        return show(argv[1 + n], &knobs);
}
