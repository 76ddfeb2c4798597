/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BROKER_CONFIG_ELEMENT_H
#define RINGBUS_BROKER_CONFIG_ELEMENT_H

/* The elements of a configuration file: where each may stand and what it does. */

#include "broker/config_xml.h"

struct ConfigElement {
        const char *name;
        const char *parent; /* the one element it stands in; NULL: it is the root */
        bool has_text;      /* text belongs into it, and must not be missing */
        /* Both may be NULL; no `begin`: there are no attributes. Errors are reported. */
        void (*begin)(ConfigXml *xml, const ConfigElement *element, const char *const *attributes);
        void (*end)(ConfigXml *xml, const ConfigElement *element, const char *text);
};

/* NULL: dbus-daemon(1) knows no such element. */
const ConfigElement *config_element_find(const char *name);

/* Says that nobody knows it, and which one may be meant. */
void config_element_describe_unknown(const char *name, char *ret_what, size_t size);

/* The start of an element that has just been opened and stands where it may. */
void config_element_begin(ConfigXml *xml, const ConfigElement *element,
                          const char *const *attributes);

/* Its end; there were no errors in it. */
void config_element_end(ConfigXml *xml, const ConfigElement *element, const char *text);

/* The attributes that an element knows, and what was found: the same order. */
typedef struct ConfigAttributes {
        const char *const *names;
        const char **values; /* borrowed; NULL: not given */
        size_t n;
} ConfigAttributes;

/* Sorts what expat gives (name, value, ..., NULL); each unknown one is an error. Whether none was.
 */
bool config_element_read_attributes(ConfigXml *xml, const ConfigElement *element,
                                    const char *const *attributes, ConfigAttributes *into);

#endif
