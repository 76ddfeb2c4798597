/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of elements. An element that the bus cannot carry out yet stays in it as
 * CONFIG_UNSUPPORTED, so that it is refused by its name and not as a misspelling.
 */

#include "broker/config_element.h"

#include <stdio.h>
#include <string.h>

#include "auth/sasl.h"
#include "broker/base/alloc.h"
#include "broker/base/assert.h"

static bool end_type(ConfigXml *xml, const char *text)
{
        return config_draft_set_type(xml->draft, text) == 0 || config_xml_fail_memory(xml);
}

static bool end_listen(ConfigXml *xml, const char *text)
{
        return config_draft_add_listen(xml->draft, text) == 0 || config_xml_fail_memory(xml);
}

/* A mechanism that is allowed but not served is still listed to clients; they cannot succeed by it.
 */
static bool end_auth(ConfigXml *xml, const char *text)
{
        static const struct {
                const char *name;
                unsigned mechanism;
                bool served;
        } mechanisms[] = {
                {"EXTERNAL", SASL_MECHANISM_EXTERNAL, true},
                {"DBUS_COOKIE_SHA1", SASL_MECHANISM_COOKIE_SHA1, false},
                {"ANONYMOUS", SASL_MECHANISM_ANONYMOUS, false},
        };

        for (size_t i = 0; i < ARRAY_SIZE(mechanisms); i++) {
                unsigned mechanism = mechanisms[i].mechanism;

                if (strcmp(text, mechanisms[i].name) != 0)
                        continue;
                xml->draft->config.mechanisms |= mechanism;
                if (!mechanisms[i].served && !(xml->notes->mechanisms & mechanism)) {
                        xml->notes->mechanisms |= mechanism;
                        config_xml_note(xml, "<auth>%s</auth> has no effect yet", text);
                }
                return true;
        }
        return config_xml_fail(xml,
                               "unknown mechanism \"%s\" in <auth>; known are EXTERNAL, "
                               "DBUS_COOKIE_SHA1 and ANONYMOUS",
                               text);
}

static bool begin_limit(ConfigXml *xml, const char *const *attributes)
{
        xml->limit_name = alloc_free(xml->limit_name);
        for (size_t i = 0; attributes[i]; i += 2) {
                if (strcmp(attributes[i], "name") != 0)
                        return config_xml_fail(xml, "<limit> has no attribute \"%s\"",
                                               attributes[i]);
                xml->limit_name = alloc_string(attributes[i + 1], strlen(attributes[i + 1]));
                if (!xml->limit_name)
                        return config_xml_fail_memory(xml);
        }
        if (!xml->limit_name)
                return config_xml_fail(xml, "<limit> must have the attribute \"name\"");
        return true;
}

static bool end_limit(ConfigXml *xml, const char *text)
{
        const char *name = xml->limit_name;
        size_t index = 0;

        switch (limits_set(&xml->draft->config.limits, name, text, &index)) {
        case LIMITS_SET:
                return true;
        case LIMITS_SET_WITHOUT_EFFECT:
                if (!(xml->notes->limits & UINT64_C(1) << index)) {
                        xml->notes->limits |= UINT64_C(1) << index;
                        config_xml_note(xml, "<limit name=\"%s\"> has no effect yet", name);
                }
                return true;
        case LIMITS_UNKNOWN:
                return config_xml_fail(xml, "there is no limit called \"%s\"", name);
        case LIMITS_NOT_SUPPORTED:
                return config_xml_fail(xml, "<limit name=\"%s\"> is not supported yet; remove it",
                                       name);
        case LIMITS_NOT_A_NUMBER:
                return config_xml_fail(xml, "limit %s: \"%s\" is not a number", name, text);
        case LIMITS_NEGATIVE:
                return config_xml_fail(xml, "limit %s: %s is negative; use 0 or more", name, text);
        case LIMITS_TOO_LARGE:
                return config_xml_fail(xml, "limit %s: %s is too large; the most is %d", name, text,
                                       INT32_MAX);
        }
        ASSERT_NOT_REACHED();
}

/* "yes" or "no"; an error is reported. */
static bool read_yes_or_no(ConfigXml *xml, const char *const *attribute, bool *ret_yes)
{
        bool yes = strcmp(attribute[1], "yes") == 0;

        if (!yes && strcmp(attribute[1], "no") != 0)
                return config_xml_fail(xml, "%s=\"%s\" must be \"yes\" or \"no\"", attribute[0],
                                       attribute[1]);
        *ret_yes = yes;
        return true;
}

/*
 * if_selinux_enabled="yes": SELinux mediation does not exist here, as if SELinux were disabled, so
 * the file is skipped. session.conf has such an element.
 */
