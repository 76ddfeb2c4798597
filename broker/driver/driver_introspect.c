/* SPDX-License-Identifier: Apache-2.0 */
/* org.freedesktop.DBus.Introspectable, generated from the tables. */
#include <stdio.h>

#include "broker/base/alloc.h"
#include "broker/driver/driver_private.h"
#include "proto/signature.h"

static void driver_reply_introspect(DriverCall *call);

const DriverMethod driver_introspectable_methods[] = {
        {"Introspect", "", "s", DRIVER_ANY_PATH, driver_reply_introspect},
        {NULL, NULL, NULL, 0, NULL},
};

static void driver_print_args(FILE *file, const char *signature, const char *direction)
{
        while (*signature) {
                size_t size = signature_first_size(signature, strlen(signature));

                fprintf(file, "      <arg direction=\"%s\" type=\"%.*s\"/>\n", direction, (int)size,
                        signature);
                signature += size;
        }
}

static void driver_print_interface(FILE *file, const DriverInterface *interface)
{
        fprintf(file, "  <interface name=\"%s\">\n", interface->name);
        for (const DriverMethod *method = interface->methods; method->name; method++) {
                fprintf(file, "    <method name=\"%s\">\n", method->name);
                driver_print_args(file, method->in, "in");
                driver_print_args(file, method->out, "out");
                fputs("    </method>\n", file);
        }
        if (interface->further)
                fputs(interface->further, file);
        fputs("  </interface>\n", file);
}

char *driver_introspect(Text path)
{
        static const struct {
                Text path;
                const char *child;
        } parents[] = {{TEXT("/"), "org/freedesktop/DBus"},
                       {TEXT("/org"), "freedesktop/DBus"},
                       {TEXT("/org/freedesktop"), "DBus"}};
        const bool canonical = text_equal(path, BUSMESSAGE_BUS_PATH);
        char *text = NULL;
        size_t size;
        FILE *file = open_memstream(&text, &size);

        if (!file)
                return NULL;
        fputs("<!DOCTYPE node PUBLIC \"-//freedesktop//DTD D-BUS Object Introspection 1.0//EN\"\n"
              "\"http://www.freedesktop.org/standards/dbus/1.0/introspect.dtd\">\n<node>\n",
              file);
        for (const DriverInterface *interface = driver_interfaces; interface->name; interface++)
                if (canonical || interface->any_path)
                        driver_print_interface(file, interface);
        for (size_t i = 0; i < ARRAY_SIZE(parents); i++)
                if (text_equal(path, parents[i].path))
                        fprintf(file, "  <node name=\"%s\"/>\n", parents[i].child);
        fputs("</node>\n", file);
        if (fclose(file) != 0)
                text = alloc_free(text);
        return text;
}

static void driver_reply_introspect(DriverCall *call)
{
        char *text = driver_introspect(call->header->path);

        if (text)
                driver_reply_text(call, text_from(text));
        else
                driver_fail(call, "NoMemory", "Out of memory");
        alloc_free(text);
}
