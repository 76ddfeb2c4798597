/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BROKER_CONFIG_ELEMENT_H
#define RINGBUS_BROKER_CONFIG_ELEMENT_H

/* The elements of a configuration file: where each may stand and what it does. */

#include "broker/config_xml.h"

typedef enum ConfigSupport {
        CONFIG_ENFORCED,
        CONFIG_WITHOUT_EFFECT, /* session.conf has it: accepted, one line in the log */
        CONFIG_UNSUPPORTED,    /* refused by name */
} ConfigSupport;

struct ConfigElement {
        const char *name;
        const char *parent; /* the one element it stands in; NULL: it is the root */
        bool has_text;      /* text belongs into it, and must not be missing */
        ConfigSupport support;
        /* Both may be NULL; no `begin`: there are no attributes. False: an error was reported. */
        bool (*begin)(ConfigXml *xml, const char *const *attributes);
        bool (*end)(ConfigXml *xml, const char *text);
};

/* NULL: dbus-daemon(1) knows no such element. */
const ConfigElement *config_element_find(const char *name);

/* The start of an element that has just been opened and stands where it may. */
void config_element_begin(ConfigXml *xml, const ConfigElement *element,
                          const char *const *attributes);

#endif
