/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BROKER_CONFIG_RULE_H
#define RINGBUS_BROKER_CONFIG_RULE_H

/*
 * <allow> and <deny>: their attributes become PolicyRules (auth/policyrule.h) of the draft, in the
 * order of the file. What they mean together is not decided here.
 */

#include "broker/config_element.h"

/* An <allow> or <deny>. */
void config_rule_begin(ConfigXml *xml, const ConfigElement *element, const char *const *attributes);

#endif
