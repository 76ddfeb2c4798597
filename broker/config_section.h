/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BROKER_CONFIG_SECTION_H
#define RINGBUS_BROKER_CONFIG_SECTION_H

/* <policy>: whom the rules in it are for. */

#include "broker/config_element.h"

/* The rules of a section whose user or group nobody knows are looked at, but left out. */
void config_section_begin(ConfigXml *xml, const ConfigElement *element,
                          const char *const *attributes);

/*
 * The number of a user or group, which may be written as one. 0; -ENOENT: nobody knows it, which a
 * warning says; or another -errno: an error was reported, for what cannot be asked now may exist.
 */
int config_section_find_id(ConfigXml *xml, bool is_user, const char *name, uint32_t *ret_id);

#endif