static bool begin_include(ConfigXml *xml, const char *const *attributes)
{
        bool if_selinux = false;
        bool at_selinux_root = false;

        xml->ignore_missing = false;
        for (size_t i = 0; attributes[i]; i += 2) {
                bool *yes;

                if (strcmp(attributes[i], "ignore_missing") == 0)
                        yes = &xml->ignore_missing;
                else if (strcmp(attributes[i], "if_selinux_enabled") == 0)
                        yes = &if_selinux;
                else if (strcmp(attributes[i], "selinux_root_relative") == 0)
                        yes = &at_selinux_root;
                else
                        return config_xml_fail(xml, "<include> has no attribute \"%s\"",
                                               attributes[i]);
                if (!read_yes_or_no(xml, attributes + i, yes))
                        return false;
        }
        xml->skip_include = if_selinux;
        if (at_selinux_root && !if_selinux)
                return config_xml_fail(xml, "selinux_root_relative=\"yes\" is not supported yet");
        if (if_selinux && !xml->notes->selinux) {
                xml->notes->selinux = true;
                config_xml_note(xml, "<include if_selinux_enabled=\"yes\"> has no effect yet");
        }
        return true;
}

static bool end_include(ConfigXml *xml, const char *text)
{
        (void)text;
        if (!xml->skip_include)
                config_xml_request(xml, CONFIG_REQUEST_FILE, xml->ignore_missing);
        return true;
}

static bool end_includedir(ConfigXml *xml, const char *text)
{
        (void)text;
        config_xml_request(xml, CONFIG_REQUEST_FOLDER, true);
        return true;
}

static bool begin_policy(ConfigXml *xml, const char *const *attributes)
{
        ConfigError error = {{0}};

        return config_policy_read_context(attributes, &xml->context, &error) ||
               config_xml_fail(xml, "%s", error.text);
}

static bool begin_allow(ConfigXml *xml, const char *const *attributes)
{
        ConfigError error = {{0}};

        return config_policy_allow(&xml->draft->policy, xml->context, attributes, &error) ||
               config_xml_fail(xml, "%s", error.text);
}

static const ConfigElement elements[] = {
        {"busconfig", NULL, false, CONFIG_ENFORCED, NULL, NULL},
        {"type", "busconfig", true, CONFIG_ENFORCED, NULL, end_type},
        {"listen", "busconfig", true, CONFIG_ENFORCED, NULL, end_listen},
        {"auth", "busconfig", true, CONFIG_ENFORCED, NULL, end_auth},
        {"limit", "busconfig", true, CONFIG_ENFORCED, begin_limit, end_limit},
        {"include", "busconfig", true, CONFIG_ENFORCED, begin_include, end_include},
        {"includedir", "busconfig", true, CONFIG_ENFORCED, NULL, end_includedir},
        {"policy", "busconfig", false, CONFIG_ENFORCED, begin_policy, NULL},
        {"allow", "policy", false, CONFIG_ENFORCED, begin_allow, NULL},
        {"keep_umask", "busconfig", false, CONFIG_WITHOUT_EFFECT, NULL, NULL},
        {"standard_session_servicedirs", "busconfig", false, CONFIG_WITHOUT_EFFECT, NULL, NULL},
        {"deny", "policy", false, CONFIG_UNSUPPORTED, NULL, NULL},
        {"user", "busconfig", true, CONFIG_UNSUPPORTED, NULL, NULL},
        {"fork", "busconfig", false, CONFIG_UNSUPPORTED, NULL, NULL},
        {"syslog", "busconfig", false, CONFIG_UNSUPPORTED, NULL, NULL},
        {"pidfile", "busconfig", true, CONFIG_UNSUPPORTED, NULL, NULL},
        {"allow_anonymous", "busconfig", false, CONFIG_UNSUPPORTED, NULL, NULL},
        {"servicedir", "busconfig", true, CONFIG_UNSUPPORTED, NULL, NULL},
        {"servicehelper", "busconfig", true, CONFIG_UNSUPPORTED, NULL, NULL},
        {"standard_system_servicedirs", "busconfig", false, CONFIG_UNSUPPORTED, NULL, NULL},
        {"selinux", "busconfig", false, CONFIG_UNSUPPORTED, NULL, NULL},
        {"associate", "selinux", false, CONFIG_UNSUPPORTED, NULL, NULL},
        {"apparmor", "busconfig", false, CONFIG_UNSUPPORTED, NULL, NULL},
};

const ConfigElement *config_element_find(const char *name)
{
        for (size_t i = 0; i < ARRAY_SIZE(elements); i++) {
                if (strcmp(elements[i].name, name) == 0)
                        return &elements[i];
        }
        return NULL;
}

void config_element_begin(ConfigXml *xml, const ConfigElement *element,
                          const char *const *attributes)
{
        uint64_t bit = UINT64_C(1) << (element - elements);

        if (element->support == CONFIG_UNSUPPORTED) {
                config_xml_fail(xml, "<%s> is not supported yet; remove it", element->name);
                return;
        }
        if (!element->begin && attributes[0]) {
                config_xml_fail(xml, "<%s> has no attribute \"%s\"", element->name, attributes[0]);
                return;
        }
        if (element->support == CONFIG_WITHOUT_EFFECT && !(xml->notes->elements & bit)) {
                xml->notes->elements |= bit;
                config_xml_note(xml, "<%s> has no effect yet", element->name);
        }
        if (element->begin)
                element->begin(xml, attributes);
}
