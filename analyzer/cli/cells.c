/* SPDX-License-Identifier: MIT
 *
 * One record, one line, so that a line that was cut off while it was written is told from a whole one by its end alone.
 */
#include "cells.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <tcpautopsy/text.h>

/* ---- writing ---- */

void cell_put(FILE *to, bool first, const char *text)
{
    bool quoted = strpbrk(text, ",\"") != NULL;
    if (!first)
        putc(',', to);
    if (quoted)
        putc('"', to);
    bool formula = tca_text_is_formula(text);
    while (*text) {
        size_t length = *text == '\\' || formula ? 0 : tca_text_plain(text);
        formula = false;
        if (*text == '"')
            fputs("\"\"", to);
        else if (length)
            fwrite(text, 1, length, to);
        else
            fprintf(to, "\\x%02x", (unsigned char)*text);
        text += length ? length : 1;
    }
    if (quoted)
        putc('"', to);
}

void cell_put_count(FILE *to, uint64_t count)
{
    fprintf(to, ",%" PRIu64, count);
}

/* ---- reading ---- */

/* \xNN back to bytes, in place; no byte may be zero. */
static bool restore(char *text)
{
    char *to = text;
    for (const char *at = text; *at; to++) {
        if (*at != '\\') {
            *to = *at++;
            continue;
        }
        unsigned byte;
        if (sscanf(at, "\\x%2x", &byte) != 1 || !byte || !at[2] || !at[3])
            return false;
        *to = (char)byte;
        at += 4;
    }
    *to = '\0';
    return true;
}

/* The cell that begins at `at`, and what stands behind it: a comma, or the end; NULL where it is not closed. */
static char *cut_quoted(char *at)
{
    char *to = at++; /* the mark itself makes room for the end */
    for (; *at && (*at != '"' || at[1] == '"'); at++) {
        at += *at == '"';
        *to++ = *at;
    }
    if (!*at)
        return NULL;
    at++;
    *to = '\0';
    return at;
}

size_t cells_cut(char *line, char **cell, size_t room)
{
    size_t count = 0;
    for (char *at = line; at;) {
        if (count == room)
            return 0;
        cell[count] = at;
        char *end = *at == '"' ? cut_quoted(at) : at + strcspn(at, ",");
        if (!end || (*end && *end != ','))
            return 0;
        at = *end ? end + 1 : NULL;
        *end = '\0';
        if (!restore(cell[count++]))
            return 0;
    }
    return count;
}

static bool number_of(const char *cell, int base, uint64_t *ret)
{
    char *end;
    errno = 0;
    unsigned long long value = strtoull(cell, &end, base);
    bool good =
        ((*cell >= '0' && *cell <= '9') || (base == 16 && *cell >= 'a' && *cell <= 'f')) && !*end && !errno;
    if (good)
        *ret = value;
    return good;
}

bool cell_count(const char *cell, uint64_t *ret)
{
    return number_of(cell, 10, ret);
}

bool cell_hex(const char *cell, uint64_t *ret)
{
    return strlen(cell) == 16 && number_of(cell, 16, ret);
}
