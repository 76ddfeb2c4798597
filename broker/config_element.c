/* SPDX-License-Identifier: Apache-2.0 */
/* The table of elements, and what the simple ones do. Policies are in config_rule.c. */

#include "broker/config_element.h"

#include <stdio.h>
#include <string.h>

#include "auth/sasl.h"
#include "broker/base/alloc.h"
#include "broker/base/assert.h"
#include "broker/config_rule.h"
#include "broker/config_section.h"
#include "broker/config_services.h"
#include "broker/config_suggest.h"

bool config_element_read_attributes(ConfigXml *xml, const ConfigElement *element,
                                    const char *const *attributes, ConfigAttributes *into)
{
        bool known = true;

        for (size_t i = 0; attributes[i]; i += 2) {
                ConfigSuggestion suggestion;
                size_t found = 0;

                config_suggest_init(&suggestion, attributes[i]);
                while (found < into->n && strcmp(attributes[i], into->names[found]) != 0)
                        config_suggest_consider(&suggestion, into->names[found++]);
                if (found < into->n) {
                        into->values[found] = attributes[i + 1];
                        continue;
                }
                known = false;
                config_xml_fail(xml, "<%s> has no attribute \"%s\"%s", element->name, attributes[i],
                                config_suggest_text(&suggestion));
        }
        return known;
}

static void end_string(ConfigXml *xml, const ConfigElement *element, const char *text)
{
        Config *config = &xml->draft->config;
        char **member = &config->type;

        if (strcmp(element->name, "user") == 0)
                member = &config->user;
        else if (strcmp(element->name, "pidfile") == 0)
                member = &config->pidfile;
        config_xml_check(xml, config_draft_set(member, text));
}

static void end_flag(ConfigXml *xml, const ConfigElement *element, const char *text)
{
        Config *config = &xml->draft->config;

        (void)text;
        if (strcmp(element->name, "fork") == 0)
                config->fork = true;
        else if (strcmp(element->name, "keep_umask") == 0)
                config->keep_umask = true;
        else if (strcmp(element->name, "allow_anonymous") == 0)
                config->allow_anonymous = true;
        else
                config->syslog = true;
}

static void end_listen(ConfigXml *xml, const ConfigElement *element, const char *text)
{
        (void)element;
        config_xml_check(xml, config_draft_add_listen(xml->draft, text));
}

static void end_auth(ConfigXml *xml, const ConfigElement *element, const char *text)
{
        unsigned *mechanisms = &xml->draft->config.mechanisms;

        (void)element;
        if (strcmp(text, "EXTERNAL") == 0) {
                *mechanisms |= SASL_MECHANISM_EXTERNAL;
        } else if (strcmp(text, "DBUS_COOKIE_SHA1") == 0) {
                *mechanisms |= SASL_MECHANISM_COOKIE_SHA1;
        } else if (strcmp(text, "ANONYMOUS") == 0) {
                *mechanisms |= SASL_MECHANISM_ANONYMOUS;
        } else {
                config_xml_fail(xml,
                                "unknown mechanism \"%s\" in <auth>; known are EXTERNAL, "
                                "DBUS_COOKIE_SHA1 and ANONYMOUS",
                                text);
        }
}

static void begin_limit(ConfigXml *xml, const ConfigElement *element, const char *const *attributes)
{
        static const char *const names[] = {"name"};
        const char *values[ARRAY_SIZE(names)] = {0};
        ConfigAttributes found = {names, values, ARRAY_SIZE(names)};

        if (!config_element_read_attributes(xml, element, attributes, &found))
                return;
        if (!values[0]) {
                config_xml_fail(xml, "<limit> must have the attribute \"name\"");
                return;
        }
        config_xml_check(xml, config_draft_set(&xml->limit_name, values[0]));
}

static void fail_unknown_limit(ConfigXml *xml)
{
        ConfigSuggestion suggestion;

        config_suggest_init(&suggestion, xml->limit_name);
        for (size_t i = 0; i < LIMITS_COUNT; i++)
                config_suggest_consider(&suggestion, limits_name(i));
        config_xml_fail(xml, "there is no limit called \"%s\"%s", xml->limit_name,
                        config_suggest_text(&suggestion));
}

