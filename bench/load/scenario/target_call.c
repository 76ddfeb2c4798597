/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "bench/load/engine/arguments.h"
#include "bench/load/scenario/target.h"
#include "broker/base/assert.h"
#include "proto/syntax.h"

const Knob target_knobs[] = {
        {"dest", "NAME", "the service's bus name; must be given", KNOB_TEXT,
         offsetof(TargetKnobs, destination), 0, 0, NULL, NULL},
        {"path", "PATH", "the object's path; must be given", KNOB_TEXT, offsetof(TargetKnobs, path),
         0, 0, NULL, NULL},
        {"method", "IFACE.MEMBER", "the method; must be given", KNOB_TEXT,
         offsetof(TargetKnobs, method), 0, 0, NULL, NULL},
        {"concurrency", "N", "connections that call", KNOB_COUNT, offsetof(TargetKnobs, n_clients),
         1, 100000, "1", NULL},
        {"window", "N", "calls that each connection has outstanding, at most", KNOB_COUNT,
         offsetof(TargetKnobs, window), 1, WINDOW_MAX, "1", NULL},
        {"rate", "N",
         "calls that are due in a second, of all connections together;\n"
         "0: a closed loop, each reply is followed by the next call",
         KNOB_RATE, offsetof(TargetKnobs, rate), 0, 10000000, "0", NULL},
        {"count", "N", "end after so many calls, if that is before the time is over; 0: no limit",
         KNOB_COUNT, offsetof(TargetKnobs, count), 0, 0, "0", NULL},
        {"timeout", "TIME", "how long to wait for a reply", KNOB_DURATION,
         offsetof(TargetKnobs, timeout_ns), 1000000, 0, "25s", NULL},
        {"keep-going", NULL,
         "go on when the service leaves the bus: it may come back, or be\n"
         "activated again",
         KNOB_FLAG, offsetof(TargetKnobs, keeps_going), 0, 0, NULL, NULL},
        {0},
};

static int refuse(const char *knob, const char *value, const char *expected)
{
        if (value)
                fprintf(stderr, "ringbus-load target: --%s=%s: expected %s\n", knob, value,
                        expected);
        else
                fprintf(stderr, "ringbus-load target: --%s is missing: %s\n", knob, expected);
        return 2;
}

static int read_names(const TargetKnobs *knobs, WriterHeader *header)
{
        const char *expected = "an interface and a member, such as com.example.Thing.DoIt";
        const char *dot = knobs->method ? strrchr(knobs->method, '.') : NULL;

        header->destination = text_from(knobs->destination);
        header->path = text_from(knobs->path);
        if (!knobs->destination || !syntax_is_bus_name(header->destination))
                return refuse("dest", knobs->destination,
                              "a bus name, such as com.example.Service");
        if (!knobs->path || !syntax_is_object_path(header->path))
                return refuse("path", knobs->path, "an object path, such as /com/example/Thing");
        if (!dot)
                return refuse("method", knobs->method, expected);
        header->interface = (Text){.data = knobs->method, .size = (size_t)(dot - knobs->method)};
        header->member = text_from(dot + 1);
        if (!syntax_is_interface(header->interface) || !syntax_is_member(header->member))
                return refuse("method", knobs->method, expected);
        return 0;
}

int target_read_call(const TargetKnobs *knobs, const char *const *words, unsigned n_words,
                     Template *ret_call)
{
        WriterHeader header = {.type = FRAME_TYPE_METHOD_CALL};
        const char *signature = n_words > 0 ? words[0] : "";
        char error[ARGUMENTS_ERROR_MAX];
        Arguments arguments;
        int status = read_names(knobs, &header);

        if (status != 0)
                return status;
        if (strchr(signature, 'h')) {
                fprintf(stderr,
                        "ringbus-load target: the signature \"%s\" has an h, but there are "
                        "no file descriptors to pass\n",
                        signature);
                return 2;
        }
        if (arguments_parse(signature, words + (n_words > 0), n_words - (n_words > 0), &arguments,
                            error) < 0) {
                fprintf(stderr, "ringbus-load target: %s\n", error);
                return 2;
        }
        if (signature[0])
                header.signature = text_from(signature);
        template_build(ret_call, &header, arguments.body, arguments.size, SIZE_MAX);
        arguments_deinit(&arguments);
        return 0;
}
