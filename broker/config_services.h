/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BROKER_CONFIG_SERVICES_H
#define RINGBUS_BROKER_CONFIG_SERVICES_H

/*
 * The elements that say where services come from: <servicedir>, <servicehelper> and the standard
 * folders. They are stored; nothing is started yet, which is reported once.
 */

#include "broker/config_element.h"

void config_services_add(ConfigXml *xml, const ConfigElement *element, const char *text);
void config_services_set_helper(ConfigXml *xml, const ConfigElement *element, const char *text);

/* $XDG_RUNTIME_DIR, $XDG_DATA_HOME, $XDG_DATA_DIRS, /usr/share, each with "/dbus-1/services". */
void config_services_add_session(ConfigXml *xml, const ConfigElement *element, const char *text);

/* /etc, /run, /usr/local/share, /usr/share, /lib, each with "/dbus-1/system-services". */
void config_services_add_system(ConfigXml *xml, const ConfigElement *element, const char *text);

/* Reports, once, that what the element `name` asks for has no effect yet. */
void config_services_note(ConfigXml *xml, const char *name);

#endif
