/* SPDX-License-Identifier: Apache-2.0 */
/* See hops_document.h. */
#include "tests/guard/hops_document.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum { LINE_MAX_SIZE = 512 };

/* Copies what stands between the next two backticks; where it goes on, or NULL. */
static const char *read_quoted(const char *text, char *ret_word, size_t size)
{
        const char *begin = strchr(text, '`');
        const char *end = begin ? strchr(begin + 1, '`') : NULL;

        if (!end || (size_t)(end - begin) > size || end == begin + 1)
                return NULL;
        memcpy(ret_word, begin + 1, (size_t)(end - begin) - 1);
        ret_word[end - begin - 1] = '\0';
        return end + 1;
}

/* A line of the section: a hop with the right number, a continuation or blank. */
static bool read_line(const char *line, HopList *hops)
{
        Hop *hop = &hops->items[hops->n];
        const char *rest;
        unsigned number;
        int n = 0;

        if (line[0] == ' ' || line[0] == '\n')
                return true;
        if (sscanf(line, "%u. %n", &number, &n) != 1 || n == 0 || number != hops->n + 1)
                return false;
        rest = read_quoted(line + n, hop->file, sizeof(hop->file));
        if (!rest || !read_quoted(rest, hop->function, sizeof(hop->function)))
                return false;
        hops->n++;
        return true;
}

int hops_document_read(const char *path, const char *section, HopList *ret_hops)
{
        char line[LINE_MAX_SIZE], begin[64];
        FILE *file = fopen(path, "re");
        bool inside = false, ended = false;

        ret_hops->n = 0;
        if (!file) {
                perror(path);
                return -1;
        }
        snprintf(begin, sizeof(begin), "<!-- hops: %s -->\n", section);
        while (!ended && fgets(line, sizeof(line), file)) {
                if (!inside) {
                        inside = strcmp(line, begin) == 0;
                } else if (strcmp(line, "<!-- hops end -->\n") == 0) {
                        ended = true;
                } else if (ret_hops->n + 1 >= HOPS_MAX || !read_line(line, ret_hops)) {
                        fprintf(stderr, "%s: not hop %zu: %s", path, ret_hops->n + 1, line);
                        break;
                }
        }
        fclose(file);
        if (ended && ret_hops->n > 0)
                return 0;
        fprintf(stderr, "%s: no complete list of hops \"%s\"\n", path, section);
        return -1;
}

int hops_document_read_trace(const char *path, HopList *ret_hops)
{
        char line[LINE_MAX_SIZE];
        FILE *file = fopen(path, "re");

        ret_hops->n = 0;
        if (!file)
                return -1;
        while (ret_hops->n < HOPS_MAX && fgets(line, sizeof(line), file)) {
                Hop *hop = &ret_hops->items[ret_hops->n];
                char *blank = strchr(line, ' '), *end = strchr(line, '\n');

                if (!end)
                        break;
                if (!blank || blank - line >= HOPS_FILE_MAX || end - blank > HOPS_FUNCTION_MAX)
                        continue;
                *blank = '\0';
                *end = '\0';
                strcpy(hop->file, line);
                strcpy(hop->function, blank + 1);
                ret_hops->n++;
        }
        fclose(file);
        return 0;
}

/* "type name(" at the beginning of a line which does not end the declaration. */
static bool line_defines(const char *line, const char *function)
{
        const char *at = strstr(line, function);
        size_t size = strlen(line);

        if (!at || at == line || isspace((unsigned char)line[0]) || strchr(line, ';'))
                return false;
        return size > 0 && (at[-1] == ' ' || at[-1] == '*') && at[strlen(function)] == '(';
}

bool hops_document_is_defined(const char *top, const Hop *hop)
{
        char path[LINE_MAX_SIZE], line[LINE_MAX_SIZE];
        bool found = false;
        FILE *file;

        snprintf(path, sizeof(path), "%s/%s", top, hop->file);
        file = fopen(path, "re");
        if (!file) {
                perror(path);
                return false;
        }
        while (!found && fgets(line, sizeof(line), file))
                found = line_defines(line, hop->function);
        fclose(file);
        if (!found)
                fprintf(stderr, "%s: does not define %s()\n", path, hop->function);
        return found;
}
