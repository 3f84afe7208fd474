/* SPDX-License-Identifier: MIT
 *
 * Cells as CSV: RFC 4180. The only user of libcsv.
 *
 * libcsv quotes every cell it writes, so only the cells that need it are quoted: those with a comma, a quote mark or a line end,
 * and those with a blank at either end, which libcsv's own reader would strip. It looks at each byte of a cell twice; of those
 * without a quote mark, which are nearly all (every sentence with a comma), nothing is left to look for.
 */
#include "report/row.h"

#include <csv.h>
#include <string.h>

/* Of a sentence memchr() looks at many bytes at once; a number is over before it has begun. */
static bool has_special(const char *cell, size_t length)
{
    static const bool special[256] = {[','] = true, ['"'] = true, ['\r'] = true, ['\n'] = true};
    enum { SENTENCE = 24 };
    if (length >= SENTENCE)
        return memchr(cell, ',', length) || memchr(cell, '"', length) || memchr(cell, '\n', length) ||
               memchr(cell, '\r', length);
    for (size_t at = 0; at < length; at++)
        if (special[(unsigned char)cell[at]])
            return true;
    return false;
}

static bool needs_quotes(const char *cell, size_t length)
{
    if (!length)
        return false;
    char head = cell[0], tail = cell[length - 1];
    return head == ' ' || tail == ' ' || head == '\t' || tail == '\t' || has_special(cell, length);
}

/* Between quotes. What has a quote mark of its own is left to libcsv, which doubles it. */
static void add_quoted(struct tca_buf *out, const char *cell, size_t length)
{
    bool marks = length && memchr(cell, '"', length);
    size_t need = marks ? csv_write(NULL, 0, cell, length) : length + 2;
    char *quoted = tca_buf_room(out, need);
    if (!quoted)
        return;
    if (marks) {
        csv_write(quoted, need, cell, length);
    } else {
        quoted[0] = quoted[need - 1] = '"';
        memcpy(quoted + 1, cell, length);
    }
    out->used += need;
}

/* A table of one column marks its nulls by quotes, because readers skip an empty line. */
static bool must_quote(const struct tca_lines *lines, const char *cell, size_t length)
{
    return needs_quotes(cell, length) || (!length && lines->pick_count == 1);
}

void tca_csv_quote(struct tca_lines *lines, size_t begin)
{
    size_t length = lines->out.used - begin;
    if (lines->out.failed || !must_quote(lines, tca_buf_since(&lines->out, begin), length))
        return;
    if (tca_lines_lift(lines, begin))
        add_quoted(&lines->out, lines->cell.bytes, length);
}

#define TEXT_OF(number)                     #number
#define VERSION_TEXT(major, minor, release) TEXT_OF(major) "." TEXT_OF(minor) "." TEXT_OF(release)

const char *tca_csv_library(void)
{
    return VERSION_TEXT(CSV_MAJOR, CSV_MINOR, CSV_RELEASE);
}
