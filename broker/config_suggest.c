/* SPDX-License-Identifier: Apache-2.0 */
/* Nearness is the number of characters to insert, delete or replace (Levenshtein). */

#include "broker/config_suggest.h"

#include <stdio.h>
#include <string.h>

enum { NAME_MAX_SIZE = 48 }; /* longer than any name there is */

/* Both are at most NAME_MAX_SIZE bytes long. */
static size_t distance_of(const char *a, size_t n_a, const char *b, size_t n_b)
{
        size_t row[NAME_MAX_SIZE + 1]; /* to the first j bytes of b, from the first i of a */

        for (size_t j = 0; j <= n_b; j++)
                row[j] = j;
        for (size_t i = 1; i <= n_a; i++) {
                size_t diagonal = row[0];

                row[0] = i;
                for (size_t j = 1; j <= n_b; j++) {
                        size_t best = diagonal + (a[i - 1] != b[j - 1]);

                        if (row[j] + 1 < best)
                                best = row[j] + 1;
                        if (row[j - 1] + 1 < best)
                                best = row[j - 1] + 1;
                        diagonal = row[j];
                        row[j] = best;
                }
        }
        return row[n_b];
}

void config_suggest_init(ConfigSuggestion *suggestion, const char *name)
{
        /* A third of the characters may be wrong, at least one; "ab" is near to nothing. */
        *suggestion = (ConfigSuggestion){.name = name, .distance = strlen(name) / 3 + 1};
        if (suggestion->distance > 6)
                suggestion->distance = 6;
}

void config_suggest_consider(ConfigSuggestion *suggestion, const char *candidate)
{
        size_t n_name = strlen(suggestion->name);
        size_t n_candidate = strlen(candidate);
        size_t distance;

        if (n_name > NAME_MAX_SIZE || n_candidate > NAME_MAX_SIZE)
                return;
        distance = distance_of(suggestion->name, n_name, candidate, n_candidate);
        if (distance < suggestion->distance) {
                suggestion->distance = distance;
                suggestion->best = candidate;
        }
}

const char *config_suggest_text(ConfigSuggestion *suggestion)
{
        if (suggestion->best)
                snprintf(suggestion->text, sizeof(suggestion->text), "; did you mean \"%s\"?",
                         suggestion->best);
        return suggestion->text;
}