static void note_limit(ConfigXml *xml, LimitsSupport support)
{
        switch (support) {
        case LIMITS_ENFORCED:
                break;
        case LIMITS_ACTIVATION:
                config_services_note(xml, "limit");
                break;
        case LIMITS_CONTAINERS:
                config_xml_note(xml, CONFIG_NOTE_CONTAINERS,
                                "<limit name=\"%s\"> has no effect: there are no containers",
                                xml->limit_name);
                break;
        }
}

static void end_limit(ConfigXml *xml, const ConfigElement *element, const char *text)
{
        const char *name = xml->limit_name;
        LimitsSupport support;

        (void)element;
        switch (limits_set(&xml->draft->config.limits, name, text, &support)) {
        case LIMITS_SET:
                note_limit(xml, support);
                break;
        case LIMITS_UNKNOWN:
                fail_unknown_limit(xml);
                break;
        case LIMITS_NOT_A_NUMBER:
                config_xml_fail(xml, "limit %s: \"%s\" is not a number", name, text);
                break;
        case LIMITS_NEGATIVE:
                config_xml_fail(xml, "limit %s: %s is negative; use 0 or more", name, text);
                break;
        case LIMITS_TOO_LARGE:
                config_xml_fail(xml, "limit %s: %s is too large; the most is %d", name, text,
                                INT32_MAX);
                break;
        }
}

/* "yes", "no" or NULL, which leaves *ret_yes alone. */
static void read_yes_or_no(ConfigXml *xml, const char *name, const char *value, bool *ret_yes)
{
        bool yes = value && strcmp(value, "yes") == 0;

        if (value && !yes && strcmp(value, "no") != 0)
                config_xml_fail(xml, "%s=\"%s\" must be \"yes\" or \"no\"", name, value);
        *ret_yes = yes;
}

static void begin_include(ConfigXml *xml, const ConfigElement *element,
                          const char *const *attributes)
{
        static const char *const names[] = {"ignore_missing", "if_selinux_enabled",
                                            "selinux_root_relative"};
        const char *values[ARRAY_SIZE(names)] = {0};
        ConfigAttributes found = {names, values, ARRAY_SIZE(names)};

        config_element_read_attributes(xml, element, attributes, &found);
        read_yes_or_no(xml, names[0], values[0], &xml->ignore_missing);
        read_yes_or_no(xml, names[1], values[1], &xml->if_selinux);
        read_yes_or_no(xml, names[2], values[2], &xml->at_selinux_root);
}

/* The text becomes the path in SELinux's folder; false if there is none, or no room. */
static bool make_selinux_path(ConfigXml *xml, const char *root)
{
        size_t n_root = root ? strlen(root) : 0;

        if (n_root == 0) {
                config_xml_fail(xml, "selinux_root_relative=\"yes\" needs SELinux, which is not "
                                     "enabled; add if_selinux_enabled=\"yes\"");
                return false;
        }
        if (xml->n_text + n_root + 1 > CONFIG_XML_TEXT_MAX) {
                config_xml_fail(xml, "the path is too long");
                return false;
        }
        memmove(xml->text + n_root + 1, xml->text, xml->n_text + 1);
        memcpy(xml->text, root, n_root);
        xml->text[n_root] = '/';
        return true;
}

static void end_include(ConfigXml *xml, const ConfigElement *element, const char *text)
{
        const char *root = xml->source->get_selinux_root(xml->source->context);

        (void)element;
        if (xml->if_selinux && !root)
                return;
        if (!xml->at_selinux_root || make_selinux_path(xml, root))
                config_xml_request(xml, CONFIG_REQUEST_FILE, text, xml->ignore_missing);
}

static void end_includedir(ConfigXml *xml, const ConfigElement *element, const char *text)
{
        (void)element;
        config_xml_request(xml, CONFIG_REQUEST_FOLDER, text, true);
}

