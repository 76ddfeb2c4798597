/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_TESTS_UNIT_CONFIG_DESCRIBE_H
#define RINGBUS_TESTS_UNIT_CONFIG_DESCRIBE_H

#include "broker/config.h"

/* All that a configuration says, as text: equal texts mean equal configurations. To be free()d. */
char *config_describe(const Config *config);

#endif
