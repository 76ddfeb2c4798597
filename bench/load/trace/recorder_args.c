/* SPDX-License-Identifier: Apache-2.0 */
/* The arguments of calls to the bus: names, rules and flags, without which they could not be made
 * again. */

#include "bench/load/trace/recorder_private.h"
#include "proto/body.h"

static bool is_number(char type)
{
        return type == 'u' || type == 'i' || type == 'b';
}

static bool is_text(char type)
{
        return type == 's' || type == 'o';
}

/* Of a valid body whose arguments are texts and numbers of four bytes: where argument `index` is.
 */
static uint32_t load_number(const uint8_t *body, const Header *header, unsigned index)
{
        size_t position = 0;

        for (unsigned i = 0;; i++) {
                uint32_t value;

                position = (position + 3) & ~(size_t)3;
                value = frame_load_u32(body + position, header->frame.big_endian);
                if (i == index)
                        return value;
                position += 4;
                if (is_text(header->signature.data[i]))
                        position += (size_t)value + 1;
        }
}

unsigned recorder_read_args(Recorder *recorder, const Header *header, const uint8_t *body,
                            TraceArg args[static TRACE_ARGS_MAX])
{
        BodyArg values[TRACE_ARGS_MAX];
        Text signature = header->signature;
        unsigned n_args;

        if (signature.size > TRACE_ARGS_MAX)
                return 0;
        for (size_t i = 0; i < signature.size; i++)
                if (!is_text(signature.data[i]) && !is_number(signature.data[i]))
                        return 0;
        n_args = body_read_args(body, header->frame.body_size, signature, header->frame.big_endian,
                                TRACE_ARGS_MAX, values);
        for (unsigned i = 0; i < n_args; i++) {
                args[i] = (TraceArg){.index = (uint8_t)i, .type = TRACE_ARG_NUMBER};
                if (is_number(values[i].type)) {
                        args[i].value = load_number(body, header, i);
                        continue;
                }
                if (values[i].text.size > TRACE_STRING_MAX)
                        return 0;
                args[i].type = TRACE_ARG_STRING;
                args[i].value = trace_writer_string(recorder->writer, values[i].text);
                if (args[i].value == 0)
                        return 0;
        }
        return n_args;
}