static void begin_associate(ConfigXml *xml, const ConfigElement *element,
                            const char *const *attributes)
{
        static const char *const names[] = {"own", "context"};
        const char *values[ARRAY_SIZE(names)] = {0};
        ConfigAttributes found = {names, values, ARRAY_SIZE(names)};

        if (!config_element_read_attributes(xml, element, attributes, &found))
                return;
        if (!values[0] || !values[1])
                config_xml_fail(xml, "<associate> must have the attributes own and context");
        else
                config_xml_check(xml, config_draft_associate(xml->draft, values[0], values[1]));
}

static void begin_apparmor(ConfigXml *xml, const ConfigElement *element,
                           const char *const *attributes)
{
        static const char *const modes[] = {[CONFIG_APPARMOR_ENABLED] = "enabled",
                                            [CONFIG_APPARMOR_DISABLED] = "disabled",
                                            [CONFIG_APPARMOR_REQUIRED] = "required"};
        static const char *const names[] = {"mode"};
        const char *values[ARRAY_SIZE(names)] = {"enabled"};
        ConfigAttributes found = {names, values, ARRAY_SIZE(names)};

        if (!config_element_read_attributes(xml, element, attributes, &found))
                return;
        for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
                if (strcmp(values[0], modes[i]) != 0)
                        continue;
                xml->draft->config.apparmor = (ConfigAppArmor)i;
                xml->draft->has_apparmor = true;
                return;
        }
        config_xml_fail(xml, "mode=\"%s\" must be \"enabled\", \"disabled\" or \"required\"",
                        values[0]);
}

#define BUS "busconfig"

static const ConfigElement elements[] = {
        {BUS, NULL, false, NULL, NULL},
        {"type", BUS, true, NULL, end_string},
        {"user", BUS, true, NULL, end_string},
        {"pidfile", BUS, true, NULL, end_string},
        {"fork", BUS, false, NULL, end_flag},
        {"keep_umask", BUS, false, NULL, end_flag},
        {"syslog", BUS, false, NULL, end_flag},
        {"allow_anonymous", BUS, false, NULL, end_flag},
        {"listen", BUS, true, NULL, end_listen},
        {"auth", BUS, true, NULL, end_auth},
        {"limit", BUS, true, begin_limit, end_limit},
        {"include", BUS, true, begin_include, end_include},
        {"includedir", BUS, true, NULL, end_includedir},
        {"servicedir", BUS, true, NULL, config_services_add},
        {"servicehelper", BUS, true, NULL, config_services_set_helper},
        {"standard_session_servicedirs", BUS, false, NULL, config_services_add_session},
        {"standard_system_servicedirs", BUS, false, NULL, config_services_add_system},
        {"policy", BUS, false, config_section_begin, NULL},
        {"allow", "policy", false, config_rule_begin, NULL},
        {"deny", "policy", false, config_rule_begin, NULL},
        {"selinux", BUS, false, NULL, NULL},
        {"associate", "selinux", false, begin_associate, NULL},
        {"apparmor", BUS, false, begin_apparmor, NULL},
};

const ConfigElement *config_element_find(const char *name)
{
        for (size_t i = 0; i < ARRAY_SIZE(elements); i++) {
                if (strcmp(elements[i].name, name) == 0)
                        return &elements[i];
        }
        return NULL;
}

void config_element_describe_unknown(const char *name, char *ret_what, size_t size)
{
        ConfigSuggestion suggestion;

        config_suggest_init(&suggestion, name);
        for (size_t i = 0; i < ARRAY_SIZE(elements); i++)
                config_suggest_consider(&suggestion, elements[i].name);
        snprintf(ret_what, size, "unknown element <%s>%s", name, config_suggest_text(&suggestion));
}

void config_element_begin(ConfigXml *xml, const ConfigElement *element,
                          const char *const *attributes)
{
        if (element->begin)
                element->begin(xml, element, attributes);
        else
                config_element_read_attributes(xml, element, attributes, &(ConfigAttributes){0});
}

void config_element_end(ConfigXml *xml, const ConfigElement *element, const char *text)
{
        if (element->end)
                element->end(xml, element, text);
}
