/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_TESTS_UNIT_DEATH_H
#define RINGBUS_TESTS_UNIT_DEATH_H

/*
 * Death tests: what must end the process is done in a child. A broken assertion is reported on the
 * child's standard error, which is shown only when the child did not die as expected.
 */

#include <stdbool.h>

/* Whether `act` ends its process by abort(3), that is, by an assertion. */
bool death_by_assertion(void (*act)(void));

/* Whether AddressSanitizer ends the process of `act`. */
bool death_by_sanitizer(void (*act)(void));

#endif
