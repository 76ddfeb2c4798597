/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BENCH_LOAD_COMPARE_HTML_H
#define RINGBUS_BENCH_LOAD_COMPARE_HTML_H

/* The frame of a page, and text in it. */

#include <stdio.h>

/* Writes text with <, >, & and quotes escaped. */
void html_text(FILE *file, const char *text);

/* The head of a page, with the style sheet; what follows is the body's. */
void html_begin(FILE *file, const char *title);
void html_end(FILE *file);

#endif
