/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What match rules ask about arguments. A signal's contents are not recorded, but without the
 * arguments that rules ask for it would reach nobody when it is replayed. So, where an argument
 * satisfies a rule, the *rule's* value is recorded in its place: that value is in the trace anyway,
 * and all it tells is that the rule matched.
 */

#include "bench/load/trace/recorder_private.h"
#include "broker/base/alloc.h"
#include "proto/body.h"
#include "proto/matchrule.h"

#include <errno.h>

enum { INEXACT_MAX = 4096 /* each is compared with each argument */ };

static void add_inexact(Recorder *recorder, const RecorderInterest *interest)
{
        uint32_t n = recorder->n_inexact;

        if (n == INEXACT_MAX)
                return;
        if ((n & (n - 1)) == 0) {
                RecorderInterest *grown =
                        alloc_resize(recorder->inexact, (n ? n * 2 : 1) * sizeof(*grown));

                if (!grown) {
                        recorder->writer->error = -ENOMEM;
                        return;
                }
                recorder->inexact = grown;
        }
        recorder->inexact[recorder->n_inexact++] = *interest;
}

static void add(Recorder *recorder, const MatchRuleArg *arg)
{
        RecorderInterest interest = {.index = arg->index, .kind = arg->kind};
        uint32_t key = (uint32_t)arg->index << 8 | arg->kind;

        interest.value = trace_writer_string(recorder->writer, arg->value);
        if (interest.value == 0 || serials_find(&recorder->interests, key, interest.value) != 0)
                return;
        if (!serials_put(&recorder->interests, key, interest.value, 1))
                recorder->writer->error = -ENOMEM;
        if (arg->kind != MATCHRULE_ARG_EXACT)
                add_inexact(recorder, &interest);
}

void recorder_interest(Recorder *recorder, Text text)
{
        char scratch[MATCHRULE_TEXT_MAX];
        MatchRule rule;

        if (text.size > sizeof(scratch) ||
            matchrule_parse(text, scratch, &rule, NULL) != MATCHRULE_OK)
                return;
        for (unsigned i = 0; i < rule.n_args; i++)
                add(recorder, &rule.args[i]);
}

static bool satisfies(const Recorder *recorder, const RecorderInterest *interest,
                      const BodyArg *arg)
{
        Text value = recorder->writer->strings.texts[interest->value];

        if (interest->kind == MATCHRULE_ARG_PATH)
                return matchrule_path_overlaps(arg->text, value);
        return interest->kind == MATCHRULE_ARG_NAMESPACE && arg->type == 's' &&
               matchrule_name_in_namespace(arg->text, value);
}

/* The string that is recorded for the argument, or 0. */
static uint32_t find_value(const Recorder *recorder, unsigned index, const BodyArg *arg)
{
        uint32_t string = intern_find(&recorder->writer->strings, arg->text);

        if (arg->type == 's' &&
            serials_find(&recorder->interests, index << 8 | MATCHRULE_ARG_EXACT, string) != 0)
                return string;
        for (uint32_t i = 0; i < recorder->n_inexact; i++)
                if (recorder->inexact[i].index == index &&
                    satisfies(recorder, &recorder->inexact[i], arg))
                        return recorder->inexact[i].value;
        return 0;
}

unsigned recorder_interest_args(Recorder *recorder, const Header *header, const uint8_t *body,
                                TraceArg args[static TRACE_ARGS_MAX])
{
        BodyArg values[TRACE_ARGS_MAX];
        unsigned n_args = 0, n_values;

        if (recorder->interests.n_used == 0)
                return 0;
        n_values = body_read_args(body, header->frame.body_size, header->signature,
                                  header->frame.big_endian, TRACE_ARGS_MAX, values);
        for (unsigned i = 0; i < n_values; i++) {
                uint32_t value =
                        text_present(values[i].text) ? find_value(recorder, i, &values[i]) : 0;

                if (value != 0)
                        args[n_args++] = (TraceArg){
                                .index = (uint8_t)i, .type = TRACE_ARG_STRING, .value = value};
        }
        return n_args;
}
