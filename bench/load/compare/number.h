/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BENCH_LOAD_COMPARE_NUMBER_H
#define RINGBUS_BENCH_LOAD_COMPARE_NUMBER_H

/* Numbers for people: three digits are all that such figures are good for. */

enum { NUMBER_TEXT_MAX = 32 };

/* "0.283", "7.20", "118", "12.3 k", "1.49 M". Returns `text`. */
const char *number_text(double value, char text[static NUMBER_TEXT_MAX]);

/* "8", "64 Ki", "1 Mi" for multiples of 1024, otherwise all digits. Returns `text`. */
const char *number_tick(double value, char text[static NUMBER_TEXT_MAX]);

#endif
