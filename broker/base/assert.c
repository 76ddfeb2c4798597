/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/base/assert.h"

#include <stdio.h>
#include <stdlib.h>

void assert_failed(const char *expression, const char *file, int line)
{
        fprintf(stderr, "ringbus: assertion failed: %s (%s:%d)\n", expression, file, line);
        abort();
}
