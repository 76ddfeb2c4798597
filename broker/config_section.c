/* SPDX-License-Identifier: Apache-2.0 */
/* See config_section.h. */

#include "broker/config_section.h"

#include <errno.h>
#include <string.h>

#include "broker/users.h"

int config_section_find_id(ConfigXml *xml, bool is_user, const char *name, uint32_t *ret_id)
{
        const ConfigSource *source = xml->source;
        const char *what = is_user ? "user" : "group";
        int r;

        if (users_parse_id(name, ret_id))
                return 0;
        r = is_user ? source->find_user(source->context, name, ret_id)
                    : source->find_group(source->context, name, ret_id);
        if (r == -ENOMEM)
                config_xml_check(xml, r);
        else if (r == -ENOENT)
                config_xml_warn(xml, "nobody knows the %s \"%s\": this rule or section is ignored",
                                what, name);
        else if (r < 0)
                config_xml_fail(xml,
                                "cannot look up the %s \"%s\": %s; try again, or use its number",
                                what, name, strerror(-r));
        return r;
}

typedef enum PolicyAttribute { CONTEXT, FOR_USER, FOR_GROUP, AT_CONSOLE, N_POLICY } PolicyAttribute;

static void read_context(ConfigXml *xml, const char *context)
{
        xml->section.ignored = false;
        if (strcmp(context, "default") == 0) {
                xml->section.context = POLICY_CONTEXT_DEFAULT;
        } else if (strcmp(context, "mandatory") == 0) {
                xml->section.context = POLICY_CONTEXT_MANDATORY;
        } else {
                xml->section.ignored = true;
                config_xml_fail(xml, "context=\"%s\" must be \"default\" or \"mandatory\"",
                                context);
        }
}

/* Nobody is known to be at the console, so "true" never matches and "false" always does. */
static void read_console(ConfigXml *xml, const char *at_console)
{
        if (strcmp(at_console, "true") != 0 && strcmp(at_console, "false") != 0)
                config_xml_fail(xml, "at_console=\"%s\" must be \"true\" or \"false\"", at_console);
        xml->section.context = POLICY_CONTEXT_CONSOLE;
        xml->section.ignored = strcmp(at_console, "false") != 0;
}

void config_section_begin(ConfigXml *xml, const ConfigElement *element,
                          const char *const *attributes)
{
        static const char *const names[N_POLICY] = {"context", "user", "group", "at_console"};
        const char *v[N_POLICY] = {0};
        ConfigAttributes found = {names, v, N_POLICY};
        ConfigSection *section = &xml->section;

        *section = (ConfigSection){.ignored = true};
        if (!config_element_read_attributes(xml, element, attributes, &found))
                return;
        if (!!v[CONTEXT] + !!v[FOR_USER] + !!v[FOR_GROUP] + !!v[AT_CONSOLE] != 1) {
                config_xml_fail(xml, "<policy> must have exactly one of the attributes context, "
                                     "user, group and at_console");
                return;
        }
        if (v[CONTEXT]) {
                read_context(xml, v[CONTEXT]);
        } else if (v[AT_CONSOLE]) {
                read_console(xml, v[AT_CONSOLE]);
        } else {
                section->context = v[FOR_USER] ? POLICY_CONTEXT_USER : POLICY_CONTEXT_GROUP;
                section->ignored = config_section_find_id(xml, v[FOR_USER] != NULL,
                                                          v[FOR_USER] ? v[FOR_USER] : v[FOR_GROUP],
                                                          &section->id) < 0;
        }
}
